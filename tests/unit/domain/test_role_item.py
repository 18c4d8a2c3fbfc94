"""What the ledger knows of a role: the name of a version of our policy, and how long IAM may show it late."""

from datetime import datetime, timedelta

import pytest

from pullguard.domain.role_item import SHOWS_AFTER, RoleItem, WriteOutcome, digest, has_failed_lately, is_recent
from tests.fakes import NOW
from tests.unit.domain.role_states import A1, A2, SECOND, A, B, write


def test_a_version_is_named_by_its_grants_in_any_order() -> None:
    assert digest((A, B)) == digest((B, A))
    versions = [(), (A,), (A1,), (A2,), (B,), (A, B)]
    assert len({digest(each) for each in versions}) == len(versions)


def test_an_unknown_role_begins_at_the_first_sequence_number() -> None:
    expected = RoleItem(
        sequence=0,
        role_id="",
        created_at=None,
        hold=None,
        grants=(),
        writes=(),
        versions=(),
        hour="",
        counts={},
    )
    assert RoleItem() == expected


@pytest.mark.parametrize(
    ("age", "recent"),
    [
        (timedelta(), True),
        (SHOWS_AFTER - SECOND, True),
        (SHOWS_AFTER, False),
        (SECOND - SHOWS_AFTER, True),
        (-SHOWS_AFTER, False),
    ],
    ids=["now", "almost-old", "old", "a-clock-that-is-ahead", "an-impossible-clock"],
)
def test_a_write_of_the_last_five_minutes_is_recent(age: timedelta, *, recent: bool) -> None:
    assert is_recent(NOW - age, NOW) is recent


# --- The circuit breaker's counts ---

HOUR = timedelta(hours=1)


def counts(item: RoleItem, at: datetime = NOW) -> tuple[int, int]:
    return item.writes_this_hour(A.secret, at), item.writes_this_hour(B.secret, at)


def test_writes_are_counted_for_each_grant() -> None:
    item = RoleItem()
    assert counts(item) == (0, 0)
    item = item.with_writes((A.secret,), NOW)
    assert counts(item) == (1, 0)
    item = item.with_writes((A.secret, B.secret), NOW)
    assert counts(item) == (2, 1)


def test_the_next_hour_counts_anew() -> None:
    item = RoleItem().with_writes((A.secret, B.secret), NOW)
    assert counts(item, NOW + HOUR) == (0, 0)
    assert counts(item.with_writes((A.secret,), NOW + HOUR), NOW + HOUR) == (1, 0)
    assert counts(item, NOW - HOUR) == (0, 0)
    assert counts(item, NOW + timedelta(days=1)) == (0, 0)


# --- Failed writes, after which each message is alone ---


@pytest.mark.parametrize(
    ("outcome", "age", "lately"),
    [
        ("refused", timedelta(), True),
        ("refused", SHOWS_AFTER - SECOND, True),
        ("refused", SHOWS_AFTER, False),
        ("lost", SHOWS_AFTER, True),
        ("lost", 2 * SHOWS_AFTER - SECOND, True),
        ("lost", 2 * SHOWS_AFTER, False),
        ("lost", -2 * SHOWS_AFTER, False),
        ("done", timedelta(), False),
        ("planned", timedelta(), False),
    ],
)
def test_a_write_has_failed_lately_if_it_was_refused_or_found_lost(
    outcome: WriteOutcome, age: timedelta, *, lately: bool
) -> None:
    assert has_failed_lately(write((), (A,), age=age, outcome=outcome), NOW) is lately
