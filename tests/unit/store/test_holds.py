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
    ledger.roles.save_hold(ROLE, HOLD)
    ledger.families.save_hold("web", HOLD)
    assert (ledger.roles.hold(ROLE), ledger.families.hold("web")) == (HOLD, HOLD)
    assert (ledger.holds.roles(), ledger.holds.families()) == ({ROLE: HOLD}, {"web": HOLD})
    assert "expires_at_epoch_s" not in item(dynamodb, "HOLDS", "FAMILY#web")
    assert (ledger.roles.hold(role_arn("other")), ledger.families.hold("web-2")) == (None, None)
    ledger.roles.end_hold(ROLE)
    assert (ledger.roles.hold(ROLE), ledger.holds.roles(), ledger.holds.families()) == (None, {}, {"web": HOLD})
    ledger.families.end_hold("web")
    assert (ledger.families.hold("web"), ledger.holds.families()) == (None, {})


def test_a_hold_comes_and_goes_whole(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    for store, what in ((ledger.roles, ROLE), (ledger.families, "web")):
        store.save_hold(what, HOLD)  # type: ignore[arg-type]
        store.end_hold(what)  # type: ignore[arg-type]
    assert [each for each in asked if each not in ("GetItem", "Query")] == ["TransactWriteItems"] * 4


def test_a_second_hold_replaces_the_first(ledger: Ledger) -> None:
    other = Stop(by="bob", at="2026-11-23T13:00:00+00:00", reason="his")
    for each in (HOLD, other):
        ledger.roles.save_hold(ROLE, each)
        ledger.families.save_hold("web", each)
    assert (ledger.holds.roles(), ledger.holds.families()) == ({ROLE: other}, {"web": other})


def test_ending_a_hold_that_does_not_exist_changes_nothing(ledger: Ledger) -> None:
    ledger.roles.end_hold(ROLE)
    ledger.families.end_hold("web")
    assert (ledger.holds.roles(), ledger.holds.families()) == ({}, {})


def test_a_waiting_item_is_listed_once_and_until_its_last_refusal_expires(ledger: Ledger) -> None:
    kept = timedelta(seconds=WAITING_KEPT_S)
    ledger.holds.keep_waiting(revision_arn(), now=NOW)
    ledger.holds.keep_waiting(ROLE, now=NOW)
    ledger.holds.keep_waiting(ROLE, now=NOW + kept / 2)
    assert set(ledger.holds.waiting(now=NOW + kept - timedelta(seconds=1))) == {revision_arn(), ROLE}
    assert ledger.holds.waiting(now=NOW + kept) == (ROLE,)
    assert ledger.holds.waiting(now=NOW + kept * 2) == ()
