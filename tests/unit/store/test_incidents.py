"""Incidents and their members: a newer state replaces the known one, and a member goes when its finding is resolved."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pullguard.incidents import Incident, Member
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.table import RESOLVED_KEPT_S
from tests.fakes import NOW, revision_arn
from tests.unit.store.items import expires
from tests.unit.store.test_entries import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WEB, API, ID = revision_arn("web"), revision_arn("api"), "c" * 16
OPEN = Incident(
    id=ID, event="Finding Opened", sequence=1, reported=0, opened_at=NOW, changed_at=NOW, lead=record().finding
)
RESOLVED = replace(OPEN, event="Finding Resolved", sequence=2)


@pytest.fixture
def incidents(ledger: Ledger) -> IncidentStore:
    return IncidentStore(ledger.entries._client, "ledger")


SAVES: dict[str, tuple[Incident | None, Incident | None, bool]] = {
    "the-first": (None, None, True),
    "over-what-is-kept": (OPEN, OPEN, True),
    "another-run-was-first": (OPEN, None, False),
    "over-an-earlier-sequence": (replace(OPEN, sequence=2), OPEN, False),
    "over-an-earlier-report": (replace(OPEN, reported=1), OPEN, False),
    "over-what-is-gone": (None, OPEN, False),
}


@pytest.mark.parametrize(("kept", "over", "saved"), SAVES.values(), ids=SAVES)
def test_a_state_is_saved_only_over_the_one_that_it_follows(
    incidents: IncidentStore, kept: Incident | None, over: Incident | None, saved: bool
) -> None:
    if kept:
        assert incidents.save(kept, over=None, now=NOW)
    later = replace(OPEN, sequence=3)
    assert incidents.save(later, over=over, now=NOW) is saved
    assert incidents.record(ID) == (later if saved else kept)


CLAIMS: dict[str, tuple[dict[str, Any], int, bool]] = {
    "claimed-with-the-state": ({}, 29, False),
    "the-claim-has-ended": ({}, 30, True),
    "another-state": ({"sequence": 2}, 30, False),
    "reported-meanwhile": ({"reported": 1}, 30, False),
    "a-reminder-was-sent-meanwhile": ({"reminded_at": NOW}, 30, False),
}


@pytest.mark.parametrize(("changes", "after_s", "claimed"), CLAIMS.values(), ids=CLAIMS)
def test_an_alert_is_claimed_about_the_stored_state_and_by_one_run(
    incidents: IncidentStore, changes: dict[str, Any], after_s: int, claimed: bool
) -> None:
    now = NOW + timedelta(seconds=after_s)
    incidents.save(replace(OPEN, **changes), over=None, now=NOW, claim_s=30)
    assert [incidents.claim(OPEN, 30, now=now) for _ in range(2)] == [claimed, False]
    assert incidents.record(ID) == replace(OPEN, **changes)


def test_a_state_that_an_earlier_version_stored_can_be_claimed(
    incidents: IncidentStore, dynamodb: "DynamoDBClient"
) -> None:
    incidents.save(OPEN, over=None, now=NOW, claim_s=30)
    dynamodb.update_item(
        TableName="ledger",
        Key={"pk": {"S": "CAUSES"}, "sk": {"S": ID}},
        UpdateExpression="REMOVE claimed_until, reminded",
    )
    assert incidents.claim(OPEN, 30, now=NOW)


def test_every_incident_is_listed(incidents: IncidentStore) -> None:
    other = replace(RESOLVED, id="d" * 16)
    for each in (OPEN, other):
        incidents.save(each, over=None, now=NOW)
    assert tuple(incidents.records()) == (OPEN, other)
    assert incidents.record("e" * 16) is None


@pytest.mark.parametrize(("incident", "kept_s"), [(OPEN, None), (RESOLVED, RESOLVED_KEPT_S)], ids=["open", "resolved"])
def test_a_resolved_incident_expires_and_an_open_one_does_not(
    incidents: IncidentStore, dynamodb: "DynamoDBClient", incident: Incident, kept_s: int | None
) -> None:
    incidents.save(incident, over=None, now=NOW)
    assert expires(dynamodb, "CAUSES", ID) == (None if kept_s is None else NOW.timestamp() + kept_s)


def test_open_findings_are_members_and_resolved_ones_are_past(incidents: IncidentStore, ledger: Ledger) -> None:
    assert (incidents.any_member(ID), incidents.members(ID)) == (None, ())
    for number, arn in enumerate((WEB, API)):
        ledger.entries.save_finding(arn, record(id_=f"{number}" * 16), incident_id=ID, now=NOW)
    members = incidents.members(ID)
    assert {each.finding_id for each in members} == {"0" * 16, "1" * 16}
    assert incidents.any_member(ID) in members
    ended = NOW + timedelta(hours=1)
    ledger.entries.save_finding(WEB, record(2, event="Finding Resolved", id_="0" * 16), incident_id=ID, now=ended)
    (left,) = incidents.members(ID)
    assert left.finding_id == "1" * 16
    (past,) = incidents.past(ID, since=ended)
    assert past == Member.of(record(id_="0" * 16).finding)
    assert incidents.past(ID, since=ended + timedelta(seconds=1)) == ()


MOVES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "it-stays": ({}, (1, 0)),
    "it-left-for-another-incident": ({"left": ID}, (0, 1)),
}


@pytest.mark.parametrize(("changes", "counts"), MOVES.values(), ids=MOVES)
def test_a_finding_that_moves_to_another_incident_leaves_the_first(
    incidents: IncidentStore, ledger: Ledger, changes: dict[str, Any], counts: tuple[int, int]
) -> None:
    ledger.entries.save_finding(WEB, record(), incident_id=ID, now=NOW)
    other = "d" * 16 if changes else ID
    ledger.entries.save_finding(WEB, replace(record(2), **changes), incident_id=other, now=NOW)
    assert (len(incidents.members(ID)), len(incidents.past(ID, since=NOW))) == counts
    assert len(incidents.members(other)) == 1
