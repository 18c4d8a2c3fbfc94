"""Read a role and what its task definitions need, for the reconciliation of its policy.

One task definition, described now, proves an addition. If something is to be written, the grants that other validations
have asked for are proved, too, so that one write serves them all. Only a revocation needs all dependents of the role;
they are read when a grant is due, at most ``DEPENDENTS_MAX`` of them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pullguard.checks.gather import Readers, gather, gather_about
from pullguard.domain.actions import Mode
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.policy_document import Granted
from pullguard.domain.references import role_name
from pullguard.domain.role import Role
from pullguard.domain.role_item import RoleItem, has_failed_lately
from pullguard.domain.role_state import RoleState, closed, present, recent_writes
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.planner import Rules
from pullguard.planning.role_needs import names, relevant_secrets, role_needs, role_state, wanted_by
from pullguard.planning.scope import is_certain
from pullguard.planning.successor import is_newest
from pullguard.store.ledger import Ledger
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.reconcile_role import Extent, Seen

# Each task definition is described again within one run of the function.
DEPENDENTS_MAX: Final = 200
# A quarter of the function's time: whatever is not proved by then has a message of its own.
OTHERS_MAX: Final = timedelta(seconds=15)
_LOG: Final = logging.getLogger(__name__)


class NotProved(PullguardError):
    """It could not be proved that nothing needs the grants: nothing is revoked for want of a need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependentsReader:
    """Reads a role for one run, whose ``readers`` ask AWS each question once. ``pullguard plan`` reads with it, too.

    ``witnesses`` are the task definitions that the message is about. ``sweep`` is the id of the event that a message
    about the role names: of the sweep, if one asks. It is empty for a message about a task definition.
    """

    readers: Readers
    ledger: Ledger
    definition_store: TaskDefinitionStore
    starts: StartStore
    policy: str
    mode: Mode
    rules: Rules
    now: Callable[[], datetime]
    witnesses: tuple[TaskDefinition, ...] = ()
    sweep: str = ""
    gathered: dict[Arn, Facts] = field(default_factory=dict)

    def read(self, role: Arn, item: RoleItem, extent: Extent = "asked") -> Seen | None:
        """Return the role's state and needs; None if there is no such role. Raises ``NotNow`` if it is unreadable."""
        found = self.readers.role(role)
        if isinstance(found, Missing):
            return None
        if not isinstance(found, Role) or not isinstance(found.inline_policies, tuple):
            raise NotNow(f"{role} and its policies could not be read: {found}")
        state = role_state(found, item, self.policy)
        facts, is_complete, doubt = tuple(map(self._facts, self.witnesses)), False, ""
        if extent != "asked":
            facts = (*facts, *self._others(found, state))
        if extent == "all" and self.sweep:  # a message about one task definition revokes nothing for want of a need
            try:
                facts, is_complete = (*facts, *self._live(found)), True
            except NotProved as error:
                doubt = str(error)
                _LOG.warning("%s", doubt)
        wanted = wanted_by(facts, self.rules, self.mode)
        relevant = relevant_secrets(state, wanted)
        if extent == "asked" and self.witnesses:
            relevant = tuple(each for each in relevant if each in wanted or any(names(one, each) for one in facts))
        secrets = {secret: self.readers.secret(str(secret), secret.region) for secret in relevant}
        needs = role_needs(
            found,
            facts,
            secrets,
            wanted,
            for_containers={each.granted.secret for each in state.grants if each.is_for_containers},
            named_elsewhere=self._named(found, state),
            is_complete=is_complete,
            observes=self.mode == "observe",
        )
        return Seen(state=state, needs=needs, doubt=doubt)

    def _others(self, role: Role, state: RoleState) -> Iterator[Facts]:
        """Yield the other task definitions for which validations asked for a grant on this role, described now.

        What is granted is not read again. After a write that IAM refused or that was not made, each message is alone
        for five minutes: one grant that IAM does not take must not hold up the others.
        """
        now = self.now()
        over = closed(state, now)
        if any(has_failed_lately(each, now) for each in state.writes) or any(each.outcome == "lost" for each in over):
            return
        granted = present(state.own, state, recent_writes(state, now), now)
        known = {each.arn for each in self.witnesses}
        for grant in self.ledger.entries.asked(role.arn, now=now):
            if self.now() - now > OTHERS_MAX:
                return
            if grant.task_definition in known or Granted(secret=grant.secret, key=grant.key) in granted:
                continue
            known.add(grant.task_definition)
            found = described(grant.task_definition, self.readers)
            facts = self._facts(found) if isinstance(found, TaskDefinition) else None
            if facts is not None and isinstance(facts.role, Role) and facts.role.arn == role.arn:
                yield facts

    def _facts(self, definition: TaskDefinition) -> Facts:
        if definition.arn not in self.gathered:
            self.gathered[definition.arn] = self._gathered(definition)
        return self.gathered[definition.arn]

    def _gathered(self, definition: TaskDefinition) -> Facts:
        facts = gather_about(definition, self.readers, now=self.now())
        newest = self.readers.task_definition(definition.family)
        if facts.registry_secrets or not is_newest(newest, definition):  # the newest is in scope, whatever runs it
            facts = facts.with_usage(self.readers.usage(definition))
        if not facts.registry_secrets:
            return facts
        # Only the validator asks registries: an executor reads no secret values and may not reach into a VPC.
        entry = self.ledger.entries.get(definition.arn)
        return facts.with_accepted(entry.accepted).with_had_pulled(entry.had_pulled)

    def _named(self, role: Role, state: RoleState) -> dict[Arn, bool] | None:
        """Return which granted secrets the references in the ledger name, if the last sweep was complete."""
        complete = self.definition_store.complete() if self.sweep else None
        if complete is None or complete["sweep"] != self.sweep:
            return None
        users = set(self._users(role))
        granted = (each.granted.secret for each in state.grants)
        return {secret: not users.isdisjoint(self._dependents(secret)) for secret in granted}

    def _users(self, role: Role) -> Iterable[Arn]:
        return self.ledger.entries.dependents(role_name(role.arn.account, role.name))

    def _dependents(self, secret: Arn) -> Iterable[Arn]:
        return self.ledger.entries.dependents(str(secret))

    def _live(self, role: Role) -> Iterable[Facts]:
        """Yield the task definitions with the role, described now; raises ``NotProved`` if one is unknown.

        A sweep deletes the references of what is out of use; whatever still has one counts as in use. A revision that
        counted as gone has lost its reference to the role; it may have been started since.
        """
        started, dependents = self._started(), {*self._users(role)}
        if len(dependents | started) > DEPENDENTS_MAX:
            raise NotProved(
                f"{len(dependents)} task definitions use {role.arn}, and {len(started - dependents)} others are "
                "started beside services: too many to describe at once, so nothing is revoked as unneeded"
            )
        for arn in sorted(dependents | started):
            if arn not in dependents and not _may_use(role, self.readers.task_definition(str(arn))):
                continue
            facts = gather(str(arn), self.readers, now=self.now(), usage=True)
            if isinstance(facts, Missing):
                continue
            if not isinstance(facts, Facts) or not is_certain(facts):
                raise NotProved(f"{arn} uses {role.arn}, or may, and what it needs could not be read")
            yield facts

    def _started(self) -> frozenset[Arn]:
        """Return all task definitions that rules, schedules and callers start outside services, with any role."""
        schedules = self.starts.schedules()
        if not isinstance(schedules, tuple):
            raise NotProved(f"what rules and schedules start is not known: {schedules}")
        return frozenset({*(each.task_definition for each in schedules), *self.starts.alone()})


def described(task_definition: Arn, readers: Readers) -> Lookup[TaskDefinition]:
    """Describe a revision; it is usually the newest of its family, which is asked for first, so that one call does."""
    readers.task_definition(family_of(task_definition))
    return readers.task_definition(str(task_definition))


def _may_use(role: Role, found: Lookup[TaskDefinition]) -> bool:
    """Whether the task definition has this execution role (see ``shares_its_role``), or could not be read."""
    if not isinstance(found, TaskDefinition):
        return not isinstance(found, Missing)
    return (found.execution_role or "").rpartition("/")[2].lower() == role.name.lower()
