from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.checks.catalogue import broken_by
from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.records import from_record, to_record
from pullguard.incidents.finding_lifecycle import FindingRecord, advance

THEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOW = THEN + timedelta(days=1)


def finding(id_: str = "a", status: Any = "fail", cause: str = "broken") -> Finding:
    return Finding(
        id=id_,
        check="secret-not-found",
        status=status,
        severity="error",
        task_definition="arn",
        container="app",
        image=None,
        secret=None,
        role=None,
        key=None,
        cause=cause,
        evidence="",
        remedy=Remedy(text="fix it"),
        source="https://docs.aws.amazon.com/",
    )


def record(
    event: Any = "Finding Opened", sequence: int = 3, of: Finding | None = None, **changes: Any
) -> FindingRecord:
    whole = FindingRecord(
        finding=of or finding(), event=event, sequence=sequence, announced=sequence, opened_at=THEN, changed_at=THEN
    )
    return replace(whole, **changes)


OPEN, CHANGED, RESOLVED = record(), record("Finding Changed"), record("Finding Resolved")
FAILS, FAILS_OTHERWISE, UNSURE = finding(), finding(cause="worse"), finding(status="unknown", cause="denied")
ELSEWHERE = finding("b", status="unknown")  # something unknown elsewhere in the task definition
BECOMES_OPEN, BECOMES_CHANGED, BECOMES_RESOLVED = "Finding Opened", "Finding Changed", "Finding Resolved"

# was, is now, ids that passed, becomes (None: stays as it was)
TRANSITIONS: dict[str, tuple[FindingRecord | None, tuple[Finding, ...], set[str], str | None]] = {
    "new": (None, (FAILS,), set(), BECOMES_OPEN),
    "new-and-unsure": (None, (UNSURE,), set(), BECOMES_OPEN),
    "again-after-it-was-resolved": (RESOLVED, (FAILS,), set(), BECOMES_OPEN),
    "open-and-the-same": (OPEN, (FAILS,), set(), None),
    "changed-and-the-same": (CHANGED, (FAILS,), set(), None),
    "open-and-says-something-else": (OPEN, (FAILS_OTHERWISE,), set(), BECOMES_CHANGED),
    "changed-and-says-something-else": (CHANGED, (FAILS_OTHERWISE,), set(), BECOMES_CHANGED),
    "failing-and-now-untold": (OPEN, (UNSURE,), set(), None),
    "untold-and-now-failing": (record(of=UNSURE), (FAILS,), set(), BECOMES_CHANGED),
    "untold-for-another-reason": (
        record(of=UNSURE),
        (finding(status="unknown", cause="throttled"),),
        set(),
        BECOMES_CHANGED,
    ),
    "passed": (OPEN, (), {"a"}, BECOMES_RESOLVED),
    "changed-and-passed": (CHANGED, (), {"a"}, BECOMES_RESOLVED),
    "not-answered": (OPEN, (), set(), None),
    "gone-while-something-is-untold": (OPEN, (ELSEWHERE,), set(), None),
    "passed-while-something-else-is-untold": (OPEN, (ELSEWHERE,), {"a"}, BECOMES_RESOLVED),
    "resolved-and-still-gone": (RESOLVED, (), set(), None),
    "resolved-and-passed": (RESOLVED, (), {"a"}, None),
}


@pytest.mark.parametrize(("was", "findings", "passed", "becomes"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_a_transition(
    was: FindingRecord | None, findings: tuple[Finding, ...], passed: set[str], becomes: str | None
) -> None:
    records = () if was is None else (was,)
    changes = advance(records, findings, broken_by=broken_by, passed=frozenset(passed), now=NOW)
    mine = [each for each in changes if each.finding.id == "a"]
    assert [each.event for each in mine] == ([] if becomes is None else [becomes])
    for change in mine:
        assert change.sequence == (was.sequence + 1 if was else 1)
        assert change.changed_at == NOW
        assert change.announced < change.sequence


def test_a_finding_that_opens_again_begins_a_new_life_but_counts_on() -> None:
    (again,) = advance((RESOLVED,), (FAILS,), broken_by=broken_by, passed=frozenset(), now=NOW)
    assert (again.opened_at, again.sequence, again.announced) == (NOW, 4, 3)


def test_a_finding_that_changes_keeps_the_time_it_was_opened() -> None:
    (changed,) = advance((OPEN,), (FAILS_OTHERWISE,), broken_by=broken_by, passed=frozenset(), now=NOW)
    assert (changed.opened_at, changed.finding.cause) == (THEN, "worse")


def test_a_resolved_finding_still_says_what_it_was() -> None:
    (resolved,) = advance((OPEN,), (), broken_by=broken_by, passed=frozenset({"a"}), now=NOW)
    assert (resolved.finding, resolved.is_open, resolved.opened_at) == (FAILS, False, THEN)


@pytest.mark.parametrize("findings", [(), (ELSEWHERE,)], ids=["nothing-else", "another-one-is-unreported"])
def test_everything_ends_with_the_task_definition(findings: tuple[Finding, ...]) -> None:
    changes = advance((OPEN,), findings, broken_by=broken_by, passed=frozenset(), gone=True, now=NOW)
    assert [each.event for each in changes if each.finding.id == "a"] == [BECOMES_RESOLVED]


PROOFS = {
    "before": (timedelta(seconds=-1), []),
    "at-the-same-time": (timedelta(), []),
    "after": (timedelta(seconds=1), [BECOMES_RESOLVED]),
}


@pytest.mark.parametrize(("since", "becomes"), PROOFS.values(), ids=PROOFS)
def test_a_proof_ends_no_finding_that_is_younger(since: timedelta, becomes: list[str]) -> None:
    changes = advance((OPEN,), (), broken_by=broken_by, passed=frozenset({"a"}), proved_at={"a": THEN + since}, now=NOW)
    assert [each.event for each in changes] == becomes


@pytest.mark.parametrize("each", [OPEN, CHANGED, RESOLVED], ids=lambda each: each.event)
def test_a_record_survives_the_ledger(each: FindingRecord) -> None:
    assert from_record(FindingRecord, to_record(each)) == each


some = st.lists(st.builds(finding, st.sampled_from("abc"), st.sampled_from(["fail", "unknown"]), st.sampled_from("xy")))


@given(st.lists(some, max_size=5))
def test_two_validations_of_the_same_state_report_nothing_new(history: list[list[Finding]]) -> None:
    records: dict[str, FindingRecord] = {}
    for findings in history:
        for _ in range(2):
            changes = advance(records.values(), findings, broken_by=broken_by, passed=frozenset(), now=NOW)
            records |= {each.finding.id: each for each in changes}
        assert advance(records.values(), findings, broken_by=broken_by, passed=frozenset(), now=NOW) == ()
