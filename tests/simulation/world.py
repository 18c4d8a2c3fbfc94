"""A simulated account: one role, the stacks of two Regions, owners, an operator and strangers, under one scheduler.

Everything random comes from the seed, so that a history and a seed are a run that can be repeated. IAM answers up to a
minute late, queues deliver late and again, and a run may die or be slow between any two of its calls.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import Granted
from pullguard.domain.role_item import PolicyWrite, RoleItem
from pullguard.domain.role_policy import RevocationRules, RolePolicyChange
from pullguard.workflows.reconcile_role import RoleReconciler
from tests.simulation.histories import CHAOS_S, Operation
from tests.simulation.judges import Judges, Violation
from tests.simulation.operations import Operations
from tests.simulation.ports import WRITES_PER_HOUR, FollowUpMessages, Ports, roll_back
from tests.simulation.truth import (
    DAY_S,
    FORMER,
    HOUR_S,
    NAMES,
    POLICIES,
    REGIONS,
    ROLE,
    Role,
    Secret,
    TaskDefinition,
    clock,
    short,
)

VISIBILITY_S, RECEIVES_MAX, RUN_MAX_S = 360, 4, 60
SWEEP_S, QUIET_SWEEPS = 6 * HOUR_S, 12
LATE_S = 60  # IAM's answers
GRACE_S = DAY_S


class Died(BaseException):
    """The environment that ran a message is gone; nothing in the product may survive it."""


@dataclass(slots=True)
class Message:
    id: str
    task_definition: str | None  # the one that it was sent for
    group: str
    sweep: int = 0  # the number of the complete sweep that sent it
    receives: int = 0


@dataclass(slots=True)
class Ledger:
    """A stack's ledger: the role's item, which task definition names which secret, and the last complete sweep.

    ``history`` are all writes, by id, with their last outcome.
    ``asked`` are the grants that were asked for: a secret's name, the task definition that needs it, and when.
    """

    item: RoleItem = field(default_factory=RoleItem)
    history: dict[str, PolicyWrite] = field(default_factory=dict)
    edges: dict[str, str] = field(default_factory=dict)
    asked: dict[str, tuple[str, float]] = field(default_factory=dict)
    complete_sweep: int = -1

    def copy(self) -> "Ledger":
        return Ledger(
            item=self.item,
            history=dict(self.history),
            edges=dict(self.edges),
            asked=dict(self.asked),
            complete_sweep=self.complete_sweep,
        )


@dataclass(slots=True)
class Stack:
    region: str
    ledger: Ledger = field(default_factory=Ledger)
    snapshot: Ledger | None = None
    lost_at: float | None = None
    stopped_at: float | None = None
    free_since: float = -1e9  # when a stop or a hold last ended
    is_rolled_back: bool = False
    groups: dict[str, list[Message]] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    dead: list[Message] = field(default_factory=list)
    reports: list[tuple[float, Arn]] = field(default_factory=list)

    @property
    def policy(self) -> str:
        return POLICIES[self.region]


class World:
    """``without`` switches parts of the models off, to show what they are for."""

    def __init__(
        self, operations: list[Operation], seed: int, *, without: frozenset[str] = frozenset(), is_logged: bool = False
    ) -> None:
        self.random, self.without = random.Random(seed), without
        self.now = 0.0
        self.log: list[str] | None = [] if is_logged else None
        # How rough the day is: calls before which a run dies or is slow, runs that start late, and late answers of IAM.
        self.dies, self.slow, self.late, self.lags = ((0.03, 0.05, 0.08, 0.5), (0.08, 0.25, 0.3, 0.8))[seed % 2]
        self.rules = RevocationRules(
            unneeded=seed % 3 != 1, without_consent=seed % 5 < 2, grace=timedelta(seconds=GRACE_S)
        )
        self.secrets = {name: Secret(name) for name in NAMES}
        self.role = Role()
        self.past: list[tuple[float, Role]] = [(-1e9, self.role)]
        self.definitions: dict[str, TaskDefinition] = {}
        self.stacks = {region: Stack(region) for region in REGIONS}
        self.authors: dict[tuple[str, Granted], str] = {}  # who wrote a grant of a policy: a Region or somebody
        self.judges = Judges(self)
        self._heap: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._ticks, self._ids = itertools.count(), itertools.count()
        self.end = max([CHAOS_S, *(each.at for each in operations)]) + QUIET_SWEEPS * SWEEP_S
        self.operations = Operations(self)
        for each in operations:
            self.at(each.at, self._operate, each)
        for region in REGIONS:
            first = self.random.uniform(0, SWEEP_S)
            for number in range(int(self.end // SWEEP_S) + 1):
                self.at(first + number * SWEEP_S, self.sweep, region)
        self.at(CHAOS_S, self.operations.calm_down)
        # A rollback that was the last operation has ended by then, and its hold can be released.
        self.at(self.end - QUIET_SWEEPS * SWEEP_S + RUN_MAX_S, self.operations.calm_down)

    # --- Time ------------------------------------------------------------------------------------------------------

    def at(self, when: float, do: Callable[..., object], *args: object) -> None:
        heapq.heappush(self._heap, (max(when, self.now), next(self._ticks), do, args))

    def after(self, delay: float, do: Callable[..., object], *args: object) -> None:
        self.at(self.now + delay, do, *args)

    def run(self) -> list[Violation]:
        while self._heap and self._heap[0][0] <= self.end:
            self.now, _, do, args = heapq.heappop(self._heap)
            do(*args)
        self.now = self.end
        self.judges.at_end()
        return self.judges.violations

    def note(self, text: str) -> None:
        if self.log is not None:
            self.log.append(f"{self.now:9.1f}  {text}")

    @property
    def is_chaos(self) -> bool:
        return self.now < CHAOS_S

    def _operate(self, operation: Operation) -> None:
        self.note(f"OPERATION {operation.what} {operation.args}")
        getattr(self.operations, operation.what)(*operation.args)
        self.changed()

    def changed(self) -> None:
        """Keep the role as it was for late readers, and what the judges need to know of consent."""
        if self.past[-1][1] is not self.role:
            self.past.append((self.now, self.role))
        self.judges.changed()

    def shown_role(self) -> Role:
        """Return the role as IAM shows it: up to a minute late."""
        seen = self.now - (self.random.uniform(0, LATE_S) if self.random.random() < self.lags else 0)
        return next(role for when, role in reversed(self.past) if when <= seen)

    # --- The truth ---------------------------------------------------------------------------------------------------

    def secret(self, arn: Arn) -> Secret | None:
        """Return the secret of ``arn``; None if it was deleted."""
        found = self.secrets[arn.resource_name[0]]
        return found if found.exists and found.arn == arn else None

    def has_consent(self, arn: Arn) -> bool:
        found = self.secret(arn)
        return found is not None and found.has_consent and self.role.has_consent

    # --- Queues and runs ---------------------------------------------------------------------------------------------

    def send(
        self, region: str, task_definition: str | None, *, group: str = "role", delay: float = 0, sweep: int = 0
    ) -> None:
        message = Message(f"m{next(self._ids)}", task_definition, group, sweep)

        def arrive() -> None:
            self.stacks[region].groups.setdefault(group, []).append(message)
            self.deliver(region, group)

        self.after(delay + self.random.uniform(0, 1), arrive)

    def deliver(self, region: str, group: str) -> None:
        stack = self.stacks[region]
        waiting = stack.groups.get(group)
        if not waiting or group in stack.in_flight:
            return
        message = waiting[0]
        message.receives += 1
        stack.in_flight.add(group)
        receive = message.receives
        # Lambda retries a throttled invocation until the message is visible again: a run may start that late.
        is_late = self.is_chaos and self.random.random() < self.late
        late = self.random.uniform(300, VISIBILITY_S) if is_late else 0.0

        def is_ours() -> bool:
            return message in waiting and message.receives == receive

        def visible() -> None:
            if not is_ours():
                return
            stack.in_flight.discard(group)
            if receive >= RECEIVES_MAX:
                waiting.remove(message)
                stack.dead.append(message)
            self.deliver(region, group)

        def handled() -> None:
            if is_ours():
                waiting.remove(message)
                stack.in_flight.discard(group)
                self.after(0.1, self.deliver, region, group)

        def reconcile() -> None:
            ports = Ports(self, stack, message)
            follow_ups = FollowUpMessages(self, stack, message.task_definition)
            reconciler = RoleReconciler(
                roles=ports, reader=ports, iam=ports, gate=ports, reports=ports, follow_ups=follow_ups,
                rules=self.rules, writes_per_hour=WRITES_PER_HOUR, now=lambda: clock(self.now),
            )  # fmt: skip
            reconciler.reconcile(ROLE, write_id=f"{message.id}.{receive}")

        self.after(VISIBILITY_S, visible)
        self.after(late, lambda: self.start(reconcile, handled, deadline=self.now + RUN_MAX_S))

    def start(self, work: Callable[[], object], done: Callable[[], object], *, deadline: float | None = None) -> None:
        """Start a run of a function (with a ``deadline``) or of a person's command; ``done`` if it succeeds."""
        run = greenlet(work)

        def step() -> None:
            is_dead = deadline is not None and (
                self.now > deadline or (self.is_chaos and self.random.random() < self.dies)
            )
            try:
                wait = run.throw(Died) if is_dead else run.switch()
            except Died:
                return self.note("    (the run dies)")
            except NotNow as error:
                return self.note(f"    (not now: {error})")
            if run.dead:
                done()
            elif wait is not None:
                self.after(wait, step)
            else:
                is_slow = self.is_chaos and self.random.random() < self.slow
                self.after(self.random.uniform(5, 55) if is_slow else self.random.uniform(0.02, 0.5), step)
            return None

        step()

    def pause(self, seconds: float | None = None) -> None:
        """Let time pass before a call of the current run; others run meanwhile, and the run may die here."""
        parent = getcurrent().parent
        assert parent is not None
        parent.switch(seconds)

    def roll_back(self, region: str) -> None:
        ports = Ports(self, self.stacks[region], None)
        self.start(lambda: roll_back(ports, f"cli{next(self._ids)}"), lambda: None)

    # --- Validations and sweeps --------------------------------------------------------------------------------------

    def sweep(self, region: str) -> None:
        """Validate all task definitions within a minute; then reconcile the role if the ledger knows it."""
        stack = self.stacks[region]
        names = [each.name for each in self.definitions.values() if each.region == region]
        readable: list[bool] = []

        def validate(name: str) -> None:
            readable.append(self.validate(region, name))

        def over() -> None:
            number = 0
            if len(readable) == len(names) and all(readable):
                number = stack.ledger.complete_sweep = next(self._ids) + 1
            if stack.ledger.item.grants or stack.ledger.item.writes:
                self.send(region, None, sweep=number)

        for name in names:
            self.after(self.random.uniform(0, 60), validate, name)
        self.after(61, over)

    def validate(self, region: str, name: str) -> bool:
        """Describe a task definition, record its edge, ask for the grant that it lacks; False if it is unreadable."""
        definition, ledger = self.definitions[name], self.stacks[region].ledger
        if definition.unreadable_since is not None:
            return False
        if not definition.is_live:
            ledger.edges.pop(name, None)
            return True
        ledger.edges[name] = definition.secret if definition.is_plain else ""
        secret, role = self.secrets[definition.secret], self.shown_role()
        is_allowed = role.exists and role.is_managed and secret.has_consent and secret.unreadable_since is None
        if is_allowed and not self.reads(role, secret, POLICIES[region], FORMER, *self.siblings(region)):
            ledger.asked[secret.name] = (name, self.now)
            self.send(region, name)
        return True

    def siblings(self, region: str) -> tuple[str, ...]:
        """Return the other stacks' policies as far as they count as access: not at all."""
        return tuple(POLICIES[each] for each in REGIONS if each != region) if "siblings" in self.without else ()

    def validate_all(self, region: str) -> None:
        for each in list(self.definitions.values()):
            if each.region == region:
                self.validate(region, each.name)

    def reads(self, role: Role, secret: Secret, *policies: str) -> bool:
        """Whether the role may read ``secret`` by one of ``policies`` or by a policy of its owner's."""
        return secret.name in role.other or any(
            secret.grant in role.policies[each].grants for each in policies if each in role.policies
        )

    # --- IAM ---------------------------------------------------------------------------------------------------------

    def write(
        self, stack: Stack, policy: str, grants: tuple[Granted, ...], statements: tuple[Any, ...],
        change: RolePolicyChange, *, is_rollback: bool,
    ) -> None:  # fmt: skip
        """Write a policy, and judge the write."""
        old, before = self.role, self.role.policy(policy).grants
        self.role = self.role.with_policy(policy, grants, statements)
        if self.log is not None:
            self.note(f"    {stack.region} {_described(policy, before, grants, change)}")
        self.judges.write(stack, policy, old, change, is_rollback=is_rollback)
        self.changed()


def _described(policy: str, before: tuple[Granted, ...], after: tuple[Granted, ...], change: RolePolicyChange) -> str:
    def listed(grants: Iterable[Granted]) -> str:
        words = (short(each.secret) + (f"/{each.key.resource_name}" if each.key else "") for each in grants)
        return " ".join(words) or "-"

    said = {"added": change.added, "restored": change.restored, "rekeyed": change.rekeyed, "revoked": change.revoked}
    why = "".join(f", {word} {' '.join(sorted(map(short, secrets)))}" for word, secrets in said.items() if secrets)
    return f"writes {'the former' if policy == FORMER else 'its'} policy: {listed(before)} => {listed(after)}{why}"
