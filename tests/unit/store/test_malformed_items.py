"""An item of the ledger that cannot be read is named, keeps no other from being read, and lets nothing be written."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from pullguard.aws.answers import safe_words
from pullguard.checks.catalogue import incident_of
from pullguard.domain.errors import MalformedItem
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.policy_document import Granted
from pullguard.domain.records import from_record, to_record
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.secret import RotationEnd
from pullguard.domain.stop import Stop
from pullguard.domain.usage import ScheduleUse
from pullguard.incidents import Incident, Member
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import HeldRemediation, SentAlertStore
from pullguard.store.services import Kept, ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import Sweep, TaskDefinitionStore
from pullguard.workflows.write_checks import Held
from tests.fakes import NOW, World, revision_arn, role_arn, secret_arn
from tests.flows import Harness
from tests.unit.store.test_entries import record, remediation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WEB, API, ROLE, SECRET = revision_arn("web"), revision_arn("api"), role_arn(), secret_arn()
FINDING = record().finding
CAUSE = Incident(
    id="c" * 16, event="Finding Opened", sequence=1, reported=0, opened_at=NOW, changed_at=NOW, lead=FINDING
)
HELD_ALERT = HeldRemediation(what="alert d", task_definition=WEB, remediation_id="0" * 16)
NIGHTLY = ScheduleUse(kind="schedule", name="nightly", within="default", in_input=True, task_definition=WEB)
GHCR = Granted(secret=SECRET, key=None)
GRANT = GrantRecord(granted=GHCR, task_definition=str(WEB), granted_at=NOW, is_confirmed=True)
WRITTEN = RoleItem(writes=(PolicyWrite(id="w", policy="ours", at=NOW, before=(), after=(GHCR,)),))
Read: TypeAlias = Callable[["DynamoDBClient"], Any]


def ledger(client: "DynamoDBClient") -> Ledger:
    return Ledger(client, "ledger")


def incidents(client: "DynamoDBClient") -> IncidentStore:
    return IncidentStore(client, "ledger")


def definition_store(client: "DynamoDBClient") -> TaskDefinitionStore:
    return TaskDefinitionStore(client, "ledger")


def services(client: "DynamoDBClient") -> ServiceStore:
    return ServiceStore(client, "ledger", now=lambda: NOW)


def sent_alerts(client: "DynamoDBClient") -> SentAlertStore:
    return SentAlertStore(client, "ledger")


def starts(client: "DynamoDBClient") -> StartStore:
    return StartStore(client, "ledger", now=lambda: NOW)


def put(client: "DynamoDBClient", partition: str, sort: str, rest: dict[str, Any]) -> None:
    client.put_item(TableName="ledger", Item={"pk": {"S": partition}, "sk": {"S": sort}, **rest})


def earlier_grant(client: "DynamoDBClient", data: object) -> None:
    """Store a grant and its write as earlier versions did."""
    put(client, f"ROLE#{ROLE}", f"WRITE#{NOW.isoformat()}#w", {"data": {"S": "{}"}})
    put(client, f"ROLE#{ROLE}", f"GRANTED#{SECRET}", {"data": {"S": json.dumps(data)}})


# The item's place, a function that writes a valid one, and a function that reads all.
LISTS: dict[str, tuple[str, str, Callable[["DynamoDBClient"], object], Read]] = {
    "known": ("KNOWN", "TD#", lambda it: definition_store(it).ask(WEB, "s-1"), lambda it: definition_store(it).known()),
    "siblings": (
        "KNOWN",
        f"TD#{str(WEB).rpartition(':')[0]}:",
        lambda it: definition_store(it).ask(WEB, "s-1"),
        lambda it: definition_store(it).siblings(revision_arn("web", revision=1)),
    ),
    "dependents": (
        "REF#x",
        "TD#",
        lambda it: ledger(it).entries.keep_references(WEB, ledger(it).entries.get(WEB), frozenset({"x"})),
        lambda it: ledger(it).entries.dependents("x"),
    ),
    "findings": (
        f"TD#{WEB}",
        "FINDING#",
        lambda it: ledger(it).entries.save_finding(WEB, record(), incident_id=incident_of(record().finding), now=NOW),
        lambda it: ledger(it).entries.get(WEB).findings,
    ),
    "remediations": (
        f"TD#{WEB}",
        "REMEDIATION#",
        lambda it: ledger(it).entries.save_remediation(remediation(), announced=True, now=NOW),
        lambda it: tuple(ledger(it).entries.get(WEB).remediations),
    ),
    "intended": (
        "INTENT#m-1",
        "",
        lambda it: ledger(it).intents.keep(replace(remediation(), message_id="m-1"), now=NOW),
        lambda it: ledger(it).intents.of("m-1"),
    ),
    "roles": (
        "ROLES",
        "ROLE#",
        lambda it: ledger(it).roles.replace(ROLE, RoleItem(), WRITTEN),
        lambda it: ledger(it).roles.known(),
    ),
    "writes": (
        f"ROLE#{ROLE}",
        "WRITE#",
        lambda it: ledger(it).roles.replace(ROLE, RoleItem(), WRITTEN),
        lambda it: ledger(it).roles.writes(ROLE),
    ),
    "ecs-writes": (
        "FAMILY#web",
        "WRITE#",
        lambda it: ledger(it).families.record_write("web", write_id="w", record={}, now=NOW),
        lambda it: ledger(it).families.writes("web"),
    ),
    "granted": (  # as earlier versions kept them
        f"ROLE#{ROLE}",
        "GRANTED#",
        lambda it: earlier_grant(it, {"secret": str(SECRET), "key": None}),
        lambda it: ledger(it).roles.granted(ROLE),
    ),
    "waiting": (
        "WAITING",
        "",
        lambda it: ledger(it).holds.keep_waiting(WEB, now=NOW),
        lambda it: ledger(it).holds.waiting(now=NOW),
    ),
    "causes": (
        "CAUSES",
        "",
        lambda it: incidents(it).save(CAUSE, over=None, now=NOW),
        lambda it: tuple(incidents(it).records()),
    ),
    "held-alerts": (
        "ALERTS",
        "HELD#",
        lambda it: sent_alerts(it).hold(HELD_ALERT, now=NOW),
        lambda it: sent_alerts(it).held(now=NOW),
    ),
    "members": (
        f"CAUSE#{incident_of(record().finding)}",
        "MEMBER#",
        lambda it: ledger(it).entries.save_finding(WEB, record(), incident_id=incident_of(record().finding), now=NOW),
        lambda it: incidents(it).members(incident_of(record().finding)),
    ),
    "any-member": (
        f"CAUSE#{incident_of(record().finding)}",
        "MEMBER#",
        lambda it: ledger(it).entries.save_finding(WEB, record(), incident_id=incident_of(record().finding), now=NOW),
        lambda it: [incidents(it).any_member(incident_of(record().finding))],
    ),
    "services": (
        "SERVICES",
        "arn:",
        lambda it: services(it).keep("arn:zz", Kept(task_definition=str(WEB))),
        lambda it: [services(it).known()["arn:zz"]],
    ),
    "schedules": (
        "SCHEDULES",
        "TD#",
        lambda it: starts(it).keep_schedules((NIGHTLY,)),
        lambda it: starts(it).schedules(),
    ),
    "alone": ("ALONE", "RAN TD#", lambda it: starts(it).keep_alone(WEB, ran=True), lambda it: starts(it).alone()),
}
MALFORMED: dict[str, dict[str, Any]] = {
    "no-data": {},
    "no-json": {"data": {"S": "{"}},
    "null": {"data": {"S": "null"}},
    "a-number": {"data": {"S": "7"}},
    "an-empty-object": {"data": {"S": "{}"}},
    "deep": {"data": {"S": "[" * 50_000}},
    "no-text": {"data": {"N": "7"}},
}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("name", LISTS)
def test_the_other_items_of_a_list_are_read(
    dynamodb: "DynamoDBClient", name: str, malformed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    partition, prefix, keep, read = LISTS[name]
    keep(dynamodb)
    [good] = read(dynamodb)
    put(dynamodb, partition, f"{prefix}!", malformed)  # before the good one
    assert good in list(read(dynamodb))
    named = [line for line in caplog.messages if f'"{prefix}!"' in line]
    assert named or len(list(read(dynamodb))) == 2  # named, or there is nothing in its data that could be wrong


@pytest.mark.parametrize("name", ["findings", "remediations", "intended", "causes", "members", "services"])
def test_an_item_of_a_later_version_beside_it_is_left_out(dynamodb: "DynamoDBClient", name: str) -> None:
    partition, prefix, keep, read = LISTS[name]
    keep(dynamodb)
    before = list(read(dynamodb))
    for item in dynamodb.scan(TableName="ledger")["Items"]:
        if item["pk"]["S"] == partition and item["sk"]["S"].startswith(prefix):
            data = json.loads(item["data"]["S"])
            put(dynamodb, partition, item["sk"]["S"], {**item, "data": {"S": json.dumps({**data, "later": [1]})}})
    assert list(read(dynamodb)) == before


HELD = {"a-role-as-earlier-versions-did": (f"ROLE#{ROLE}", "HOLD"), "a-role": (f"ROLE#{ROLE}", "STATE")}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(("partition", "sort"), HELD.values(), ids=HELD)
def test_a_hold_that_cannot_be_read_holds(
    dynamodb: "DynamoDBClient", partition: str, sort: str, malformed: dict[str, Any]
) -> None:
    harness = Harness(ledger(dynamodb), World())
    for what, item in ((partition, sort), ("FAMILY#web", "HOLD"), ("HOLDS", f"ROLE#{ROLE}"), ("HOLDS", "FAMILY#web")):
        put(dynamodb, what, item, malformed)
    for held in ({"role": ROLE}, {"family": "web"}):
        with pytest.raises(Held):
            harness.executor().guard.admit(**held)
    assert (set(harness.ledger.holds.roles()), set(harness.ledger.holds.families())) == ({ROLE}, {"web"})


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_hold_of_an_earlier_version_that_cannot_be_read_can_be_ended(
    dynamodb: "DynamoDBClient", malformed: dict[str, Any]
) -> None:
    for what, item in ((f"ROLE#{ROLE}", "HOLD"), ("HOLDS", f"ROLE#{ROLE}")):
        put(dynamodb, what, item, malformed)
    ledger(dynamodb).roles.end_hold(ROLE)
    assert (ledger(dynamodb).roles.hold(ROLE), ledger(dynamodb).holds.roles()) == (None, {})


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_grant_of_an_earlier_version_whose_record_cannot_be_read_is_still_ours(
    dynamodb: "DynamoDBClient", malformed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    earlier_grant(dynamodb, None)
    put(dynamodb, f"ROLE#{ROLE}", f"GRANTED#{SECRET}", {**malformed, "unused_since": {"S": "x"}})
    assert ledger(dynamodb).roles.item(ROLE).grants == (replace(GRANT, task_definition=""),)
    assert [line for line in caplog.messages if f'sk "GRANTED#{SECRET}"' in line]
    put(dynamodb, f"ROLE#{ROLE}", f"UNAGREED#{SECRET}", malformed)
    assert [each.is_confirmed for each in ledger(dynamodb).roles.item(ROLE).grants] == [False]


STATES: dict[str, dict[str, Any]] = {
    **MALFORMED,
    "a-grant-without-a-time": {
        "sequence": 1,
        "grants": [{"granted": {"secret": str(SECRET), "key": None}, "task_definition": ""}],
    },
    "a-grant-of-no-arn": {"sequence": 1, "grants": [{**to_record(GRANT), "granted": {"secret": "x", "key": None}}]},
    "an-unknown-outcome": {"sequence": 1, "writes": [{**to_record(WRITTEN.writes[0]), "outcome": "maybe"}]},
    "a-hold-that-is-no-object": {"sequence": 1, "hold": "yes"},
    "a-sequence-that-is-no-number": {"sequence": "1"},
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_role_whose_item_cannot_be_read_is_held_and_named_and_keeps_its_item(
    dynamodb: "DynamoDBClient", state: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    malformed = state if "data" in state or not state else {"data": {"S": json.dumps(state)}}
    put(dynamodb, f"ROLE#{ROLE}", "STATE", malformed)
    roles = ledger(dynamodb).roles
    with pytest.raises(MalformedItem, match=f'pk "ROLE#{ROLE}", sk "STATE"'):
        roles.item(ROLE)
    hold = roles.hold(ROLE)
    assert hold is not None
    assert "cannot be read" in hold.reason
    with pytest.raises(MalformedItem):
        roles.save_hold(ROLE, Stop(by="ada", at="noon"))
    with pytest.raises(MalformedItem):
        roles.end_hold(ROLE)
    assert not roles.replace(ROLE, RoleItem(), RoleItem(grants=(GRANT,)))
    assert roles.granted(ROLE) == ()
    assert [line for line in caplog.messages if 'sk "STATE"' in line]


def test_a_role_item_of_a_later_version_is_read(dynamodb: "DynamoDBClient") -> None:
    data = {**to_record(RoleItem(sequence=3, grants=(GRANT,))), "later": [1]}
    put(dynamodb, f"ROLE#{ROLE}", "STATE", {"data": {"S": json.dumps(data)}})
    assert ledger(dynamodb).roles.item(ROLE) == RoleItem(sequence=3, grants=(GRANT,))


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_an_unreadable_sweep_counts_as_absent_and_the_next_begins(
    dynamodb: "DynamoDBClient", malformed: dict[str, Any]
) -> None:
    for sort in ("CURRENT", "COMPLETE"):
        put(dynamodb, "SWEEP", sort, malformed)
    assert (definition_store(dynamodb).sweep(), definition_store(dynamodb).complete()) == (None, None)
    definition_store(dynamodb).begin(Sweep(id="s-2", began_at=NOW.isoformat()))
    assert definition_store(dynamodb).sweep() == Sweep(id="s-2", began_at=NOW.isoformat())


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_schedule_whose_item_cannot_be_read_still_starts_its_revision_and_the_next_sweep_repairs_it(
    dynamodb: "DynamoDBClient", malformed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    starts(dynamodb).keep_schedules((NIGHTLY,))
    sort = f"TD#{WEB} schedule default nightly"
    put(dynamodb, "SCHEDULES", sort, malformed)
    assert starts(dynamodb).schedules() == (replace(NIGHTLY, in_input=False),)
    assert [line for line in caplog.messages if f'sk "{sort}"' in line]
    starts(dynamodb).keep_schedules((NIGHTLY,))
    assert starts(dynamodb).schedules() == (NIGHTLY,)


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_schedules_are_unknown_if_the_time_of_their_listing_cannot_be_read(
    dynamodb: "DynamoDBClient", malformed: dict[str, Any]
) -> None:
    starts(dynamodb).keep_schedules(())
    put(dynamodb, "SCHEDULES", "LISTED", malformed)
    assert isinstance(starts(dynamodb).schedules(), NotAsked | Unreadable)
    starts(dynamodb).keep_schedules(())
    assert starts(dynamodb).schedules() == ()


EXPIRIES: dict[str, dict[str, Any]] = {
    "none": {},
    "a-text": {"expires_at_epoch_s": {"S": "soon"}},
    "no-whole-number": {"expires_at_epoch_s": {"N": "1.5"}},
    "null": {"expires_at_epoch_s": {"NULL": True}},
}


@pytest.mark.parametrize("expiry", EXPIRIES.values(), ids=EXPIRIES)
@pytest.mark.parametrize("ran", [True, False])
def test_a_start_without_a_readable_time_counts_and_the_next_is_kept(
    dynamodb: "DynamoDBClient", expiry: dict[str, Any], caplog: pytest.LogCaptureFixture, *, ran: bool
) -> None:
    put(dynamodb, "ALONE", f"{'RAN' if ran else 'FAILED'} TD#{WEB}", expiry)
    assert starts(dynamodb).alone() == {WEB: ran}
    assert caplog.messages
    caplog.clear()
    starts(dynamodb).keep_alone(WEB, ran=ran)
    assert starts(dynamodb).alone() == {WEB: ran}
    assert not caplog.messages


def test_an_undone_write_stays_undone_if_its_record_cannot_be_read(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "FAMILY#web", f"REREGISTERED#{WEB}", {"data": {"S": "7"}})
    put(dynamodb, "FAMILY#web", "MOVED#web", {"data": {"S": "7"}})
    with pytest.raises(MalformedItem, match="REREGISTERED#"):
        ledger(dynamodb).families.reregistered(WEB)
    with pytest.raises(MalformedItem, match="MOVED#"):
        ledger(dynamodb).families.was_moved("web", WEB, API)


def test_one_that_is_asked_for_by_itself_is_named_and_how_it_ended_is_unknown(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, f"TD#{WEB}", "FINDING#f", {"data": {"S": '{"finding": 7}'}})
    with pytest.raises(MalformedItem) as caught:
        ledger(dynamodb).entries.finding(WEB, "f")
    assert f'pk "TD#{WEB}", sk "FINDING#f"' in safe_words(caught.value)
    put(dynamodb, f"ROTATION#{SECRET}", "ROTATION", {"data": {"S": '{"outcome": "failed"}'}})
    assert ledger(dynamodb).rotations.end(SECRET) is None
    end = RotationEnd(outcome="failed", at=NOW)
    put(
        dynamodb,
        f"ROTATION#{SECRET}",
        "ROTATION",
        {"data": {"S": json.dumps({"outcome": "failed", "at": NOW.isoformat(), "later": 1})}},
    )
    assert ledger(dynamodb).rotations.end(SECRET) == end


def test_a_member_has_every_member_that_it_needs() -> None:
    with pytest.raises(ValueError, match='"finding_id"'):
        from_record(Member, {})


COUNTS: dict[str, tuple[str, str, Callable[[Ledger], object]]] = {
    "what-happened": ("ONCE#x", "ONCE", lambda it: it.claims.happened("x", now=NOW)),
    "last-change": ("CHANGE#x", "CHANGE", lambda it: it.claims.last_change("x", now=NOW)),
    "how-often-it-was-written": ("WRITES#x", f"{NOW:%Y-%m-%dT%H}", lambda it: it.write_counts.in_hour("x", now=NOW)),
}


@pytest.mark.parametrize(("partition", "sort", "read"), COUNTS.values(), ids=COUNTS)
def test_a_mark_or_a_count_that_cannot_be_read_is_named_and_lets_nothing_pass(
    dynamodb: "DynamoDBClient", partition: str, sort: str, read: Callable[[Ledger], object]
) -> None:
    put(dynamodb, partition, sort, {"expires_at_epoch_s": {"S": "soon"}, "writes": {"S": "many"}})
    with pytest.raises(MalformedItem, match=f'pk "{partition}"'):
        read(ledger(dynamodb))
