"""The planned write to the policy of a role: as a deployed stack would make it, or without knowing any grant record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from pullguard.aws.readers import AwsReaders
from pullguard.checks.gather import Readers
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.facts import Facts
from pullguard.domain.role import Role
from pullguard.domain.role_item import GrantRecord, RoleItem, Unneeded
from pullguard.domain.role_policy import RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.planner import Rules
from pullguard.planning.role_needs import relevant_secrets, role_needs, role_state, wanted_by
from pullguard.workflows.reconcile_role import Seen
from pullguard.workflows.role_reader import DependentsReader
from pullguard_cli.deployment import Deployment, aws_errors

_PARAMETERS: Final[Mapping[Unneeded, str]] = {
    "grant-unneeded": "RevokeUnusedGrants",
    "grant-without-consent": "RevokeWithoutConsent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnneededGrant:
    """A confirmed grant that stays for now. ``since`` is None if no complete sweep has found it yet.

    ``revoked_after`` is when the grace period ends: None if it has not begun, or if ``parameter`` is off.
    """

    secret: Arn
    finding: Unneeded
    parameter: str
    since: datetime | None
    revoked_after: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """Return the grant as JSON."""
        times = {"since": self.since, "revoked_after": self.revoked_after}
        return {
            "secret": str(self.secret),
            "finding": self.finding,
            "parameter": self.parameter,
            **{name: at.isoformat() if at else None for name, at in times.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePlan:
    """The change of our policy on a role.

    ``held_by_breaker`` are the secrets whose grants an open circuit breaker holds back; it allows ``writes_per_hour``.
    ``is_checked``: a complete sweep, or this plan, has found out which grants are needed.
    """

    state: RoleState
    change: RolePolicyChange
    held_by_breaker: tuple[Arn, ...] = ()
    writes_per_hour: int = 0
    unneeded: tuple[UnneededGrant, ...] = ()
    is_checked: bool = False


PlanRole: TypeAlias = Callable[[Facts, Role, Rules], RolePlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutRecords:
    """Plans without a deployment: nothing is known of what may be revoked, so a plan has additions only.

    ``policy`` is the name of the policy that a deployment would write.
    """

    readers: AwsReaders
    policy: str

    def __call__(self, facts: Facts, role: Role, rules: Rules) -> RolePlan:
        """Return what a deployment without grant records would write."""
        state = role_state(role, RoleItem(), self.policy)
        wanted = wanted_by((facts,), rules, "remediate")
        secrets = {each: self.readers.secret(str(each), each.region) for each in relevant_secrets(state, wanted)}
        needs = role_needs(role, (facts,), secrets, wanted)
        return RolePlan(state=state, change=role_policy_change(state, needs, RevocationRules(), facts.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfStack:
    """Plans as the functions of a stack do: with its parameters, its ledger, and the code of their reconciliation."""

    readers: AwsReaders
    deployment: Deployment

    def __call__(self, facts: Facts, role: Role, rules: Rules) -> RolePlan:
        """Return what the stack would write now for the task definition, and by its next sweep to the role.

        Raises ``CannotRun`` if the ledger, the role or AWS cannot be read.
        """
        with aws_errors():
            return self._plan(facts, role, rules)

    def _plan(self, facts: Facts, role: Role, rules: Rules) -> RolePlan:
        deployment = self.deployment
        complete = deployment.definition_store.complete()
        sweep = "" if complete is None else complete["sweep"]
        reader = reader_of(deployment, self.readers, rules, facts.task_definition, sweep=sweep, now=facts.now)
        reader.gathered[facts.task_definition.arn] = facts
        item = deployment.ledger.roles.item(role.arn)
        revocation = revocation_rules(deployment.parameters)

        def changed(seen: Seen | None) -> tuple[Seen, RolePolicyChange]:
            if seen is None:
                raise NotNow(f"the role {role.arn} was deleted while this plan was made")
            return seen, role_policy_change(seen.state, seen.needs, revocation, facts.now)

        seen, change = changed(reader.read(role.arn, item, "others"))
        if change.due:
            seen, change = changed(reader.read(role.arn, item, "all"))
        writes_per_hour = int(deployment.parameters.get("WritesPerHour", "20"))
        held = change.held_by_breaker(item, writes_per_hour, facts.now)
        if held:
            needs = seen.needs.without_wanting(held)
            change = role_policy_change(seen.state, needs, revocation, facts.now)
        return RolePlan(
            state=seen.state,
            change=change,
            held_by_breaker=held,
            writes_per_hour=writes_per_hour,
            unneeded=tuple(_unneeded(seen.state.grants, change, revocation)),
            is_checked=seen.needs.is_swept or seen.needs.is_complete,
        )


def reader_of(
    deployment: Deployment,
    readers: Readers,
    rules: Rules,
    *witnesses: TaskDefinition,
    now: datetime,
    sweep: str = "",
) -> DependentsReader:
    """Return the reader with which the functions of a stack read a role.

    ``witnesses`` are the task definitions that it is about; ``sweep`` is the id of the last complete sweep. It reads as
    with Mode=remediate.
    """
    return DependentsReader(
        readers=readers,
        ledger=deployment.ledger,
        definition_store=deployment.definition_store,
        starts=deployment.starts,
        policy=deployment.policy_name,
        mode="remediate",
        rules=rules,
        now=lambda: now,
        witnesses=witnesses,
        sweep=sweep,
    )


def revocation_rules(parameters: Mapping[str, str]) -> RevocationRules:
    """Return a stack's rules for revocations. A stack that lacks a parameter is older than it, and does not revoke."""
    return RevocationRules(
        unneeded=parameters.get("RevokeUnusedGrants") == "true",
        without_consent=parameters.get("RevokeWithoutConsent") == "true",
        grace=timedelta(days=int(parameters.get("RevokeGraceDays", "14"))),
    )


def _unneeded(
    records: Iterable[GrantRecord], change: RolePolicyChange, rules: RevocationRules
) -> Iterator[UnneededGrant]:
    """Yield the unneeded grants that stay, with when each of them will be revoked."""
    for record in records:
        secret = record.granted.secret
        finding = change.unneeded.get(secret)
        if finding is None or secret in change.revoked:
            continue
        since = record.unneeded_since if record.unneeded in (None, finding) else None
        yield UnneededGrant(
            secret=secret,
            finding=finding,
            parameter=_PARAMETERS[finding],
            since=since,
            revoked_after=since + rules.grace if since and rules.allow(finding) else None,
        )
