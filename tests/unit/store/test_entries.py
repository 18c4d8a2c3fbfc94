"""One task definition's entry: references, findings and remediations."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pullguard.domain.actions import Grant
from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.remediation import Deed, Remediation
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.store.entries import Entry, EntryStore
from pullguard.store.ledger import Ledger
from pullguard.store.table import RESOLVED_KEPT_S, TRANSACTION_MAX
from tests.fakes import NOW, Crash, revision_arn, role_arn, secret
from tests.unit.store.items import expires

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WEB, API = revision_arn("web"), revision_arn("api")
ROLE = role_arn()


def record(sequence: int = 1, announced: int = 0, event: Any = "Finding Opened", id_: str = "f" * 16) -> FindingRecord:
    finding = Finding(
        id=id_,
        check="secret-not-found",
        status="fail",
        severity="error",
        task_definition=str(WEB),
        container="app",
        image=None,
        secret="ghcr-geheim",
        role=None,
        key=None,
        cause="gone",
        evidence="",
        remedy=Remedy(),
        source="",
    )
    return FindingRecord(
        finding=finding, event=event, sequence=sequence, announced=announced, opened_at=NOW, changed_at=NOW
    )


def remediation(**changes: Any) -> Remediation:
    deed = Deed(kind="grant", what="grant", task_definition=str(WEB), target=str(ROLE), findings=("a", "b"))
    return replace(Remediation(event="Remediation Planned", deed=deed), **changes)


def known(references: frozenset[str]) -> Entry:
    return Entry(seen=True, references=references)


# --- One task definition -----------------------------------------------------------------------------------------


def grant(one: str = "a", family: str = "web") -> Grant:
    """The grant of one secret to one role."""
    return Grant(task_definition=revision_arn(family), role=ROLE, secret=secret(one).arn, key=None, findings=("f",))


def test_grants_that_are_asked_for_are_kept_for_an_hour_the_last_one_of_each_secret(ledger: Ledger) -> None:
    later = NOW + timedelta(minutes=10)
    ledger.entries.keep_references(WEB, Entry(), frozenset({"a"}), {grant("a"): NOW, grant("b"): NOW})
    ledger.entries.keep_references(API, Entry(), frozenset({"a"}), {grant("b", "api"): later})
    ledger.entries.keep_references(API, Entry(), frozenset({"a"}), {replace(grant("c"), role=role_arn("other")): NOW})
    asked = [ledger.entries.asked(ROLE, now=NOW + timedelta(minutes=each)) for each in (59, 60, 70)]
    assert asked == [(grant("a"), grant("b", "api")), (grant("b", "api"),), ()]
    assert ledger.entries.dependents("a") == (API, WEB)
    assert ledger.entries.dependents(str(ROLE)) == ()


def test_grants_are_kept_in_the_transaction_of_the_references_or_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[Any]] = []
    transact = EntryStore._transact

    def noted(self: EntryStore, steps: list[Any]) -> bool:
        sent.append(steps)
        return transact(self, steps)

    monkeypatch.setattr(EntryStore, "_transact", noted)
    ledger.entries.keep_references(WEB, Entry(), frozenset({"a"}), {grant(): NOW})
    ledger.entries.keep_references(WEB, known(frozenset({"a"})), frozenset({"a"}), {grant(): NOW})
    assert list(map(len, sent)) == [4, 1]


def test_no_more_grants_are_read_than_a_role_has_room_for(ledger: Ledger) -> None:
    many = {grant(f"s{number}"): NOW for number in range(201)}
    ledger.entries.keep_references(WEB, known(frozenset()), frozenset(), many)
    assert len(ledger.entries.asked(ROLE, now=NOW)) == 200


def test_nothing_is_known_of_a_stranger(ledger: Ledger) -> None:
    assert ledger.entries.get(WEB) == Entry()
    assert ledger.entries.finding(WEB, "f" * 16) is None
    assert ledger.entries.remediation(WEB, "f" * 16) is None
    assert ledger.roles.granted(ROLE) == ()
    assert ledger.entries.dependents("x") == ()


def test_an_entry_holds_all_that_is_remembered_and_nothing_of_others(ledger: Ledger) -> None:
    ledger.entries.keep_references(WEB, Entry(), frozenset({"a", "b"}))
    ledger.entries.keep_references(API, Entry(), frozenset({"a"}))
    ledger.entries.save_finding(WEB, record(), incident_id="an incident", now=NOW)
    ledger.entries.save_remediation(remediation(), announced=True, now=NOW)
    assert ledger.entries.get(WEB) == Entry(
        seen=True,
        references=frozenset({"a", "b"}),
        findings=(record(),),
        remediations={remediation().id: remediation()},
    )
    assert ledger.entries.get(API) == Entry(seen=True, references=frozenset({"a"}))


def test_edges_come_and_go_with_the_references(ledger: Ledger) -> None:
    ledger.entries.keep_references(WEB, Entry(), frozenset({"a", "b"}))
    ledger.entries.keep_references(API, Entry(), frozenset({"b"}))
    assert [ledger.entries.dependents(thing) for thing in "abc"] == [(WEB,), (API, WEB), ()]
    ledger.entries.keep_references(WEB, known(frozenset({"a", "b"})), frozenset({"b", "c"}))
    assert [ledger.entries.dependents(thing) for thing in "abc"] == [(), (API, WEB), (WEB,)]
    ledger.entries.keep_references(WEB, known(frozenset({"b", "c"})), frozenset())
    assert [ledger.entries.dependents(thing) for thing in "abc"] == [(), (API,), ()]


@pytest.mark.parametrize("completed", [0, 1], ids=["at-once", "after-the-first-hundred"])
def test_a_validation_after_a_crash_leaves_no_edge_behind(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, completed: int
) -> None:
    many = frozenset(f"b{number}" for number in range(TRANSACTION_MAX * completed + 1))
    ledger.entries.keep_references(WEB, Entry(), frozenset({"a"}))
    transact, calls = ledger.entries._transact, iter([True] * completed)

    def dying(steps: list[Any]) -> bool:
        if next(calls, False):
            return transact(steps)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(ledger.entries, "_transact", dying)
        with pytest.raises(Crash):
            ledger.entries.keep_references(WEB, known(frozenset({"a"})), many)
    assert ledger.entries.dependents("a") == (WEB,)
    ledger.entries.keep_references(WEB, ledger.entries.get(WEB), many)
    assert ledger.entries.dependents("a") == ()
    assert {ledger.entries.dependents(thing) for thing in many} == {(WEB,)}


def test_the_same_references_cost_no_write(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    ledger.entries.keep_references(WEB, known(frozenset({"a"})), frozenset({"a"}))
    assert asked == []


def test_a_task_definition_without_references_is_seen(ledger: Ledger) -> None:
    ledger.entries.keep_references(WEB, Entry(), frozenset())
    assert ledger.entries.get(WEB) == known(frozenset())


def test_more_dependents_than_a_page_are_all_found(ledger: Ledger) -> None:
    # A page of a query is 1 MB: names as long as this make several of them.
    families = [f"{number:04}{'x' * 200}" for number in range(30)]
    padding = frozenset({"b" * 1000})
    for family in families:
        ledger.entries.keep_references(revision_arn(family), Entry(), padding | {"a"})
    assert len(ledger.entries.dependents("a")) == 30


# --- Findings ----------------------------------------------------------------------------------------------------

STALE = {
    "an-earlier-state": (record(2), record(1), False),
    "the-same-state": (record(2), record(2), False),
    "the-same-state-now-told": (record(2, 1), record(2, 2), True),
    "the-same-state-told-before": (record(2, 2), record(2, 1), False),
    "a-later-state": (record(2, 2), record(3, 2), True),
    "a-first-state": (None, record(1), True),
}


@pytest.mark.parametrize(("kept", "saved", "taken"), STALE.values(), ids=STALE)
def test_a_finding_only_ever_moves_on(
    ledger: Ledger, kept: FindingRecord | None, saved: FindingRecord, taken: bool
) -> None:
    if kept:
        assert ledger.entries.save_finding(WEB, kept, incident_id="an incident", now=NOW)
    assert ledger.entries.save_finding(WEB, saved, incident_id="an incident", now=NOW) is taken
    assert ledger.entries.finding(WEB, "f" * 16) == (saved if taken else kept)


def test_a_resolved_finding_is_forgotten_some_day_and_an_open_one_is_not(
    ledger: Ledger, dynamodb: "DynamoDBClient"
) -> None:
    where = f"TD#{WEB}", f"FINDING#{'f' * 16}"
    ledger.entries.save_finding(WEB, record(1), incident_id="an incident", now=NOW)
    assert expires(dynamodb, *where) is None
    ledger.entries.save_finding(WEB, record(2, event="Finding Resolved"), incident_id="an incident", now=NOW)
    assert expires(dynamodb, *where) == NOW.timestamp() + RESOLVED_KEPT_S
    ledger.entries.save_finding(WEB, record(3), incident_id="an incident", now=NOW)
    assert expires(dynamodb, *where) is None


def test_a_remediation_is_kept_until_it_is_reported_and_then_not_again(ledger: Ledger) -> None:
    assert ledger.entries.save_remediation(remediation(), announced=False, now=NOW)
    assert ledger.entries.save_remediation(
        remediation(), announced=False, now=NOW
    )  # the first run died before it reported
    assert ledger.entries.save_remediation(remediation(), announced=True, now=NOW)
    assert not ledger.entries.save_remediation(remediation(), announced=False, now=NOW)
    assert ledger.entries.save_remediation(remediation(message_id="another"), announced=False, now=NOW)
    assert ledger.entries.remediation(WEB, remediation().id) == remediation()
