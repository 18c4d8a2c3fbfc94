"""A role's item: read and replaced as one, with its history and its hold; and the items of earlier versions."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pullguard.domain.errors import MalformedItem, NotNow
from pullguard.domain.policy_document import Granted, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem, WriteOutcome
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard.store.table import HISTORY_KEPT_S
from tests.fakes import NOW, key, revision_arn, role_arn, secret_arn
from tests.unit.store.items import expires, item, put_data

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROLE, WEB = role_arn(), revision_arn()
PARTITION = f"ROLE#{ROLE}"
GHCR = Granted(secret=secret_arn(), key=None)
KEYED = Granted(secret=secret_arn("keyed"), key=key().arn)
HOLD = Stop(by="ada", at="2026-11-23T12:00:00+00:00", reason="hers")
CAUSE = Provenance(kind="RegisterTaskDefinition", event_id="e-1", at=NOW)
RECORD = GrantRecord(granted=KEYED, task_definition=str(WEB), granted_at=NOW)
WRITE = PolicyWrite(
    id="m-1.0",
    policy="pullguard-registry-credentials-us-east-1",
    at=NOW,
    before=(GHCR,),
    after=(GHCR, KEYED),
    users={str(KEYED.secret): str(WEB)},
    provenance=CAUSE,
    strangers=(GHCR.secret,),
)


def stored(ledger: Ledger, **changes: Any) -> RoleItem:
    """Change the role's item as a run does that has just read it."""
    known = ledger.roles.item(ROLE)
    assert ledger.roles.replace(ROLE, known, replace(known, **changes))
    return ledger.roles.item(ROLE)


# --- The item --------------------------------------------------------------------------------------------------------


def test_a_role_that_was_never_written_to_has_an_empty_item(ledger: Ledger) -> None:
    assert ledger.roles.item(ROLE) == RoleItem()
    assert ledger.roles.granted(ROLE) == ()
    assert ledger.roles.hold(ROLE) is None
    assert ledger.roles.known() == ()


WHOLE: dict[str, dict[str, Any]] = {
    "a-grant": {"grants": (RECORD,)},
    "a-confirmed-grant": {"grants": (replace(RECORD, is_confirmed=True),)},
    "an-unneeded-grant": {"grants": (replace(RECORD, unneeded_since=NOW + timedelta(days=1)),)},
    "a-write": {"writes": (WRITE,)},
    "a-write-by-a-person": {"writes": (replace(WRITE, provenance=None, by="ada", users={}, strangers=()),)},
    "a-hold": {"hold": HOLD},
    "a-role": {"role_id": "AROAEXAMPLE", "created_at": NOW},
    "all": {"grants": (RECORD, replace(RECORD, granted=GHCR)), "writes": (WRITE,), "hold": HOLD},
}


@pytest.mark.parametrize("changes", WHOLE.values(), ids=WHOLE)
def test_an_item_is_read_as_it_was_stored(ledger: Ledger, changes: dict[str, Any]) -> None:
    assert stored(ledger, **changes) == RoleItem(sequence=1, **changes)
    assert ledger.roles.item(role_arn("other")) == RoleItem()


def test_the_grants_of_a_role_are_those_of_its_records(ledger: Ledger) -> None:
    stored(ledger, grants=(replace(RECORD, granted=GHCR), RECORD))
    assert ledger.roles.granted(ROLE) == (GHCR, KEYED)
    assert ledger.roles.granted(role_arn("other")) == ()


