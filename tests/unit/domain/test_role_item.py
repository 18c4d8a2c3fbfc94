"""What the ledger knows of a role: the name of a version of our policy, and how long IAM may show it late."""

from datetime import timedelta

import pytest

from pullguard.domain.role_item import SHOWS_AFTER, RoleItem, digest, is_recent
from tests.fakes import NOW
from tests.unit.domain.role_states import A1, A2, SECOND, A, B


def test_a_version_is_named_by_its_grants_in_any_order() -> None:
    assert digest((A, B)) == digest((B, A))
    versions = [(), (A,), (A1,), (A2,), (B,), (A, B)]
    assert len({digest(each) for each in versions}) == len(versions)


def test_an_unknown_role_begins_at_the_first_sequence_number() -> None:
    assert RoleItem() == RoleItem(sequence=0, role_id="", hold=None, grants=(), writes=(), versions=())


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
