"""Holds on roles and families, and the subjects that wait while a hold refuses a write."""

from datetime import timedelta
from typing import TYPE_CHECKING

from pullguard.domain.stop import Stop
from pullguard.store.holds import WAITING_KEPT_S
from pullguard.store.ledger import Ledger
from tests.fakes import NOW, revision_arn, role_arn
from tests.unit.store.items import item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROLE = role_arn()
HOLD = Stop(by="ada", at="2026-11-23T12:00:00+00:00", reason="hers")


def test_whatever_is_held_is_listed_until_it_is_let_go(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    ledger.save_hold(ROLE, HOLD)
    ledger.save_family_hold("web", HOLD)
    assert (ledger.hold(ROLE), ledger.family_hold("web")) == (HOLD, HOLD)
    assert (ledger.held_roles(), ledger.held_families()) == ({ROLE: HOLD}, {"web": HOLD})
    assert "expires_at_epoch_s" not in item(dynamodb, "HOLDS", "FAMILY#web")
    assert (ledger.hold(role_arn("other")), ledger.family_hold("web-2")) == (None, None)
    ledger.end_hold(ROLE)
    assert (ledger.hold(ROLE), ledger.held_roles(), ledger.held_families()) == (None, {}, {"web": HOLD})
    ledger.end_family_hold("web")
    assert (ledger.family_hold("web"), ledger.held_families()) == (None, {})


def test_a_hold_comes_and_goes_whole(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    ledger.save_hold(ROLE, HOLD)
    ledger.end_hold(ROLE)
    assert asked == ["TransactWriteItems"] * 2


def test_a_second_hold_replaces_the_first(ledger: Ledger) -> None:
    other = Stop(by="bob", at="2026-11-23T13:00:00+00:00", reason="his")
    for each in (HOLD, other):
        ledger.save_hold(ROLE, each)
        ledger.save_family_hold("web", each)
    assert (ledger.held_roles(), ledger.held_families()) == ({ROLE: other}, {"web": other})


def test_ending_a_hold_that_does_not_exist_changes_nothing(ledger: Ledger) -> None:
    ledger.end_hold(ROLE)
    ledger.end_family_hold("web")
    assert (ledger.held_roles(), ledger.held_families()) == ({}, {})


def test_what_waits_is_listed_once_and_until_its_last_refusal_expires(ledger: Ledger) -> None:
    kept = timedelta(seconds=WAITING_KEPT_S)
    ledger.keep_waiting(revision_arn(), now=NOW)
    ledger.keep_waiting(ROLE, now=NOW)
    ledger.keep_waiting(ROLE, now=NOW + kept / 2)
    assert set(ledger.waiting(now=NOW + kept - timedelta(seconds=1))) == {revision_arn(), ROLE}
    assert ledger.waiting(now=NOW + kept) == (ROLE,)
    assert ledger.waiting(now=NOW + kept * 2) == ()
