"""The planned write to the policy of a role: as a deployed stack would make it, or without knowing any grant record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from pullguard.access.patterns import glob, glob_matches
from pullguard.checks.gather import Readers
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.facts import Facts
from pullguard.domain.role import Role
from pullguard.domain.role_item import RoleItem, Unneeded
from pullguard.domain.role_policy import RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.planner import Rules
from pullguard.planning.role_needs import relevant_secrets, role_needs, role_state, wanted_by
from pullguard.planning.scope import is_certain
from pullguard.workflows.reconcile_role import Extent, Seen
from pullguard.workflows.role_reader import DependentsReader
from pullguard_cli.deployment import Deployment, aws_errors

_PARAMETERS: Final[Mapping[Unneeded, str]] = {
    "grant-unneeded": "RevokeUnusedGrants",
    "grant-without-consent": "RevokeWithoutConsent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnneededGrant:
    """A confirmed grant that stays for now: for the reason ``stays``, or else until a sweep after ``revoked_after``.

    ``since``: when a complete sweep first found that it is unneeded, or lacks consent.
    """

    secret: Arn
    finding: Unneeded
    since: datetime | None
    revoked_after: datetime | None
    stays: str

    def to_dict(self) -> dict[str, Any]:
        """Return the grant as JSON."""
        times = {"since": self.since, "revoked_after": self.revoked_after}
        return {
            "secret": str(self.secret),
            "finding": self.finding,
            **{name: at.isoformat() if at else None for name, at in times.items()},
            "stays_because": self.stays or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The change of our policy on a role as a stack decides it; ``unknown`` are reasons why it may decide otherwise."""

    seen: Seen
    change: RolePolicyChange
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePlan:
    """The change of our policy on a role.

    ``held_by_breaker`` are the secrets whose grants an open circuit breaker holds back; it allows ``writes_per_hour``.
    ``is_checked``: a complete sweep, or this plan, has found out which grants are needed. ``unknown`` are reasons why
    the stack may decide otherwise. ``outside``: why IAM will refuse the write.
    """

    state: RoleState
    change: RolePolicyChange
    held_by_breaker: tuple[Arn, ...] = ()
    writes_per_hour: int = 0
    unneeded: tuple[UnneededGrant, ...] = ()
    is_checked: bool = False
    unknown: tuple[str, ...] = ()
    outside: str = ""


