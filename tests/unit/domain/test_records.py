"""Records that another version wrote: what it adds is ignored, what it lacks is named."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pullguard.domain.records import members_of


@dataclass
class Kept:
    name: str
    at: str
    note: str = ""
    tags: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("data", "members"),
    [
        ({"name": "a", "at": "b"}, {"name": "a", "at": "b"}),
        ({"name": "a", "at": "b", "later": 1}, {"name": "a", "at": "b"}),
        ({"name": "a", "at": None, "tags": ["x"]}, {"name": "a", "at": None, "tags": ["x"]}),
    ],
    ids=["as-it-is", "of-a-later-version", "with-defaults-given"],
)
def test_members_that_are_known_are_returned(data: dict[str, Any], members: dict[str, Any]) -> None:
    assert members_of(Kept, data) == members


@pytest.mark.parametrize(
    ("data", "reason"),
    [({}, "it lacks name"), ({"name": "a"}, "it lacks at"), ({"note": "x", "at": "b"}, "it lacks name")],
)
def test_a_record_that_lacks_a_member_is_refused(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        members_of(Kept, data)


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_what_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        members_of(Kept, data)
