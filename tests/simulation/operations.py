"""The operations in a simulated account, by owners, operators and strangers; a history names a method for each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pullguard.domain.policy_document import Granted
from pullguard.domain.role_item import GrantRecord
from tests.simulation.truth import (
    FOREIGN,
    FORMER,
    REGIONS,
    SOMEBODY,
    START,
    Role,
    Secret,
    TaskDefinition,
    clock,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

HAS_GRANTED = timedelta(days=10)  # how long before the start a stack has made the grants of the former policy


class Operations:
    def __init__(self, world: "World") -> None:
        self.world = world

    def _deliver(self, *regions: str) -> None:
        """An event may reach the stacks; IAM's events reach one Region only."""
        for region in regions or REGIONS:
            if self.world.random.random() < 0.5:
                self.world.after(self.world.random.uniform(1, 90), self.world.validate_all, region)

    # --- Task definitions

    def register(self, name: str, region: str, secret: str, serves: bool = True, is_plain: bool = True) -> None:
        world = self.world
        world.definitions[name] = TaskDefinition(name, region, secret, world.now, serves, is_plain)
        world.after(world.random.uniform(1, 5), world.validate, region, name)

    def deregister(self, name: str) -> None:
        if name in self.world.definitions:
            self.world.definitions[name].is_live = False

    def unreadable_definition(self, name: str, seconds: float) -> None:
        if (found := self.world.definitions.get(name)) is not None:
            self._unreadable(found, seconds)

    # --- Owners of secrets

    def tag(self, name: str) -> None:
        secret = self.world.secrets[name]
        secret.is_tagged, secret.observed_since, secret.excludes = True, None, False
        self._deliver()

    def untag(self, name: str) -> None:
        self.world.secrets[name].is_tagged = False
        self._deliver()

    def observe(self, name: str) -> None:
        secret = self.world.secrets[name]
        secret.observed_since = self.world.now if secret.observed_since is None else secret.observed_since
        self._deliver()

    def exclude(self, name: str) -> None:
        self.world.secrets[name].excludes = True
        self._deliver()

    def rekey(self, name: str) -> None:
        self.world.secrets[name].key += 1
        self._deliver()

    def delete_secret(self, name: str) -> None:
        self.world.secrets[name].exists = False
        self._deliver()

    def create_secret(self, name: str, is_tagged: bool = True) -> None:
        old = self.world.secrets[name]
        if not old.exists:
            self.world.secrets[name] = Secret(name, generation=old.generation + 1, is_tagged=is_tagged)
            self._deliver()

    def unreadable_secret(self, name: str, seconds: float) -> None:
        self.world.judges.is_calm = False
        self._unreadable(self.world.secrets[name], seconds)

    def _unreadable(self, what: Secret | TaskDefinition, seconds: float) -> None:
        world = self.world
        what.unreadable_since = world.now if what.unreadable_since is None else what.unreadable_since
        world.after(seconds, setattr, what, "unreadable_since", None)

    # --- Owners of the role

    def _role(self, change: Callable[[Role], Role]) -> None:
        self.world.role = change(self.world.role)
        self._deliver("us-east-1")

    def unmanage(self) -> None:
        self.world.judges.is_calm = False
        self._role(lambda role: replace(role, is_managed=False))

    def manage(self) -> None:
        self._role(lambda role: replace(role, is_managed=True, observed_since=None))

    def observe_role(self) -> None:
        if self.world.role.observed_since is None:
            self._role(lambda role: replace(role, observed_since=self.world.now))

    def delete_role(self) -> None:
        self.world.judges.deleted.append(self.world.now)
        self.world.authors.clear()
        self._role(lambda role: replace(role, exists=False, policies={}, other=frozenset()))

    def create_role(self, is_managed: bool = True) -> None:
        if not self.world.role.exists:
            role_id = f"AROA{len(self.world.judges.deleted)}"
            self._role(lambda _: Role(created_at=clock(self.world.now), role_id=role_id, is_managed=is_managed))

    def attach(self, name: str) -> None:
        self._role(lambda role: replace(role, other=role.other | {name}))

    def detach(self, name: str) -> None:
        self._role(lambda role: replace(role, other=role.other - {name}))

    # --- Somebody who edits our policies

    def _edit(self, policy: str, change: Callable[[tuple[Granted, ...]], tuple[Granted, ...]], *more: object) -> None:
        world = self.world
        if world.role.exists:
            world.judges.edited_at = world.now
            old = world.role.policy(policy)
            world.role = world.role.with_policy(policy, change(old.grants), (*old.statements, *more)[:1])
            world.judges.rewritten(policy, old.grants, SOMEBODY)
            self._deliver("us-east-1")

    def edit_add(self, policy: str, name: str) -> None:
        self._edit(policy, lambda grants: (*grants, self.world.secrets[name].grant))

    def edit_remove(self, policy: str, name: str) -> None:
        self._edit(policy, lambda grants: tuple(each for each in grants if each.secret.resource_name[0] != name))

    def edit_statement(self, policy: str) -> None:
        self._edit(policy, lambda grants: grants, FOREIGN)

    def delete_policy(self, policy: str) -> None:
        world = self.world
        world.judges.edited_at = world.now
        old = world.role.policy(policy)
        world.role = world.role.with_policy(policy, (), ())
        world.judges.rewritten(policy, old.grants, SOMEBODY)
        self._deliver("us-east-1")

    # --- Operators

    def snapshot(self, region: str) -> None:
        stack = self.world.stacks[region]
        stack.snapshot = stack.ledger.copy()

    def lose_ledger(self, region: str) -> None:
        stack = self.world.stacks[region]
        hold = stack.ledger.item.hold
        stack.ledger, stack.lost_at, self.world.judges.is_calm = type(stack.ledger)(), self.world.now, False
        stack.ledger.item = replace(stack.ledger.item, hold=hold)

    def restore_ledger(self, region: str) -> None:
        stack = self.world.stacks[region]
        if stack.snapshot is not None:
            stack.ledger, stack.lost_at, self.world.judges.is_calm = stack.snapshot.copy(), self.world.now, False

    def redrive(self, region: str) -> None:
        stack = self.world.stacks[region]
        dead, stack.dead = stack.dead, []
        for each in dead:
            self.world.send(region, each.task_definition, group=each.group)

    def forge(self, region: str, name: str, group: str) -> None:
        """Put a copy of a message into another group, so that two runs reconcile the role at a time."""
        self.world.send(region, name if name in self.world.definitions else None, group=group)

    def stop(self, region: str) -> None:
        self.world.stacks[region].stopped_at, self.world.judges.is_calm = self.world.now, False

    def resume(self, region: str) -> None:
        stack = self.world.stacks[region]
        stack.stopped_at, stack.free_since = None, self.world.now
        self.world.after(1, self.world.sweep, region)

    def rollback(self, region: str) -> None:
        self.world.judges.is_calm = False
        self.world.roll_back(region)

    def release(self, region: str) -> None:
        stack = self.world.stacks[region]
        stack.is_rolled_back, stack.free_since = False, self.world.now
        if (item := stack.ledger.item).hold is not None:
            stack.ledger.item = replace(item, hold=None, sequence=item.sequence + 1)
        self.world.after(1, self.world.sweep, region)

    def former_grant(self, region: str, name: str, is_confirmed: bool = True, is_recorded: bool = True) -> None:
        """Begin with a grant in the policy that all stacks once shared; to be the first operations of a history."""
        world, stack, grant = self.world, self.world.stacks[region], self.world.secrets[name].grant
        before = world.role.policy(FORMER)
        world.role = world.role.with_policy(FORMER, (*before.grants, grant), ())
        world.past = [(-1e9, world.role)]
        world.judges.rewritten(FORMER, before.grants, region if is_recorded else SOMEBODY)
        if is_recorded and grant.secret not in {each.granted.secret for each in stack.ledger.item.grants}:
            record = GrantRecord(
                granted=grant, task_definition=f"old {name}", granted_at=START - HAS_GRANTED, is_confirmed=is_confirmed
            )
            item = stack.ledger.item
            stack.ledger.item = replace(item, grants=(*item.grants, record), sequence=item.sequence + 1)
            world.judges.granted_long_ago(region, grant.secret, -HAS_GRANTED.total_seconds())

    def calm_down(self) -> None:
        """End all trouble: what is wanted now must be reached in time."""
        world = self.world
        world.note("QUIET")
        for region, stack in world.stacks.items():
            stack.stopped_at = None
            self.release(region)
            self.redrive(region)
        unreadable: list[Secret | TaskDefinition] = [*world.secrets.values(), *world.definitions.values()]
        for each in unreadable:
            each.unreadable_since = None
        world.changed()