PlanRole: TypeAlias = Callable[[Facts, Role, Rules], RolePlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutRecords:
    """Plans without a deployment: nothing is known of what may be revoked, so a plan has additions only.

    ``policy`` is the name of the policy that a deployment would write.
    """

    readers: Readers
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

    readers: Readers
    deployment: Deployment

    def __call__(self, facts: Facts, role: Role, rules: Rules) -> RolePlan:
        """Return what the stack would write now for the task definition, and by its next sweep to the role.

        Raises ``CannotRun`` if the ledger, the role or AWS cannot be read.
        """
        with aws_errors():
            return self._plan(facts, role, rules)

    def _plan(self, facts: Facts, role: Role, rules: Rules) -> RolePlan:
        parameters = self.deployment.parameters
        reader = reader_of(self.deployment, self.readers, rules, facts.task_definition)
        reader.gathered[facts.task_definition.arn] = facts
        item = self.deployment.ledger.roles.item(role.arn)
        revocation = revocation_rules(parameters)
        decided = decide(reader, role, item, revocation, facts.now)
        seen, change = decided.seen, decided.change
        writes_per_hour = int(parameters.get("WritesPerHour", "20"))
        held = change.held_by_breaker(item, writes_per_hour, facts.now)
        if held:
            change = role_policy_change(seen.state, seen.needs.without_wanting(held), revocation, facts.now)
        judged = change.kind != "wait" and seen.state.own.is_readable
        return RolePlan(
            state=seen.state,
            change=change,
            held_by_breaker=held,
            writes_per_hour=writes_per_hour,
            unneeded=tuple(_unneeded(seen, change, revocation)),
            is_checked=judged and not decided.unknown and (seen.needs.is_swept or seen.needs.is_complete),
            unknown=decided.unknown,
            outside=_outside(role, parameters.get("ManagedRolePattern", "*")),
        )


def reader_of(deployment: Deployment, readers: Readers, rules: Rules, *witnesses: TaskDefinition) -> DependentsReader:
    """Return the reader with which the functions of a stack read a role, as with Mode=remediate.

    ``witnesses`` are the task definitions that it is about. It names the last complete sweep, if there is one.
    """
    complete = deployment.definition_store.complete()
    return DependentsReader(
        readers=readers,
        ledger=deployment.ledger,
        definition_store=deployment.definition_store,
        starts=deployment.starts,
        policy=deployment.policy_name,
        mode="remediate",
        rules=rules,
        now=lambda: datetime.now(UTC),
        witnesses=witnesses,
        sweep="" if complete is None else complete["sweep"],
    )


def decide(
    reader: DependentsReader, role: Role, item: RoleItem, rules: RevocationRules, now: datetime, *, all_: bool = False
) -> Decided:
    """Decide as a stack does. All dependents of the role are read only if a grant is due, or if ``all_`` says so.

    Raises ``NotNow`` if the role is gone or cannot be read.
    """
    seen = _seen(reader, role, item, "all" if all_ else "others")
    change = role_policy_change(seen.state, seen.needs, rules, now)
    if change.due and not all_:
        seen = _seen(reader, role, item, "all")
        change = role_policy_change(seen.state, seen.needs, rules, now)
    return Decided(seen=seen, change=change, unknown=tuple(_unknown(reader, seen)))


def _seen(reader: DependentsReader, role: Role, item: RoleItem, extent: Extent) -> Seen:
    seen = reader.read(role.arn, item, extent)
    if seen is None:
        raise NotNow(f"the role {role.arn} was deleted meanwhile")
    return seen


def _unknown(reader: DependentsReader, seen: Seen) -> Iterator[str]:
    """Yield what could not be read of the needs of the role: secrets, other task definitions, or their number."""
    for secret, need in seen.needs.secrets.items():
        if need.exists is None:
            yield f"the secret {secret.resource_name}: {reader.readers.secret(str(secret), secret.region)}"
    about = {each.arn for each in reader.witnesses}
    for arn, facts in reader.gathered.items():
        if arn not in about and not is_certain(facts):
            yield f"the needs of {arn.resource_name}: something that decides them could not be read"
    if seen.doubt:
        yield seen.doubt


def _outside(role: Role, pattern: str) -> str:
    name = str(role.arn).partition(":role/")[2]
    if glob_matches(glob(pattern), name):
        return ""
    return f"the role {name} does not match the stack's ManagedRolePattern {pattern}, so IAM refuses the write"


def revocation_rules(parameters: Mapping[str, str]) -> RevocationRules:
    """Return a stack's rules for revocations. A stack that lacks a parameter is older than it, and does not revoke."""
    return RevocationRules(
        unneeded=parameters.get("RevokeUnusedGrants") == "true",
        without_consent=parameters.get("RevokeWithoutConsent") == "true",
        grace=timedelta(days=int(parameters.get("RevokeGraceDays", "14"))),
    )


def _unneeded(seen: Seen, change: RolePolicyChange, rules: RevocationRules) -> Iterator[UnneededGrant]:
    """Yield the unneeded grants that stay, with when each of them will be revoked, or why not."""
    for record in seen.state.grants:
        secret = record.granted.secret
        finding = change.unneeded.get(secret)
        if finding is None or secret in change.revoked:
            continue
        since = record.unneeded_since if record.unneeded in (None, finding) else None
        if not rules.allow(finding):
            stays = f"{_PARAMETERS[finding]} is off"
        elif not seen.needs.is_writable:
            stays = "the role is not opted in any more"
        else:
            stays = "" if since else "no complete sweep has found it yet"
        yield UnneededGrant(
            secret=secret,
            finding=finding,
            since=since,
            revoked_after=since + rules.grace if since and not stays else None,
            stays=stays,
        )