def test_an_item_and_the_list_of_roles_never_expire(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    stored(ledger, grants=(RECORD,), writes=(WRITE,))
    assert ledger.roles.known() == (ROLE,)
    for partition, sort in ((PARTITION, "STATE"), ("ROLES", PARTITION)):
        assert expires(dynamodb, partition, sort) is None


@pytest.mark.parametrize("changes", WHOLE.values(), ids=WHOLE)
def test_an_item_that_another_run_has_changed_is_not_replaced(
    ledger: Ledger, dynamodb: "DynamoDBClient", changes: dict[str, Any]
) -> None:
    for known in (RoleItem(), stored(ledger, grants=(replace(RECORD, granted=GHCR),))):
        kept = stored(ledger, grants=(*ledger.roles.item(ROLE).grants, RECORD))
        before = dynamodb.scan(TableName="ledger")["Items"]
        assert not ledger.roles.replace(ROLE, known, replace(known, **changes))
        assert dynamodb.scan(TableName="ledger")["Items"] == before
        assert ledger.roles.item(ROLE) == kept


def test_one_of_two_runs_that_read_the_same_item_may_go_on(ledger: Ledger) -> None:
    stored(ledger, grants=(RECORD,))
    known = ledger.roles.item(ROLE)
    both = [ledger.roles.replace(ROLE, known, replace(known, writes=(replace(WRITE, id=each),))) for each in "ab"]
    assert both == [True, False]
    assert [each.id for each in ledger.roles.item(ROLE).writes] == ["a"]


def test_every_change_increments_the_sequence(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    stored(ledger, writes=(WRITE,))
    ledger.roles.save_hold(ROLE, HOLD)
    ledger.roles.end_hold(ROLE)
    assert stored(ledger, grants=(RECORD,)).sequence == 4
    assert item(dynamodb, PARTITION, "STATE")["sequence"] == {"N": "4"}


def test_an_item_that_cannot_be_read_is_no_empty_one(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    stored(ledger, grants=(RECORD,))
    put_data(dynamodb, PARTITION, "STATE", [])
    with pytest.raises(MalformedItem, match='sk "STATE"'):
        ledger.roles.item(ROLE)
    assert not ledger.roles.replace(ROLE, RoleItem(), RoleItem(grants=(RECORD,)))


# --- The history -----------------------------------------------------------------------------------------------------


def test_a_change_and_its_history_are_one_transaction(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    known, asked = ledger.roles.item(ROLE), list[str]()
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    assert ledger.roles.replace(ROLE, known, RoleItem(grants=(RECORD,), writes=(WRITE,), hold=HOLD))
    assert asked == ["TransactWriteItems"]
    assert len(ledger.roles.writes(ROLE)) == 1
    assert ledger.holds.roles() == {ROLE: HOLD}


def test_the_history_says_what_a_write_changed_why_and_for_whom(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    stored(ledger, writes=(WRITE,))
    (written,) = ledger.roles.writes(ROLE)
    before, after = (render(policy_document(each)) for each in ((GHCR,), (GHCR, KEYED)))
    assert (written.before, written.after) == (before, after)
    assert (written.role, written.policy, written.at) == (str(ROLE), WRITE.policy, NOW.isoformat())
    assert (written.cause, written.event_id, written.by) == (CAUSE.kind, CAUSE.event_id, "pullguard")
    assert written.task_definition == str(WEB)
    kept_until = expires(dynamodb, PARTITION, f"WRITE#{NOW.isoformat()}#m-1.0")
    assert kept_until == NOW.timestamp() + HISTORY_KEPT_S


@pytest.mark.parametrize(("before", "after"), [((), (GHCR,)), ((GHCR,), ())], ids=["the-first", "the-last"])
def test_no_grants_are_no_policy(ledger: Ledger, before: tuple[Granted, ...], after: tuple[Granted, ...]) -> None:
    stored(ledger, writes=(replace(WRITE, before=before, after=after),))
    (written,) = ledger.roles.writes(ROLE)
    assert [each is None for each in (written.before, written.after)] == [not before, not after]


@pytest.mark.parametrize(
    ("outcome", "shown"), [("planned", "unknown"), ("done", "written"), ("refused", "refused"), ("lost", "unknown")]
)
def test_the_outcome_of_a_write_follows_when_it_is_known(ledger: Ledger, outcome: WriteOutcome, shown: str) -> None:
    stored(ledger, writes=(WRITE,))
    if outcome != "planned":
        stored(ledger, writes=(replace(WRITE, outcome=outcome),))
    (written,) = ledger.roles.writes(ROLE)
    assert (written.outcome, written.event_id) == (shown, CAUSE.event_id)


def test_the_writes_of_a_role_are_listed_the_oldest_first(ledger: Ledger) -> None:
    later = replace(WRITE, id="m-2.1", at=NOW + timedelta(hours=1), before=(GHCR, KEYED), after=(GHCR,))
    stored(ledger, writes=(later, replace(WRITE, outcome="done")))
    stored(ledger, writes=(replace(WRITE, outcome="done"), replace(later, outcome="refused")))
    writes = [(each.at, each.outcome) for each in ledger.roles.writes(ROLE)]
    assert writes == [(NOW.isoformat(), "written"), (later.at.isoformat(), "refused")]


def test_a_write_that_leaves_the_item_stays_in_the_history(ledger: Ledger) -> None:
    stored(ledger, writes=(replace(WRITE, outcome="done"),))
    stored(ledger, writes=())
    assert [each.outcome for each in ledger.roles.writes(ROLE)] == ["written"]


# --- The hold --------------------------------------------------------------------------------------------------------


def test_a_hold_leaves_the_grants_and_an_open_write_alone(ledger: Ledger) -> None:
    stored(ledger, grants=(RECORD,), writes=(WRITE,))
    ledger.roles.save_hold(ROLE, HOLD)
    assert ledger.roles.item(ROLE) == RoleItem(sequence=2, hold=HOLD, grants=(RECORD,), writes=(WRITE,))
    ledger.roles.end_hold(ROLE)
    assert ledger.roles.item(ROLE) == RoleItem(sequence=3, grants=(RECORD,), writes=(WRITE,))


def test_a_run_that_read_its_item_before_a_hold_may_not_plan_a_write(ledger: Ledger) -> None:
    known = stored(ledger, grants=(RECORD,))
    ledger.roles.save_hold(ROLE, HOLD)
    assert not ledger.roles.replace(ROLE, known, replace(known, writes=(WRITE,)))
    assert (ledger.roles.hold(ROLE), ledger.roles.writes(ROLE)) == (HOLD, ())


def test_a_hold_that_stays_is_listed_once_and_not_again(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    ledger.roles.save_hold(ROLE, HOLD)
    dynamodb.delete_item(TableName="ledger", Key={"pk": {"S": "HOLDS"}, "sk": {"S": PARTITION}})
    assert stored(ledger, grants=(RECORD,)).hold == HOLD
    assert ledger.holds.roles() == {}


def test_a_hold_that_meets_another_change_is_set_all_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    _changing_between(ledger, monkeypatch, times=1)
    ledger.roles.save_hold(ROLE, HOLD)
    assert ledger.roles.hold(ROLE) == HOLD
    assert [each.granted for each in ledger.roles.item(ROLE).grants] == [GHCR]
    assert ledger.holds.roles() == {ROLE: HOLD}


@pytest.mark.parametrize("ends", [False, True])
def test_a_hold_that_could_not_be_changed_raises(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    if ends:
        ledger.roles.save_hold(ROLE, HOLD)
    _changing_between(ledger, monkeypatch, times=99)
    with pytest.raises(NotNow, match="try again"):
        ledger.roles.end_hold(ROLE) if ends else ledger.roles.save_hold(ROLE, HOLD)


def _changing_between(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let another run change the item between each read and the write that follows it."""
    read, left = ledger.roles.item, list(range(times))

    def item(role: Any) -> RoleItem:
        known = read(role)
        if left:
            left.pop()
            assert ledger.roles.replace(role, known, replace(known, grants=(replace(RECORD, granted=GHCR),)))
        return known

    monkeypatch.setattr(ledger.roles, "item", item)


# --- Items of earlier versions ---------------------------------------------------------------------------------------


def earlier(dynamodb: "DynamoDBClient", *granted: Granted, without_consent: tuple[Granted, ...] = ()) -> None:
    """Store what earlier versions kept of a role: two writes, each grant, and those without consent."""
    put_data(dynamodb, "ROLES", PARTITION, None)
    for hours in (1, 0):
        record = {"before": None, "after": None, "cause": CAUSE.to_dict(), "outcome": "written"}
        put_data(dynamodb, PARTITION, f"WRITE#{(NOW + timedelta(hours=hours)).isoformat()}#m-{hours}", record)
    for each in granted:
        data = {"secret": str(each.secret), "key": str(each.key) if each.key else None}
        put_data(dynamodb, PARTITION, f"GRANTED#{each.secret}", {**data, "role_id": "A", "task_definition": str(WEB)})
    for each in without_consent:
        put_data(dynamodb, PARTITION, f"UNAGREED#{each.secret}", {"why": "no tag"})


@pytest.mark.parametrize("has_consent", [True, False])
def test_a_grant_of_an_earlier_version_is_confirmed_unless_it_lacked_consent(
    ledger: Ledger, dynamodb: "DynamoDBClient", *, has_consent: bool
) -> None:
    earlier(dynamodb, GHCR, KEYED, without_consent=() if has_consent else (KEYED,))
    ghcr, keyed = (
        GrantRecord(
            granted=each, task_definition=str(WEB), granted_at=NOW + timedelta(hours=1), is_confirmed=is_confirmed
        )
        for each, is_confirmed in ((GHCR, True), (KEYED, has_consent))
    )
    assert ledger.roles.item(ROLE) == RoleItem(grants=(keyed, ghcr))
    assert set(ledger.roles.granted(ROLE)) == {GHCR, KEYED}


def test_a_hold_of_an_earlier_version_holds_and_can_be_ended(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    put_data(dynamodb, PARTITION, "HOLD", HOLD.to_dict())
    put_data(dynamodb, "HOLDS", PARTITION, HOLD.to_dict())
    assert (ledger.roles.hold(ROLE), ledger.roles.item(ROLE)) == (HOLD, RoleItem(hold=HOLD))
    ledger.roles.end_hold(ROLE)
    assert (ledger.roles.hold(ROLE), ledger.holds.roles()) == (None, {})


def test_a_grant_without_a_known_write_is_not_considered_ours(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    put_data(dynamodb, PARTITION, f"GRANTED#{GHCR.secret}", {"secret": str(GHCR.secret), "key": None})
    assert ledger.roles.item(ROLE) == RoleItem()
    put_data(dynamodb, PARTITION, "HOLD", HOLD.to_dict())
    assert ledger.roles.item(ROLE) == RoleItem(hold=HOLD)


def test_once_a_role_has_an_item_those_of_earlier_versions_count_no_more(
    ledger: Ledger, dynamodb: "DynamoDBClient"
) -> None:
    earlier(dynamodb, GHCR, KEYED)
    assert len(stored(ledger, hold=HOLD).grants) == 2
    assert stored(ledger, grants=(), hold=None) == RoleItem(sequence=2)
    assert (ledger.roles.granted(ROLE), len(ledger.roles.writes(ROLE))) == ((), 2)


def test_a_hold_keeps_the_grants_of_earlier_versions(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    earlier(dynamodb, KEYED, without_consent=(KEYED,))
    before = ledger.roles.item(ROLE)
    ledger.roles.save_hold(ROLE, HOLD)
    assert ledger.roles.item(ROLE) == replace(before, sequence=1, hold=HOLD)


@pytest.mark.parametrize("sort", ["GRANTED#!", "WRITE#!", "WRITE#", "UNAGREED#!", "LATER#x"])
def test_one_item_of_an_earlier_version_that_cannot_be_read_keeps_no_other_from_being_read(
    ledger: Ledger, dynamodb: "DynamoDBClient", sort: str
) -> None:
    earlier(dynamodb, KEYED)
    before = ledger.roles.item(ROLE)
    put_data(dynamodb, PARTITION, sort, 7)
    assert ledger.roles.item(ROLE) == before
