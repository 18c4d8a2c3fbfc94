"""The life of an incident: opened with its first finding, changed, resolved with its last."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.records import from_record, to_record
from pullguard.incidents.dependents import Dependent
from pullguard.incidents.incident import Incident, Member, advance_incident, leading
from tests.fakes import revision_arn, secret_arn

THEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW = THEN + timedelta(days=1)
FINDING = Finding(
    id="f1",
    check="secret-value-malformed",
    status="fail",
    severity="error",
    task_definition=str(revision_arn("web", 7)),
    container="app",
    image="ghcr.io/acme/web:1",
    secret=str(secret_arn()),
    role=None,
    key=None,
    cause="The secret registry/ghcr of container app holds no JSON.",
    evidence="",
    remedy=Remedy(),
    source="",
)
SIDE = replace(FINDING, id="f2", container="side", cause=FINDING.cause.replace("app", "side"))
WARNING = replace(FINDING, severity="warning")
UNKNOWN = replace(FINDING, status="unknown")
OTHER_WORDS = replace(FINDING, cause="The secret registry/ghcr is empty.")


def known(**changes: Any) -> Incident:
    whole = Incident(
        id="c1", event="Finding Opened", sequence=3, reported=2, opened_at=THEN, changed_at=THEN, lead=FINDING
    )
    return replace(whole, **changes)


RESOLVED = known(event="Finding Resolved")
STEPS: dict[str, tuple[Incident | None, Finding | None, bool, tuple[str, int] | None]] = {
    # what was known, the finding that leads now, whether families joined, then the event and its number
    "unknown-to-us": (None, FINDING, False, ("Finding Opened", 1)),
    "unknown-and-nothing-fails": (None, None, False, None),
    "opens-again": (RESOLVED, FINDING, False, ("Finding Opened", 4)),
    "stays-resolved": (RESOLVED, None, False, None),
    "stays-resolved-though-families-joined": (RESOLVED, None, True, None),
    "stays-open": (known(), FINDING, False, None),
    "another-finding-in-the-same-state": (known(), SIDE, False, None),
    "families-joined": (known(), FINDING, True, ("Finding Changed", 4)),
    "another-severity": (known(), WARNING, False, ("Finding Changed", 4)),
    "another-status": (known(), UNKNOWN, False, ("Finding Changed", 4)),
    "another-sentence": (known(), OTHER_WORDS, False, ("Finding Changed", 4)),
    "nothing-fails-any-more": (known(), None, False, ("Finding Resolved", 4)),
    "nothing-fails-after-a-change": (known(event="Finding Changed"), None, False, ("Finding Resolved", 4)),
}


@pytest.mark.parametrize(("was", "lead", "joined", "becomes"), STEPS.values(), ids=STEPS)
def test_an_incident_advances(
    was: Incident | None, lead: Finding | None, joined: bool, becomes: tuple[str, int] | None
) -> None:
    after = advance_incident("c1", was, lead, joined=joined, now=NOW)
    assert (None if after is None else (after.event, after.sequence)) == becomes


def test_an_incident_that_opens_again_begins_a_new_life_but_counts_on() -> None:
    was = known(event="Finding Resolved", affected=(Dependent(arn="a", task_definition="a"),), reminded_at=THEN)
    after = advance_incident("c1", was, FINDING, now=NOW)
    assert after == Incident(
        id="c1", event="Finding Opened", sequence=4, reported=2, opened_at=NOW, changed_at=NOW, lead=FINDING
    )


def test_a_change_keeps_the_time_it_was_opened_and_the_end_its_finding() -> None:
    changed = advance_incident("c1", known(), WARNING, now=NOW)
    assert changed == known(event="Finding Changed", sequence=4, changed_at=NOW, lead=WARNING)
    ended = advance_incident("c1", known(), None, now=NOW)
    assert ended == known(event="Finding Resolved", sequence=4, changed_at=NOW)


def member(id_: str = "f1", **changes: Any) -> Member:
    return replace(Member.of(FINDING), finding_id=id_, **changes)


LEADING: dict[str, tuple[Incident | None, list[Member], str | None]] = {
    "no-member": (None, [], None),
    "the-worse-severity": (None, [member("a", severity="warning"), member("b")], "b"),
    "a-failure-before-an-unknown": (None, [member("a", status="unknown"), member("b")], "b"),
    "a-severity-before-a-status": (None, [member("a", severity="warning"), member("b", status="unknown")], "b"),
    "of-equals-the-first-by-family": (
        None,
        [member("a", task_definition="web:7"), member("b", task_definition="api:1")],
        "b",
    ),
    "of-equals-the-first-by-id": (None, [member("b"), member("a")], "a"),
    "as-it-was-reported": (known(), [member("a", sentence="Other."), member("z")], "z"),
    "the-finding-that-was-reported": (known(), [member("a"), member("f1")], "f1"),
    "the-worse-though-it-was-not-reported": (known(lead=WARNING), [member("f1", severity="warning"), member("b")], "b"),
    "a-resolved-incident-says-nothing": (RESOLVED, [member("a", sentence="Other."), member("f1")], "a"),
}


@pytest.mark.parametrize(("was", "members", "expected"), LEADING.values(), ids=LEADING)
def test_who_speaks_for_all(was: Incident | None, members: list[Member], expected: str | None) -> None:
    for order in itertools.permutations(members):
        lead = leading(was, order)
        assert (None if lead is None else lead.finding_id) == expected


def test_a_member_has_the_common_sentence_and_survives_the_ledger() -> None:
    each = Member.of(FINDING)
    assert (each.state, each.rank) == (("fail", "error", "The secret registry/ghcr holds no JSON."), (0, 0))
    assert from_record(Member, {**to_record(each), "kept_by_a_later_version": 1}) == each
    with pytest.raises(ValueError, match='"sentence"'):
        from_record(Member, {name: value for name, value in to_record(each).items() if name != "sentence"})


@pytest.mark.parametrize(
    "incident",
    [
        known(),
        known(affected=(Dependent(arn="a", task_definition="b", found=False),), reported_at=NOW, reminded_at=NOW),
    ],
    ids=["never-reported", "reminded"],
)
def test_an_incident_survives_the_ledger(incident: Incident) -> None:
    assert from_record(Incident, to_record(incident)) == incident


@pytest.mark.parametrize(
    ("incident", "is_open", "is_reported"),
    [
        pytest.param(known(), True, False, id="opened"),
        pytest.param(known(reported=3), True, True, id="reported"),
        pytest.param(known(event="Finding Changed"), True, False, id="changed"),
        pytest.param(RESOLVED, False, False, id="resolved"),
    ],
)
def test_an_incident_is_open_until_it_is_resolved(incident: Incident, is_open: bool, is_reported: bool) -> None:
    assert (incident.is_open, incident.is_reported) == (is_open, is_reported)
