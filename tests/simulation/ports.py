"""Models of what the reconciler calls: the ledger, IAM, the facts, the stop, the bus and the queues, for one run.

Each call lets time pass first, so that a run may die, or another may run, before any of its effects.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pullguard.domain import role_state
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.policy_document import Granted
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import RUN_MAX, GrantRecord, PolicyWrite, RoleItem, WriteOutcome
from pullguard.domain.role_policy import Need, Needs, RolePolicyChange
from pullguard.domain.role_state import RoleState
from pullguard.domain.stop import Stop
from pullguard.domain.write_history import Write
from pullguard.store.roles import history_record
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER, Extent, Seen
from pullguard.workflows.write_checks import Held
from pullguard_cli.failures import CannotRun
from pullguard_cli.operations.rollback_target import KIND, NO_POLICY, choose
from tests.simulation.truth import FORMER, HOUR_S, ROLE, Role, TaskDefinition, clock, name_of

if TYPE_CHECKING:
    from datetime import timedelta

    from tests.simulation.world import Message, Stack, World

HOLD = Stop(by="operator", at="now")
STOP_CACHED_S = 5
WRITES_PER_HOUR = 10
FOLLOW_UPS_S = (2, 8, 30, 120)


class Ports:
    """``RoleItems``, ``RoleReader``, ``PolicyApi``, ``Gate`` and ``Reports`` for one run of one stack."""

    def __init__(self, world: "World", stack: "Stack", message: "Message | None") -> None:
        self.world, self.stack, self.message = world, stack, message  # no message: a person's command
        self.hint = message.task_definition if message else None
        self.change = RolePolicyChange(kind="nothing", policy=stack.policy)  # what the run has decided

    # --- RoleItems

    def item(self, role: Arn) -> RoleItem:
        self.world.pause()
        return self.stack.ledger.item

    def replace(self, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        self.world.pause()
        ledger = self.stack.ledger
        if ledger.item.sequence != known.sequence and "sequence" not in self.world.without:
            self.world.note("    (the item has changed since)")
            return False
        ledger.item = replace(new, sequence=known.sequence + 1)
        ledger.history |= {each.id: each for each in new.writes}
        self.world.judges.planned(self.stack)
        return True

    # --- RoleReader

    def read(self, role: Arn, item: RoleItem, extent: Extent = "asked") -> Seen | None:
        world, stack = self.world, self.stack
        world.pause()
        shown = world.shown_role()
        if not shown.exists:
            return None
        world.pause()
        item = role_state.known_of(item, shown.role_id, shown.created_at)
        state = RoleState(
            created_at=shown.created_at,
            policy=stack.policy,
            role_id=shown.role_id,
            own=shown.policy(stack.policy),
            former=shown.policy(FORMER),
            grants=item.grants,
            writes=item.writes,
            versions=item.versions,
        )
        return Seen(state=state, needs=self._needs(shown, state, extent))

    def _needs(self, role: Role, state: RoleState, extent: Extent) -> Needs:
        """Answer from the message's task definition, others that asked for a grant, and the ledger's edges or all."""
        world, ledger = self.world, self.stack.ledger
        asked = {*(ledger.edges if extent == "all" else ()), *((self.hint,) if self.hint else ())}
        others = {name for name, at in ledger.asked.values() if world.now - at < HOUR_S and extent != "asked"}
        described = [world.definitions[each] for each in sorted(asked | others)]
        readable = {each.name: each for each in described if each.unreadable_since is None}
        is_complete = extent == "all" and asked <= readable.keys()
        if "every dependent" in world.without:
            is_complete = True
        edges = {secret for name, secret in ledger.edges.items() if name not in readable}
        live = [each for each in readable.values() if each.is_live]
        standing = (*state.own.grants, *state.former.grants, *(each.granted for each in state.grants))
        arns = {each.secret for each in standing} | {each.secret for write in state.writes for each in write.after}
        arns |= {world.secrets[each.secret].arn for each in live}
        if extent == "asked" and self.hint:  # what the message's task definition does not name is not read
            arns = {world.secrets[each.secret].arn for each in readable.values()}
        is_swept = self.message is not None and self.message.sweep == ledger.complete_sweep
        is_known = is_complete or is_swept
        secrets = {arn: self._need(arn, role, live, edges, is_known=is_known) for arn in sorted(arns)}
        return Needs(secrets=secrets, is_complete=is_complete, is_swept=is_swept)

    def _need(self, arn: Arn, role: Role, live: list[TaskDefinition], edges: set[str], *, is_known: bool) -> Need:
        world, secret = self.world, self.world.secrets[name_of(arn)]
        is_current = secret.exists and secret.arn == arn
        users = [each for each in live if is_current and each.secret == secret.name]
        is_named = bool(users) or (is_current and secret.name in edges)
        is_lacking = not world.reads(role, secret, *world.siblings(self.stack.region))
        if "named" in world.without:
            is_named = is_named and is_lacking
        helped = next((each for each in users if each.serves), None)
        is_readable = secret.unreadable_since is None
        return Need(
            exists=is_current if is_readable else None,
            has_consent=(is_current and secret.is_tagged and not secret.excludes and role.is_managed)
            if is_readable
            else None,
            is_observed=role.observed_since is not None
            or (is_readable and is_current and secret.observed_since is not None),
            is_named=is_named or (False if is_known else None),
            is_wanted=helped is not None and is_lacking and is_readable,
            grant=secret.grant if is_current and is_readable else None,
            task_definition=helped.name if helped else "",
            why_not="an owner does not consent",
        )

    # --- PolicyApi

    def put(self, role: Arn, policy: str, state: RoleState, grants: tuple[Granted, ...]) -> None:
        theirs = state.own if policy == state.policy else state.former
        self._write("iam:PutRolePolicy", policy, grants, theirs.statements)

    def delete(self, role: Arn, policy: str) -> None:
        self._write("iam:DeleteRolePolicy", policy, (), ())

    def _write(self, action: str, policy: str, grants: tuple[Granted, ...], statements: tuple[Any, ...]) -> None:
        world = self.world
        world.pause()
        if not world.role.exists or not world.role.is_managed:
            world.note(f"    {self.stack.region}: AccessDenied")
            raise Denied(action, str(ROLE), "AccessDenied")
        is_silent = world.is_chaos and self.message is not None and world.random.random() < world.dies / 2
        if is_silent and world.random.random() < 0.5:
            raise NotNow("IAM does not answer, and has not written")
        world.write(self.stack, policy, grants, statements, self.change, is_rollback=self.message is None)
        if is_silent:
            raise NotNow("IAM does not answer, but has written")

    # --- Gate

    def admit(self, role: Arn, item: RoleItem) -> None:
        self.world.pause()
        since = self.stack.stopped_at
        if since is not None and self.world.now - since > STOP_CACHED_S:
            raise Held("everything is stopped", HOLD, "pullguard resume")
        if item.hold is not None:
            raise Held("the role is held", item.hold, "pullguard resume")

    # --- Reports

    def written(self, role: Arn, write: PolicyWrite, change: RolePolicyChange) -> None:
        self.world.pause()
        self._report(write, (*change.added, *change.restored))

    def left_open(self, role: Arn, write: PolicyWrite) -> None:
        self.world.pause()
        known = {each.secret for each in write.before} - set(write.restored)
        self._report(write, (each.secret for each in write.after if each.secret not in known))

    def _report(self, write: PolicyWrite, secrets: Iterable[Arn]) -> None:
        """Report additions: a report names the task definition that a grant is for."""
        self.stack.reports += [(self.world.now, each) for each in secrets if write.users.get(str(each))]

    def adopted(self, role: Arn, records: Iterable[GrantRecord]) -> None:
        self.stack.reports += [(self.world.now, each.granted.secret) for each in records if each.task_definition]

    def unreadable(self, role: Arn, item: RoleItem, state: RoleState) -> None:
        raise AssertionError("no policy of the simulation is unreadable")

    def decided(self, role: Arn, change: RolePolicyChange) -> None:
        self.change = change

    def breaker_open(self, role: Arn, change: RolePolicyChange, secrets: Iterable[Arn]) -> None:
        self.world.note(f"    {self.stack.region}: the breaker is open")

    def not_written(self, role: Arn, change: RolePolicyChange, error: Exception) -> None:
        self.world.pause()
        self.world.note(f"    {self.stack.region} writes nothing: {error}")


class FollowUpMessages:
    """``FollowUps`` for one run."""

    def __init__(self, world: "World", stack: "Stack", hint: str | None) -> None:
        self.world, self.stack, self.hint = world, stack, hint

    def again(self, role: Arn, after: "timedelta") -> None:
        self.world.pause()
        self.world.send(self.stack.region, self.hint, delay=after.total_seconds())

    def written(self, role: Arn, change: RolePolicyChange) -> None:
        world, region = self.world, self.stack.region
        world.pause()
        touched = {str(each) for each in (*change.added, *change.restored, *change.revoked)}
        users = {user for secret, user in change.users.items() if secret in touched} | {self.hint}
        for name in sorted(each for each in users if each in world.definitions):
            if world.definitions[name].region != region:
                continue
            for delay in FOLLOW_UPS_S:
                world.after(delay, world.validate, region, name)
        if "last check" not in world.without:
            world.send(region, None, delay=LAST_CHECK_AFTER.total_seconds())


def roll_back(ports: Ports, write_id: str) -> None:
    """Hold the role and put an earlier version of our policy back, as ``pullguard rollback`` does."""
    world, stack = ports.world, ports.stack
    seen = ports.read(ROLE, ports.item(ROLE))
    if seen is None:
        return
    writes, own, item = _history(stack), seen.state.own, ports.item(ROLE)
    former = {each.secret for each in seen.state.former.grants}
    if former & {each.granted.secret for each in item.grants}:
        return  # they move first
    try:
        target = choose(writes, own, world.random.choice((None, NO_POLICY)), ROLE)
    except CannotRun:
        target = choose(writes, own, NO_POLICY, ROLE)
    _hold(ports)
    if target.matches(own):
        item = ports.item(ROLE)
        ports.replace(ROLE, item, replace(item, grants=target.records(item, writes, clock(world.now))))
        stack.is_rolled_back = True
        return
    item, seen = ports.item(ROLE), ports.read(ROLE, stack.ledger.item)
    if seen is None or item.hold is None:
        return
    before, at = seen.state.own.grants, clock(world.now)
    gone = {each.secret for each in before} - {each.secret for each in target.grants}
    ports.change = RolePolicyChange(
        kind="put", policy=stack.policy, before=before, after=target.grants, revoked=dict.fromkeys(gone, "rolled back")
    )
    provenance = Provenance(kind=KIND, event_id=write_id, at=at)
    write = PolicyWrite(id=write_id, policy=stack.policy, at=at, before=before, after=(), provenance=provenance)
    write = target.planned(write, item, writes)
    if not ports.replace(ROLE, item, replace(item, writes=(*item.writes, write))):
        return
    outcome: WriteOutcome = "refused"
    with suppress(Denied):
        ports.put(ROLE, stack.policy, seen.state, target.grants)
        stack.is_rolled_back, outcome = True, "done"
    while True:
        item = ports.item(ROLE)
        known = tuple(replace(each, outcome=outcome) if each.id == write_id else each for each in item.writes)
        grants = item.grants if outcome == "refused" else target.records(item, writes, at)
        if ports.replace(ROLE, item, replace(item, writes=known, grants=grants)):
            return


def _hold(ports: Ports) -> None:
    """Hold the role, and wait until no run can write any more."""
    world = ports.world
    while not ports.replace(ROLE, item := ports.item(ROLE), replace(item, hold=HOLD)):
        pass
    while "wait" not in world.without and any(
        each.outcome == "planned" and clock(world.now) - each.at <= RUN_MAX for each in ports.stack.ledger.item.writes
    ):
        world.pause(5)


def _history(stack: "Stack") -> tuple[Write, ...]:
    """Return the stack's writes as its ledger keeps them, oldest first."""
    writes = sorted(stack.ledger.history.values(), key=lambda each: (each.at, each.id))
    return tuple(Write.from_record(ROLE, f"{each.at.isoformat()}#{each.id}", history_record(each)) for each in writes)
