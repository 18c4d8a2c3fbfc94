"""What a failed lookup in AWS says."""

import pytest

from pullguard.domain.lookup import NO_PERMISSION, Missing, NotAsked, Unreadable, explained, vanished
from tests.fakes import denied

READ = "secretsmanager:GetSecretValue"
UNREAD: dict[str, tuple[Unreadable, str, str]] = {
    "denied": (denied(READ, "a"), f"{READ} on a: access was denied (AccessDenied)", f"{READ} denied"),
    "throttled": (
        Unreadable(permission=READ, resource="a", reason="throttled"),
        f"{READ} on a: AWS throttled the call",
        f"{READ} throttled",
    ),
    "unreachable": (
        Unreadable(permission=READ, resource="a", reason="unreachable"),
        f"{READ} on a: the service did not answer",
        f"{READ} unanswered",
    ),
    "refused": (
        Unreadable(permission=READ, resource="a", reason="refused"),
        f"{READ} on a: AWS refused the call",
        f"{READ} refused",
    ),
    "no-call": (
        Unreadable(permission=NO_PERMISSION, resource="a", reason="denied"),
        "(none) on a: access was denied",
        "",
    ),
}


@pytest.mark.parametrize(("unread", "words", "brief"), UNREAD.values(), ids=UNREAD)
def test_an_unanswered_call_is_named(unread: Unreadable, words: str, brief: str) -> None:
    assert (str(unread), unread.brief, explained(unread)) == (words, brief, words)


def test_a_lookup_without_a_result_says_why() -> None:
    assert explained(Missing(resource="a")) == "a does not exist"
    assert explained(NotAsked(why="it is off", switch="--on")) == "it is off (--on)"
    assert vanished(Missing(resource="a")) == "a was not found, although AWS had just described it"
