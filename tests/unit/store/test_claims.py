"""Marks of what happened once, locks, and claims."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pullguard.store.ledger import Ledger
from pullguard.store.table import QUEUED_MAX_S
from tests.fakes import NOW
from tests.unit.store.items import expires

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_a_thing_happens_once(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    assert not ledger.claims.happened("x", now=NOW)
    assert [ledger.claims.begin(each, 30, now=NOW) for each in ("x", "x", "y")] == [True, False, True]
    assert not ledger.claims.happened("x", now=NOW), "it has only begun"
    ledger.claims.mark("x", now=NOW)
    assert ledger.claims.happened("x", now=NOW)
    assert not ledger.claims.begin("x", 30, now=NOW + timedelta(seconds=30))
    assert expires(dynamodb, "ONCE#x", "ONCE") == NOW.timestamp() + QUEUED_MAX_S


@pytest.mark.parametrize("is_marked", [False, True], ids=["begun", "marked"])
def test_an_expired_claim_or_mark_does_not_count(ledger: Ledger, is_marked: bool) -> None:
    """DynamoDB takes days to delete an expired item."""
    assert ledger.claims.begin("x", 60, now=NOW)
    if is_marked:
        ledger.claims.mark("x", now=NOW, seconds=60)
    later = [NOW + timedelta(seconds=seconds) for seconds in (59, 60)]
    assert [ledger.claims.happened("x", now=at) for at in later] == [is_marked, False]
    assert [ledger.claims.begin("x", 60, now=at) for at in later] == [False, True]


def test_a_lock_keeps_others_out_until_it_ends(ledger: Ledger) -> None:
    later = [0, 1, 59, 60, 61, 119, 120]
    taken = [ledger.claims.lock("x", 60, now=NOW + timedelta(seconds=after)) for after in later]
    assert taken == [True, False, False, True, False, False, True]
    assert ledger.claims.lock("y", 60, now=NOW)


def test_the_owner_of_a_lock_may_take_it_again_until_it_ends(ledger: Ledger) -> None:
    takers = ["m-1", "m-1", "m-2", ""]
    assert [ledger.claims.lock("x", 60, now=NOW, by=each) for each in takers] == [True, True, False, False]
    later = NOW + timedelta(seconds=60)
    assert [ledger.claims.lock("x", 60, now=later, by=each) for each in ("m-2", "m-1")] == [True, False]


def test_a_change_is_claimed_until_the_claim_ends_or_another_follows(ledger: Ledger) -> None:
    later = NOW + timedelta(seconds=60)
    assert ledger.claims.claim_change("x", "a", seconds=60, now=NOW)
    assert not ledger.claims.claim_change("x", "a", seconds=60, now=NOW)
    assert ledger.claims.claim_change("x", "a", seconds=60, now=later), "the run that claimed it died"
    ledger.claims.record_change("x", "a", seconds=600, now=later)
    assert not ledger.claims.claim_change("x", "a", seconds=60, now=later + timedelta(seconds=599))
    assert ledger.claims.last_change("x", now=later) == "a"
    assert ledger.claims.claim_change("x", "b", seconds=60, now=later)
    assert (ledger.claims.last_change("x", now=later), ledger.claims.last_change("y", now=later)) == ("b", None)
    ledger.claims.record_change("x", "b", seconds=0, now=later)
    assert ledger.claims.last_change("x", now=later) is None
