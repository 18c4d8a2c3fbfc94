"""Findings and remediations go onto the bus once: recorded before and after, so that a crash loses none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pullguard.aws.messaging import NotSent
from pullguard.domain.findings import EVENT_SCHEMA_VERSION
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.store.ledger import Ledger
from pullguard.workflows.report import finding_detail
from tests.fakes import NOW, Crash, World, revision_arn
from tests.flows import Harness
from tests.unit.store.test_entries import record, remediation

WEB = revision_arn()


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World())


def report(here: Harness, *changed: FindingRecord, known: tuple[FindingRecord, ...] = ()) -> list[int]:
    """Report findings; return their sequences."""
    return [each.sequence for each in here.reporter.findings(WEB, known, changed, now=NOW)]


def test_a_changed_finding_is_published_and_recorded_as_announced(harness: Harness) -> None:
    assert report(harness, record()) == [1]
    (event,) = harness.sent.events
    assert (event["DetailType"], event["Resources"]) == ("Finding Opened", [str(WEB)])
    assert harness.sent.details("Finding Opened") == [finding_detail(record())]
    assert harness.ledger.entries.finding(WEB, "f" * 16) == record(announced=1)


def test_a_state_that_another_run_has_passed_is_not_published(harness: Harness) -> None:
    harness.ledger.entries.save_finding(WEB, record(2, 2), incident_id="", now=NOW)
    assert report(harness, record(1)) == []
    assert harness.sent.events == []


KNOWN: dict[str, tuple[FindingRecord, tuple[FindingRecord, ...], list[int]]] = {
    "announced": (record(1, 1), (), []),
    "not-announced": (record(1, 0), (), [1]),
    "not-announced-and-changed-since": (record(1, 0), (record(2, 0, "Finding Resolved"),), [2]),
}


@pytest.mark.parametrize(("known", "changed", "reported"), KNOWN.values(), ids=KNOWN)
def test_a_finding_that_an_earlier_run_did_not_announce_is_published_unless_it_changed_since(
    harness: Harness, known: FindingRecord, changed: tuple[FindingRecord, ...], reported: list[int]
) -> None:
    harness.ledger.entries.save_finding(WEB, known, incident_id="", now=NOW)
    assert report(harness, *changed, known=(known,)) == reported


def test_a_crash_at_the_bus_leaves_the_finding_to_the_next_run(harness: Harness) -> None:
    harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        report(harness, record())
    kept = harness.ledger.entries.get(WEB).findings
    assert [each.announced for each in kept] == [0]
    assert report(harness, known=kept) == [1]
    assert harness.sent.reported() == ["Finding Opened"]


def test_a_remediation_is_published_once(harness: Harness) -> None:
    done = [harness.reporter.remediation(remediation(), now=NOW) for _ in range(2)]
    assert done == [True, False]
    assert harness.sent.details("Remediation Planned") == [
        {"schema_version": EVENT_SCHEMA_VERSION, "remediation": json.loads(json.dumps(remediation().to_dict()))}
    ]
    other = replace(remediation(), message_id="m-2")
    assert harness.reporter.remediation(other, now=NOW)
    assert len(harness.sent.events) == 2


def test_a_remediation_that_the_bus_refused_is_published_by_the_next_run(harness: Harness) -> None:
    taken: Any = harness.sent.put_events
    harness.sent.put_events = lambda **_: {"FailedEntryCount": 1, "Entries": [{}]}  # type: ignore[method-assign]
    with pytest.raises(NotSent):
        harness.reporter.remediation(remediation(), now=NOW)
    harness.sent.put_events = taken  # type: ignore[method-assign]
    assert harness.reporter.remediation(remediation(), now=NOW)
    assert harness.sent.reported() == ["Remediation Planned"]


def test_the_detail_of_a_findings_event() -> None:
    detail = finding_detail(record(3))
    assert {name: detail[name] for name in ("schema_version", "sequence", "opened_at", "changed_at")} == {
        "schema_version": EVENT_SCHEMA_VERSION,
        "sequence": 3,
        "opened_at": NOW.isoformat(),
        "changed_at": NOW.isoformat(),
    }
    assert detail["finding"] == record().finding.to_dict()
