"""One reconciliation: the order of its calls, what conflicts and deaths leave, and what keeps it from writing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.policy_document import Granted, OwnPolicy
from pullguard.domain.role_item import RUN_MAX, SHOWS_AFTER, GrantRecord, PolicyWrite, RoleItem, Unneeded
from pullguard.domain.role_policy import Need, Needs, RevocationRules, RolePolicyChange
from pullguard.domain.role_state import RoleState
from pullguard.domain.stop import Stop
from pullguard.workflows.reconcile_role import NOTHING, RETRY_AFTER, Extent, Reconciled, RoleReconciler, Seen
from pullguard.workflows.write_checks import CannotReport, Held, NotWritten
from tests.fakes import NOW, ROLE_ID, Crash, granted, key, revision_arn, role_arn, secret
from tests.flows import CAUSE, OWN_POLICY
from tests.unit.workflows.granted_role import a_write, recorded

ROLE, WEB = role_arn(), str(revision_arn())
BORN = NOW - timedelta(days=99)
KNOWN = RoleItem(role_id=ROLE_ID, created_at=BORN)
GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret(key=key())
STOP = Stop(by="ada", at="noon")
HELD = Held("the role is held", STOP, "pullguard resume web-execution")
DENIED = Denied("iam:PutRolePolicy", "the role web-execution", "AccessDenied")


def wanted(one: Any) -> Need:
    return Need(is_named=True, is_wanted=True, grant=granted(one)[0], task_definition=WEB)


WANTED = {GHCR.arn: wanted(GHCR)}
WITHOUT_CONSENT = {GHCR.arn: Need(has_consent=False, why_not="no tag", grant=granted(GHCR)[0])}


WRITES_PER_HOUR = 3


@dataclass
class Ports:
    """The ports of a reconciliation, in memory: ``calls`` are those that were made, in order.

    ``shown`` is what IAM shows of our policy, ``before`` a function to run before a call, by the call's name.
    """

    needs: dict[Arn, Need] = field(default_factory=lambda: dict(WANTED))
    shown: tuple[Granted, ...] = ()
    stored: RoleItem = KNOWN
    exists: bool = True
    complete: bool = False
    time: datetime = NOW
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    outbox: list[tuple[str, Any]] = field(default_factory=list)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.before:
            self.before.pop(name)()

    # The roles' items.

    def item(self, role: Arn) -> RoleItem:
        self._call("item")
        return self.stored

    def replace(self, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        open_ = len([each for each in new.writes if each.outcome == "planned"])
        was_open = len([each for each in known.writes if each.outcome == "planned"])
        self._call("plan" if open_ > was_open else "close" if open_ < was_open else "note")
        if known.sequence != self.stored.sequence:
            return False
        self.stored = replace(new, sequence=known.sequence + 1)
        return True

    def touch(self, **changes: Any) -> None:
        """Let another run, or a person, change the item."""
        self.stored = replace(self.stored, sequence=self.stored.sequence + 1, **changes)

    # The reader.

    def read(self, role: Arn, item: RoleItem, extent: Extent = "asked") -> Seen | None:
        self._call("read" if extent == "asked" else f"read {extent}")
        own = OwnPolicy(name=OWN_POLICY, grants=self.shown)
        state = RoleState(
            created_at=BORN,
            role_id=ROLE_ID,
            policy=OWN_POLICY,
            own=own,
            grants=item.grants,
            writes=item.writes,
            versions=item.versions,
        )
        needs = Needs(secrets=self.needs, is_complete=extent == "all" and self.complete, is_swept=True)
        return Seen(state=state, needs=needs) if self.exists else None

    # IAM.

    def put(self, role: Arn, policy: str, state: RoleState, grants: tuple[Granted, ...]) -> None:
        self._call("put")
        self.shown = grants

    def delete(self, role: Arn, policy: str) -> None:
        self._call("delete")
        self.shown = ()

    # The gate.

    def admit(self, role: Arn, item: RoleItem) -> None:
        self._call("admit")
        if item.hold is not None:
            raise HELD

    # The reports.

    def left_open(self, role: Arn, write: PolicyWrite) -> None:
        self._call("left open")
        self.outbox.append(("left open", (write.id, write.outcome)))

    def adopted(self, role: Arn, records: Iterable[GrantRecord]) -> None:
        if found := tuple(records):
            self.outbox.append(("adopted", found))

    def decided(self, role: Arn, change: RolePolicyChange) -> None:
        self._call("decided")

    def breaker_open(self, role: Arn, change: RolePolicyChange, secrets: Iterable[Arn]) -> None:
        self.outbox.append(("breaker open", tuple(secrets)))

    def not_written(self, role: Arn, change: RolePolicyChange, error: Exception) -> None:
        self._call("not written")
        self.outbox.append(("not written", error))
        if isinstance(error, CannotReport):
            raise error

    def reported(self, role: Arn, write: PolicyWrite, change: RolePolicyChange) -> None:
        self._call("report")
        self.outbox.append(("report", write.id))


@dataclass
class Reports:
    """The reports, and the validation requests that follow: both have a method ``written``."""

    ports: Ports

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ports, name)

    def written(self, role: Arn, write: PolicyWrite, change: RolePolicyChange) -> None:
        self.ports.reported(role, write, change)


@dataclass
class FollowUps:
    ports: Ports

    def again(self, role: Arn, after: timedelta) -> None:
        self.ports._call("again")
        self.ports.outbox.append(("again", after))

    def written(self, role: Arn, change: RolePolicyChange) -> None:
        self.ports._call("follow up")


def run(ports: Ports, *, write_id: str = "m-1", rules: RevocationRules | None = None) -> Reconciled:
    """Reconcile once; the calls of earlier runs are forgotten."""
    ports.calls.clear()
    ports.outbox.clear()
    any_ports: Any = ports
    reports: Any = Reports(ports)
    reconciler = RoleReconciler(
        roles=any_ports,
        reader=any_ports,
        iam=any_ports,
        gate=any_ports,
        reports=reports,
        follow_ups=FollowUps(ports),
        rules=rules or RevocationRules(),
        writes_per_hour=WRITES_PER_HOUR,
        now=lambda: ports.time,
    )
    return reconciler.reconcile(ROLE, write_id=write_id, provenance=CAUSE)


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def outcomes(ports: Ports) -> list[str]:
    return [each.outcome for each in ports.stored.writes]


# --- A write ---

WRITES: dict[str, tuple[Ports, str, tuple[Granted, ...]]] = {
    "an-addition": (Ports(), "put", granted(GHCR)),
    "a-revocation": (
        Ports(
            needs=dict(WITHOUT_CONSENT), shown=granted(GHCR), stored=RoleItem(grants=recorded(GHCR, is_confirmed=False))
        ),
        "delete",
        (),
    ),
}


@pytest.mark.parametrize(("ports", "call", "after"), WRITES.values(), ids=WRITES)
def test_a_write_is_planned_made_reported_and_closed_in_this_order(
    ports: Ports, call: str, after: tuple[Granted, ...]
) -> None:
    result = run(replace(ports, calls=[], outbox=[]))
    assert (result.written, result.is_settled) == (True, False)
    ports = replace(ports, calls=[], outbox=[])
    run(ports)
    assert ports.calls == [
        "item",
        "read",
        "admit",
        "read others",
        "decided",
        "plan",
        "item",
        "admit",
        call,
        "report",
        "follow up",
        "close",
    ]
    (write,) = ports.stored.writes
    assert (write.id, write.at, write.after, write.outcome) == ("m-1.0", NOW, after, "done")
    assert (write.provenance, write.policy) == (CAUSE, OWN_POLICY)
    assert ports.stored.writes_this_hour(GHCR.arn, NOW) == 1


def test_the_plan_says_what_the_write_is_for_and_why_it_revokes() -> None:
    records = recorded(HUB, is_confirmed=False)
    gone = Need(has_consent=False, why_not="no tag", grant=granted(HUB)[0])
    ports = Ports(needs={**WANTED, HUB.arn: gone}, shown=granted(HUB), stored=RoleItem(grants=records))
    run(ports)
    (write,) = ports.stored.writes
    assert (write.before, write.after) == (granted(HUB), granted(GHCR))
    assert write.users == {str(GHCR.arn): WEB, str(HUB.arn): records[0].task_definition}
    assert write.reasons == {str(HUB.arn): "no tag"}


def test_a_write_leaves_records_of_what_it_granted_and_none_of_what_it_revoked() -> None:
    gone = Need(has_consent=False, why_not="no tag", grant=granted(HUB)[0])
    records = recorded(HUB, is_confirmed=False)
    ports = Ports(needs={**WANTED, HUB.arn: gone}, shown=granted(HUB), stored=RoleItem(grants=records))
    assert (run(ports).added, run(ports).is_settled) == (1, True)
    assert ports.stored.grants == (GrantRecord(granted=granted(GHCR)[0], task_definition=WEB, granted_at=NOW),)


def test_a_new_key_renews_no_record() -> None:
    (record,) = recorded(GHCR)
    ports = Ports(needs={GHCR.arn: wanted(KEYED)}, shown=granted(GHCR), stored=RoleItem(grants=(record,)))
    assert run(ports).written
    assert ports.stored.grants == (replace(record, granted=granted(KEYED)[0]),)
    assert ports.stored.writes_this_hour(GHCR.arn, NOW) == 1


def test_two_writes_of_one_message_have_ids_of_their_own() -> None:
    ports = Ports()
    run(ports)
    ports.needs[HUB.arn] = wanted(HUB)
    run(ports)
    first, second = (each.id for each in ports.stored.writes)
    assert first != second
    assert second.startswith("m-1.")


# --- What one run reads ---


def test_a_need_of_others_that_is_read_for_a_write_is_part_of_it() -> None:
    ports = Ports()
    ports.before["read others"] = lambda: ports.needs.update({HUB.arn: wanted(HUB)})
    assert run(ports).added == 2
    assert ports.shown == granted(GHCR, HUB)
    assert len(ports.stored.writes) == 1


HALTED: dict[str, tuple[RoleItem, list[str]]] = {
    "a-hold": (replace(KNOWN, hold=STOP), ["item", "read", "admit", "decided", "not written"]),
    "a-hold-while-a-dead-write-is-closed": (
        RoleItem(hold=STOP, writes=(a_write((), (), outcome="planned", at=NOW - SHOWS_AFTER),)),
        ["item", "read", "admit", "read others", "left open", "decided", "not written", "close"],
    ),
}


@pytest.mark.parametrize(("item", "calls"), HALTED.values(), ids=HALTED)
def test_others_are_not_read_for_a_write_that_will_not_be_made(item: RoleItem, calls: list[str]) -> None:
    ports = Ports(stored=item)
    assert not run(ports).written
    assert ports.calls == calls


def test_a_revocation_may_make_room_so_all_consent_is_read_before_anything_is_refused() -> None:
    full = granted(*(secret(f"registry/{'x' * 400}{number}", f"Full{number:02}") for number in range(21)))
    records = tuple(GrantRecord(granted=each, task_definition=WEB, granted_at=NOW) for each in full)
    ports = Ports(shown=full, stored=RoleItem(grants=records))
    gone = Need(has_consent=False, why_not="no tag", grant=full[0])
    ports.before["read others"] = lambda: ports.needs.update({full[0].secret: gone})
    result = run(ports)
    assert (result.added, result.revoked) == (1, 1)


# --- No write ---

NO_WRITE: dict[str, tuple[Ports, list[str], str]] = {
    "nothing-is-wanted": (Ports(needs={}), ["item", "read", "decided"], NOTHING),
    "it-is-granted": (Ports(shown=granted(GHCR)), ["item", "read", "decided"], NOTHING),
    "there-is-no-such-role": (Ports(exists=False), ["item", "read"], "there is no such role"),
}


@pytest.mark.parametrize(("ports", "calls", "why"), NO_WRITE.values(), ids=NO_WRITE)
def test_nothing_is_planned_if_nothing_is_to_be_written(ports: Ports, calls: list[str], why: str) -> None:
    result = run(ports)
    assert (result.written, result.is_settled, result.why) == (False, True, why)
    assert (ports.calls, ports.stored) == (calls, KNOWN)


def test_a_runs_new_knowledge_is_noted_without_a_write() -> None:
    (record,) = recorded(GHCR, is_confirmed=False)
    ports = Ports(shown=granted(GHCR), stored=RoleItem(grants=(record,)))
    run(ports)
    assert ports.calls[-1] == "note"
    assert ports.stored == replace(KNOWN, sequence=1, grants=(replace(record, is_confirmed=True),))
    run(ports)
    assert "note" not in ports.calls


@pytest.mark.parametrize("named", [True, False])
def test_since_when_a_grant_is_unneeded_is_noted_and_forgotten(*, named: bool) -> None:
    (record,) = recorded(GHCR, unneeded_since=NOW - timedelta(days=1) if named else None)
    needs = {GHCR.arn: Need(is_named=named, grant=granted(GHCR)[0])}
    ports = Ports(needs=needs, shown=granted(GHCR), stored=RoleItem(grants=(record,)))
    assert not run(ports).written
    finding: Unneeded | None = None if named else "grant-unneeded"
    since = None if named else NOW
    assert ports.stored.grants == (replace(record, unneeded_since=since, unneeded=finding),)


def test_a_grant_for_containers_is_recorded_as_such() -> None:
    ports = Ports(needs={GHCR.arn: replace(wanted(GHCR), is_for_containers=True), HUB.arn: wanted(HUB)})
    assert run(ports).written
    assert {each.granted.secret: each.is_for_containers for each in ports.stored.grants} == {
        GHCR.arn: True,
        HUB.arn: False,
    }


def test_another_finding_begins_another_grace_period() -> None:
    since = NOW - timedelta(days=20)
    (record,) = recorded(GHCR, unneeded_since=since, unneeded="grant-without-consent")
    needs = {GHCR.arn: Need(is_named=False, grant=granted(GHCR)[0])}
    ports = Ports(needs=needs, shown=granted(GHCR), stored=RoleItem(grants=(record,)))
    assert not run(ports, rules=RevocationRules(unneeded=True)).written
    assert ports.stored.grants == (replace(record, unneeded_since=NOW, unneeded="grant-unneeded"),)


def test_the_last_of_many_writes_in_a_row_counts_whichever_of_them_iam_shows() -> None:
    """Eighty families of one role are eighty writes in a minute: IAM may show any of their versions."""
    many = [secret(f"registry/{number:02}") for number in range(12)]
    ports = Ports()
    for number in range(1, 13):
        ports.needs = {each.arn: wanted(each) for each in many[:number]}
        ports.shown = ()
        assert run(ports, write_id=f"m-{number}").written
        assert set(ports.shown) == set(granted(*many[:number]))
        ports.time += timedelta(seconds=5)


def test_the_knowledge_about_a_role_that_is_gone_is_dropped() -> None:
    ports = Ports(exists=False, stored=RoleItem(grants=recorded(GHCR, granted_at=NOW - SHOWS_AFTER)))
    assert not run(ports).written
    assert ports.stored.grants == ()


def test_a_write_of_another_clock_keeps_nothing_from_being_written() -> None:
    ahead = a_write((), (), id="m-0", at=NOW + timedelta(days=400), outcome="planned")
    ports = Ports(stored=RoleItem(writes=(ahead,)))
    assert run(ports).written


def test_a_record_of_what_iam_has_not_shown_for_five_minutes_is_dropped() -> None:
    ports = Ports(needs={}, stored=RoleItem(grants=recorded(GHCR, granted_at=NOW - SHOWS_AFTER)))
    kept = []
    for _ in range(2):
        run(ports)
        kept.append(len(ports.stored.grants))
        ports.time += timedelta(seconds=1)
    assert kept == [1, 0]


# --- The last write's outcome ---


@pytest.mark.parametrize("minutes", [0, 4.99])
def test_while_the_last_write_is_open_a_run_waits_and_asks_again(minutes: float) -> None:
    ports = Ports(stored=RoleItem(writes=(a_write((), granted(HUB), outcome="planned"),)))
    ports.time += timedelta(minutes=minutes)
    result = run(ports)
    assert (result.written, result.is_settled, "not known yet" in result.why) == (False, False, True)
    assert (ports.calls, ports.outbox) == (["item", "read", "again"], [("again", RETRY_AFTER)])


@pytest.mark.parametrize(
    ("shown", "outcome"), [(granted(HUB), "done"), ((), "lost")], ids=["iam-shows-it", "iam-does-not-show-it"]
)
def test_five_minutes_later_it_is_reported_under_its_id_and_closed(shown: tuple[Granted, ...], outcome: str) -> None:
    dead = a_write((), granted(HUB), outcome="planned", users={str(HUB.arn): WEB})
    ports = Ports(needs={HUB.arn: Need()}, shown=shown, stored=RoleItem(writes=(dead,)))
    ports.time += SHOWS_AFTER
    assert not run(ports).written
    assert ports.outbox == [("left open", ("m-0.0", outcome))]
    assert ports.calls == ["item", "read", "admit", "read others", "left open", "decided", "close"]
    assert outcomes(ports) == [outcome]
    kept = [(each.granted, each.task_definition, each.granted_at) for each in ports.stored.grants]
    assert kept == [(granted(HUB)[0], WEB, NOW)] * (outcome == "done")


def test_the_next_run_closes_the_dead_one_and_writes() -> None:
    dead = a_write((), granted(HUB), outcome="planned")
    ports = Ports(stored=RoleItem(writes=(dead,)))
    ports.time += SHOWS_AFTER
    assert run(ports).written
    assert outcomes(ports) == ["lost", "done"]


def test_a_grant_that_an_earlier_write_left_without_a_record_is_adopted_and_reported() -> None:
    """Two runs died: the second one's plan shows the first one's grant as present."""
    dead = a_write(granted(HUB), granted(GHCR, HUB), outcome="planned", users={str(HUB.arn): WEB})
    ports = Ports(shown=granted(GHCR, HUB), stored=RoleItem(writes=(dead,)))
    ports.time += SHOWS_AFTER
    run(ports)
    (kind, records), *_ = [each for each in ports.outbox if each[0] == "adopted"]
    assert (kind, [each.granted for each in records]) == ("adopted", list(granted(HUB)))
    assert {each.granted for each in ports.stored.grants} == set(granted(GHCR, HUB))


def died(ports: Ports, call: str) -> None:
    ports.before[call] = raising(Crash(call))
    with pytest.raises(Crash):
        run(ports)


DEATHS: dict[str, tuple[list[str], int, bool]] = {
    # What is left of the writes, how many reports the next runs make, and whether they write. The breaker counts all.
    "plan": ([], 0, True),
    "put": (["planned"], 1, True),
    "report": (["planned"], 1, False),
    "follow up": (["planned"], 1, False),
    "close": (["planned"], 1, False),
}


@pytest.mark.parametrize(("call", "expected"), DEATHS.items(), ids=DEATHS)
def test_a_run_may_die_before_any_call_and_the_next_ones_make_it_good(
    call: str, expected: tuple[list[str], int, bool]
) -> None:
    left, reports, writes = expected
    ports = Ports()
    died(ports, call)
    assert outcomes(ports) == left
    if left == ["planned"]:
        assert "not known yet" in run(ports).why
        ports.time += SHOWS_AFTER
    assert run(ports, write_id="m-2").written is writes
    assert [name for name, _ in ports.outbox].count("left open") == reports
    assert "planned" not in outcomes(ports)
    assert [each.granted for each in ports.stored.grants] == list(granted(GHCR))
    assert ports.shown == granted(GHCR)
    assert ports.stored.writes_this_hour(GHCR.arn, ports.time) == reports + writes


# --- Conflicts ---


def test_a_plan_that_another_run_has_overtaken_is_not_made_and_is_tried_again() -> None:
    ports = Ports()
    ports.before["plan"] = ports.touch
    result = run(ports)
    assert (result.written, result.is_settled, "another run" in result.why) == (False, False, True)
    assert (ports.shown, outcomes(ports), ports.outbox) == ((), [], [("again", RETRY_AFTER)])
    assert run(ports).written


def test_a_note_that_another_run_has_overtaken_is_tried_again() -> None:
    ports = Ports(shown=granted(GHCR), stored=RoleItem(grants=recorded(GHCR, is_confirmed=False)))
    ports.before["note"] = ports.touch
    run(ports)
    assert ("again", RETRY_AFTER) in ports.outbox
    assert not ports.stored.grants[0].is_confirmed


def test_a_hold_that_is_set_while_a_write_is_made_stays_when_it_is_closed() -> None:
    ports = Ports()
    ports.before["close"] = lambda: ports.touch(hold=STOP)
    assert run(ports).written
    assert (ports.stored.hold, outcomes(ports)) == (STOP, ["done"])
    assert ports.calls.count("close") == 2


def test_an_outcome_that_cannot_be_recorded_sends_the_message_back() -> None:
    ports = Ports()

    def again() -> None:
        ports.touch()
        ports.before["close"] = again

    ports.before["close"] = again
    with pytest.raises(NotNow, match="could not be recorded"):
        run(ports)
    assert outcomes(ports) == ["planned"]
    assert ports.calls.count("follow up") == 1


# --- What keeps it from writing ---


def test_a_hold_keeps_it_from_planning() -> None:
    ports = Ports(stored=RoleItem(hold=STOP))
    result = run(ports)
    assert (result.written, result.is_settled, result.why) == (False, False, str(HELD))
    assert (ports.outbox, outcomes(ports), ports.shown) == ([("not written", HELD)], [], ())


def test_a_hold_does_not_keep_it_from_noting_what_it_has_learned() -> None:
    ports = Ports(
        needs={**WANTED, HUB.arn: Need(is_named=True, grant=granted(HUB)[0])},
        shown=granted(HUB),
        stored=RoleItem(hold=STOP, grants=recorded(HUB, is_confirmed=False)),
    )
    run(ports)
    assert [each.is_confirmed for each in ports.stored.grants] == [True]


BETWEEN: dict[str, tuple[Exception, type[Exception] | None]] = {
    "a-stop": (Held("everything is stopped", STOP, "pullguard resume"), None),
    "no-answer": (CannotReport("the stop parameter cannot be read"), CannotReport),
}


@pytest.mark.parametrize(("error", "raised"), BETWEEN.values(), ids=BETWEEN)
def test_a_stop_between_the_plan_and_the_write_closes_the_plan_as_refused(
    error: NotWritten, raised: type[Exception] | None
) -> None:
    ports = Ports()

    def plan() -> None:
        ports.before["admit"] = raising(error)

    ports.before["plan"] = plan
    if raised is None:
        assert run(ports).why == str(error)
    else:
        with pytest.raises(raised):
            run(ports)
    assert (outcomes(ports), ports.shown, ports.stored.grants) == (["refused"], (), ())
    assert ports.outbox == [("not written", error)]
    assert run(ports).written  # at once: it is known that nothing was written


def test_a_hold_between_the_plan_and_the_write_closes_the_plan_as_refused() -> None:
    ports = Ports()
    ports.before["item"] = lambda: ports.before.update(item=lambda: ports.touch(hold=STOP))
    assert run(ports).why == str(HELD)
    assert (outcomes(ports), ports.stored.hold, ports.shown) == (["refused"], STOP, ())


def test_a_write_that_iam_refuses_is_closed_before_it_is_reported() -> None:
    ports = Ports()
    ports.before["put"] = raising(DENIED)
    result = run(ports)
    assert (result.written, result.is_settled, result.why) == (False, False, str(DENIED))
    assert ports.calls[-3:] == ["put", "close", "not written"]
    assert (outcomes(ports), ports.stored.grants, ports.outbox) == (["refused"], (), [("not written", DENIED)])


@pytest.mark.parametrize("others", [True, False], ids=["of-others-too", "of-its-own"])
def test_a_refused_write_that_serves_others_too_is_followed_by_its_own_message(*, others: bool) -> None:
    ports = Ports()
    ports.before["put"] = raising(DENIED)
    if others:
        ports.before["read others"] = lambda: ports.needs.update({HUB.arn: wanted(HUB)})
    run(ports)
    assert [each for each in ports.outbox if each[0] == "again"] == [("again", RETRY_AFTER)] * others


def test_the_last_failed_write_is_kept_among_many() -> None:
    refused = a_write((), granted(HUB), id="refused", outcome="refused")
    ports = Ports(stored=RoleItem(writes=(refused, *(a_write((), (), id=f"w-{number}") for number in range(9)))))
    run(ports)
    assert [each.id for each in ports.stored.writes][:4] == ["refused", "w-6", "w-7", "w-8"]


def test_a_lost_write_is_kept_for_five_minutes_after_it_is_known_to_be_lost() -> None:
    ports = Ports(stored=RoleItem(writes=(a_write((), granted(HUB), outcome="lost"),)))
    ports.time += 2 * SHOWS_AFTER - timedelta(seconds=1)
    run(ports)
    assert outcomes(ports) == ["lost", "done"]
    ports.time += timedelta(seconds=1)
    ports.needs = {HUB.arn: wanted(HUB)}
    run(ports)
    assert outcomes(ports) == ["done", "done"]


def test_the_record_of_a_grant_whose_revocation_iam_refuses_stays() -> None:
    records = recorded(GHCR, is_confirmed=False)
    ports = Ports(needs=dict(WITHOUT_CONSENT), shown=granted(GHCR), stored=RoleItem(grants=records))
    ports.before["delete"] = raising(DENIED)
    run(ports)
    assert (outcomes(ports), ports.stored.grants) == (["refused"], records)


def test_a_write_without_an_answer_stays_open_and_the_message_comes_back() -> None:
    ports = Ports()
    ports.before["put"] = raising(NotNow("IAM answered with 500"))
    with pytest.raises(NotNow):
        run(ports)
    assert (outcomes(ports), ports.outbox) == (["planned"], [])


def test_a_run_that_took_too_long_writes_nothing_and_says_so() -> None:
    ports = Ports()

    def dawdle() -> None:
        ports.time += RUN_MAX + timedelta(seconds=1)

    ports.before["plan"] = dawdle
    with pytest.raises(NotNow, match="took too long"):
        run(ports)
    assert (outcomes(ports), ports.shown) == (["lost"], ())
    assert run(ports).written


# --- The breaker ---


def counted(one: Arn) -> RoleItem:
    """The item of a role whose grant of ``one`` was written as often as an hour allows."""
    item = RoleItem()
    for _ in range(WRITES_PER_HOUR):
        item = item.with_writes((one,), NOW)
    return item


def test_an_open_breaker_holds_back_the_addition_that_it_is_for() -> None:
    ports = Ports(needs={**WANTED, HUB.arn: wanted(HUB)}, stored=counted(HUB.arn))
    assert run(ports).added == 1
    assert ports.shown == granted(GHCR)
    assert ("breaker open", (HUB.arn,)) in ports.outbox


def test_an_open_breaker_for_all_leaves_nothing_to_write_and_nothing_settled() -> None:
    ports = Ports(stored=counted(GHCR.arn))
    result = run(ports)
    assert (result.written, result.is_settled) == (False, False)
    assert ports.outbox == [("breaker open", (GHCR.arn,))]
    assert "plan" not in ports.calls


def test_an_open_breaker_holds_back_a_new_key() -> None:
    ports = Ports(
        needs={GHCR.arn: wanted(KEYED)},
        shown=granted(GHCR),
        stored=replace(counted(GHCR.arn), grants=recorded(GHCR)),
    )
    assert not run(ports).written
    assert ports.shown == granted(GHCR)


def test_an_open_breaker_holds_back_no_revocation() -> None:
    ports = Ports(
        needs=dict(WITHOUT_CONSENT),
        shown=granted(GHCR),
        stored=replace(counted(GHCR.arn), grants=recorded(GHCR, is_confirmed=False)),
    )
    assert run(ports).revoked == 1
    assert ports.stored.writes_this_hour(GHCR.arn, NOW) == WRITES_PER_HOUR + 1


def test_the_breaker_counts_the_write_of_a_run_that_died_at_once() -> None:
    at = NOW - timedelta(minutes=6)
    died = PolicyWrite(id="dead", policy=OWN_POLICY, at=at, before=(), after=granted(GHCR), users={str(GHCR.arn): WEB})
    almost = RoleItem(sequence=5, writes=(died,))
    for _ in range(WRITES_PER_HOUR - 1):
        almost = almost.with_writes((GHCR.arn,), NOW)
    ports = Ports(stored=almost)  # IAM does not show the write: it was lost, or undone
    assert not run(ports).written
    assert ports.stored.writes_this_hour(GHCR.arn, NOW) == WRITES_PER_HOUR


def test_a_breaker_closes_with_the_hour() -> None:
    ports = Ports(stored=counted(GHCR.arn), time=NOW + timedelta(hours=1))
    assert run(ports).added == 1
    assert ports.stored.counts == {str(GHCR.arn): 1}


# --- All dependents ---

AGED = timedelta(days=20)
UNNEEDED = {GHCR.arn: Need(is_named=False, grant=granted(GHCR)[0])}


@pytest.mark.parametrize("complete", [True, False], ids=["all-were-read", "not-all-could-be-read"])
def test_a_grant_that_is_due_is_revoked_if_all_dependents_were_read(*, complete: bool) -> None:
    records = recorded(GHCR, unneeded_since=NOW - AGED)
    ports = Ports(needs=dict(UNNEEDED), shown=granted(GHCR), stored=RoleItem(grants=records), complete=complete)
    assert run(ports, rules=RevocationRules(unneeded=True)).revoked == complete
    assert ports.calls[:4] == ["item", "read", "admit", "read all"]
    assert ports.shown == (() if complete else granted(GHCR))


@pytest.mark.parametrize(
    ("rules", "since"),
    [(RevocationRules(), NOW - AGED), (RevocationRules(unneeded=True), NOW - timedelta(days=1))],
    ids=["not-to-be-revoked", "within-the-grace"],
)
def test_dependents_are_read_only_for_what_is_due(rules: RevocationRules, since: datetime) -> None:
    records = recorded(GHCR, unneeded_since=since)
    ports = Ports(needs=dict(UNNEEDED), shown=granted(GHCR), stored=RoleItem(grants=records), complete=True)
    assert not run(ports, rules=rules).written
    assert "read all" not in ports.calls
