"""Dataclasses as JSON records: every kind of member comes back, and what another version wrote is read or refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, stored_as, to_record
from tests.fakes import role_arn, secret_arn

AT = datetime(2026, 11, 23, 12, 30, 15, 250_000, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    secret: Arn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    role: Arn
    at: datetime
    state: Literal["open", "over"]
    count: int
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] | None = None
    reported_at: datetime | None = field(default=None, metadata=stored_as("told_at"))
    is_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    pairs: tuple[Pair, ...]


WHOLE = Kept(
    role=role_arn(),
    at=AT,
    state="over",
    count=3,
    parts=(Part(name="a", secret=secret_arn()), Part(name="b")),
    by_name={"x": Part(name="c")},
    reported_at=AT,
    is_first=True,
)
LEAST = Kept(role=role_arn(), at=AT, state="open", count=0)
STORED = {"role": str(role_arn()), "at": "2026-11-23T12:30:15.250000+00:00", "state": "open", "count": 0}


@pytest.mark.parametrize("kept", [WHOLE, LEAST], ids=["whole", "least"])
def test_a_record_comes_back_from_json(kept: Kept) -> None:
    assert from_record(Kept, json.loads(json.dumps(to_record(kept)))) == kept


def test_times_and_arns_are_stored_as_text_and_former_names_stay() -> None:
    none = dict.fromkeys(("by_name", "told_at"))
    assert to_record(LEAST) == {**STORED, "parts": [], **none, "is_first": False}
    assert to_record(WHOLE)["told_at"] == STORED["at"]


@pytest.mark.parametrize(
    "more", [{}, {"of_a_later_version": 1}, {"parts": []}], ids=["defaults", "unknown-member", "default-given"]
)
def test_a_record_of_another_version_is_read(more: dict[str, Any]) -> None:
    assert from_record(Kept, {**STORED, **more}) == LEAST


@pytest.mark.parametrize(
    ("data", "member"),
    [
        ({name: value for name, value in STORED.items() if name != "at"}, "at"),
        ({**STORED, "count": "3"}, "count"),
        ({**STORED, "count": None}, "count"),
        ({**STORED, "state": "ajar"}, "state"),
        ({**STORED, "parts": [{"secret": None}]}, "parts.name"),
        ({**STORED, "parts": [{"name": 7}]}, "parts.name"),
    ],
)
def test_a_record_with_a_member_missing_or_of_another_type_is_refused(data: dict[str, Any], member: str) -> None:
    with pytest.raises(ValueError, match=f'field "{member}"'):
        from_record(Kept, data)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"at": "yesterday"}, "at"),
        ({"at": 7}, "at"),
        ({"role": "no ARN"}, "role"),
        ({"role": None}, "role"),
        ({"parts": [{"name": "a", "secret": "?"}]}, "parts.secret"),
    ],
)
def test_invalid_times_and_arns_are_refused(change: dict[str, Any], member: str) -> None:
    with pytest.raises(ValueError, match=f'field "{member}"'):
        from_record(Kept, {**STORED, **change})


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_a_record_that_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        from_record(Kept, data)


def test_a_type_may_have_a_stored_form_of_its_own() -> None:
    def read(data: list[str]) -> Pair:
        return Pair(left=data[0], right=data[1])

    assert from_record(Compact, {"pairs": [["a", "b"]]}, {Pair: read}) == Compact(pairs=(Pair(left="a", right="b"),))
