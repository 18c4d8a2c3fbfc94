"""Failed AWS reads, grouped for the reader."""

from typing import Literal

import pytest

from pullguard.domain.lookup import Unreadable
from pullguard_cli.failed_reads import gaps_of, lacks_in
from tests.unit.cli.test_incidents import finding

Why = Literal["denied", "throttled", "unreachable", "refused"]


def unread(permission: str = "iam:GetRole", resource: str = "execution", reason: Why = "denied") -> Unreadable:
    return Unreadable(permission=permission, resource=resource, reason=reason)


@pytest.mark.parametrize(
    ("reads", "lacks"),
    [
        ((), []),
        ((unread(), unread(resource="other")), ["iam:GetRole was denied"]),
        ((unread(reason="throttled"), unread()), ["iam:GetRole was denied", "iam:GetRole was throttled"]),
        ((unread(reason="unreachable"),), ["iam:GetRole got no answer"]),
        ((unread(reason="refused"),), []),
    ],
    ids=["none", "one permission", "two reasons", "no answer", "refused for good"],
)
def test_each_kind_of_failure_is_listed_once(reads: tuple[Unreadable, ...], lacks: list[str]) -> None:
    assert list(map(str, lacks_in(reads))) == lacks


@pytest.mark.parametrize(
    ("reads", "gaps"),
    [
        ((unread(),), ("iam:GetRole was denied on execution, so 1 task definition was checked only in part",)),
        (
            (unread(), unread(resource="other")),
            ("iam:GetRole was denied on 2 resources, so 1 task definition was checked only in part",),
        ),
        ((unread(reason="refused"),), ()),
    ],
    ids=["one", "two", "refused"],
)
def test_a_gap_counts_resources_and_task_definitions(reads: tuple[Unreadable, ...], gaps: tuple[str, ...]) -> None:
    found = finding("web", status="unknown")
    assert gaps_of({found.id: reads}, (found,)) == gaps
