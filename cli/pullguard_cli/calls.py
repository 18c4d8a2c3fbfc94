"""The API calls that a plan would make, built by the executors' own code but never sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, assert_never

from pullguard.aws.ecs import Ecs
from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, MoveService, Refusal, Reregister
from pullguard.domain.arn import Arn, MalformedReference, parse_reference
from pullguard.domain.facts import Facts
from pullguard.domain.policy_document import render
from pullguard.domain.role import Role
from pullguard.domain.role_policy import MAKE_ROOM, NO_ROOM, RolePolicyChange
from pullguard.domain.role_state import RoleState
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules, make_plan
from pullguard.planning.preview import after_registering
from pullguard.planning.reregister import DESCRIBE_ONLY, CannotReregister
from pullguard.planning.scope import in_scope
from pullguard.workflows.reregister import request_of
from pullguard.workflows.write_checks import TooManyWrites
from pullguard_cli.difference import difference
from pullguard_cli.role_plan import PlanRole, RolePlan, UnneededGrant

_AFTER_GRANT: Final = "once the role can read the secret"
_AFTER_REGISTER: Final = "once the new revision passes every check (AWS assigns its number)"
_WAIT: Final = "Run this again in five minutes."
_LATE: Final = "the stack has written this grant within the last five minutes, and IAM does not show it yet"
_OUTSIDE: Final = "Widen the parameter ManagedRolePattern, or give the role access by hand."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call. ``diff`` compares its result with the current state; ``when`` says what it waits for.

    ``revoked`` are the secrets (ARNs) whose grants it revokes, with the reason.
    """

    service: str
    operation: str
    target: str
    parameters: Mapping[str, Any]
    diff: str
    findings: tuple[str, ...]
    when: str | None = None
    revoked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls that remediation would make, in order, and the actions it would refuse.

    ``unneeded`` are grants of the stack on the role that nothing needs, or that lack consent, and that stay for now.
    ``revocations_checked``: whether a complete sweep, or this plan, has found out which grants are needed. ``unknown``
    are reasons why the stack may write something else to the role.
    """

    calls: tuple[Call, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unneeded: tuple[UnneededGrant, ...] = ()
    revocations_checked: bool = False
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the calls, refusals and unneeded grants as JSON."""
        return {
            "calls": [asdict(call) for call in self.calls],
            "refusals": [
                {
                    "kind": refusal.kind,
                    "target": refusal.target,
                    "why": refusal.why,
                    "remedy": refusal.remedy,
                    "snippet": refusal.snippet,
                    "findings": list(refusal.findings),
                }
                for refusal in self.refusals
            ],
            "revocations_checked": self.revocations_checked,
            "unneeded_grants": [grant.to_dict() for grant in self.unneeded],
            "unknown": list(self.unknown),
        }


def calls_for(facts: Facts, rules: Rules, ecs: Ecs, plan_role: PlanRole) -> Calls:
    """Return every call needed to fix one task definition, from the first write to the last."""
    if not in_scope(facts):
        return Calls()
    findings = examine(facts).findings
    plan = make_plan(facts, findings, rules)
    preview = after_registering(facts, findings, plan, rules)
    grants = tuple(action for action in plan.actions if isinstance(action, Grant))
    others = (action for action in (*plan.actions, *preview.actions) if not isinstance(action, Grant))
    role = plan_role(facts, facts.role, rules) if isinstance(facts.role, Role) else None
    steps = (
        *(_role_steps(facts, facts.role, grants, role) if isinstance(facts.role, Role) and role else ()),
        *(_other(action, facts, ecs, after_grant=bool(grants)) for action in others),
    )
    return Calls(
        calls=tuple(step for step in steps if isinstance(step, Call)),
        refusals=(*plan.refusals, *(step for step in steps if isinstance(step, Refusal)), *preview.refusals),
        unneeded=role.unneeded if role else (),
        revocations_checked=role is not None and role.is_checked,
        unknown=role.unknown if role else (),
    )


def _other(action: Reregister | MoveService, facts: Facts, ecs: Ecs, *, after_grant: bool) -> Call | Refusal:
    match action:
        case Reregister():
            return _register(action, facts, ecs, after_grant=after_grant)
        case MoveService():
            return _update_service(action, facts)
        case _:
            assert_never(action)


def _role_steps(facts: Facts, role: Role, grants: tuple[Grant, ...], plan: RolePlan) -> Iterator[Call | Refusal]:
    """Yield the write of our policy, as the executor would make it, and the grants that it could not make."""
    state, change, held = plan.state, plan.change, plan.held_by_breaker
    made = tuple(each for each in grants if each.secret not in change.refused and each.secret not in held)
    shown = {each.secret for each in state.own.grants}
    late = tuple(each for each in made if each.secret not in shown)
    if change.is_write and plan.outside:
        yield _refusal(facts, role, plan.outside, _OUTSIDE, _findings(made))
    elif change.is_write:
        yield _put_role_policy(role, state, change, _findings(made))
    elif change.why:
        remedy = _WAIT if change.kind == "wait" else f"Remove the policy {state.policy} from the role."
        yield _refusal(facts, role, change.why, remedy, _findings(grants))
    elif late and {each.secret for each in change.after}.issuperset(each.secret for each in late):
        yield _refusal(facts, role, _LATE, _WAIT, _findings(late))
    for secret in held:
        error = TooManyWrites(f"the grant of {secret} on the role {role.arn}", plan.writes_per_hour)
        yield _refusal(
            facts, role, str(error), error.remedy, _findings(each for each in grants if each.secret == secret)
        )
    if change.refused:
        left = _findings(each for each in grants if each.secret in change.refused)
        yield _refusal(facts, role, NO_ROOM, MAKE_ROOM, left)


def _findings(grants: Iterable[Grant]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for grant in grants for each in grant.findings))


def _refusal(facts: Facts, role: Role, why: str, remedy: str, findings: tuple[str, ...]) -> Refusal:
    return Refusal(
        kind="grant",
        task_definition=facts.task_definition.arn,
        target=str(role.arn),
        why=why,
        remedy=remedy,
        snippet=None,
        findings=findings,
    )


def _put_role_policy(role: Role, state: RoleState, change: RolePolicyChange, findings: tuple[str, ...]) -> Call:
    own = state.own if change.policy == state.policy else state.former
    before = own.document(change.before) if change.before or own.statements else None
    after = own.document(change.after) if change.kind == "put" else None
    written = {} if after is None else {"PolicyDocument": render(after)}
    return Call(
        service="iam",
        operation="DeleteRolePolicy" if after is None else "PutRolePolicy",
        target=str(role.arn),
        parameters={"RoleName": role.name, "PolicyName": change.policy, **written},
        diff=difference(before, after, change.policy),
        findings=findings,
        revoked={str(secret): why for secret, why in change.revoked.items()},
    )


def _register(action: Reregister, facts: Facts, ecs: Ecs, *, after_grant: bool) -> Call | Refusal:
    definition = facts.task_definition
    try:
        request = request_of(action, ecs)
    except CannotReregister as error:
        return Refusal(
            kind="reregister",
            task_definition=definition.arn,
            target=definition.family,
            why=error.why,
            remedy=error.remedy,
            snippet=None,
            findings=action.findings,
        )
    present = {name: value for name, value in definition.raw.items() if name not in DESCRIBE_ONLY}
    present["tags"] = [{"key": key, "value": value} for key, value in definition.tags.items()]
    present, request = (_without_pasted(each, definition.arn.region) for each in (present, request))
    return Call(
        service="ecs",
        operation="RegisterTaskDefinition",
        target=definition.family,
        parameters=request,
        diff=difference(present, request, definition.arn.resource_name),
        findings=action.findings,
        when=_AFTER_GRANT if after_grant else None,
    )


def _without_pasted(document: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return a task definition with malformed references redacted: a pasted value may be a credential."""

    def shown(container: Mapping[str, Any]) -> Mapping[str, Any]:
        credentials = container.get("repositoryCredentials")
        if not isinstance(credentials, Mapping) or "credentialsParameter" not in credentials:
            return container
        reference = parse_reference(credentials["credentialsParameter"], region=region)
        if not isinstance(reference, MalformedReference):
            return container
        return {**container, "repositoryCredentials": {**credentials, "credentialsParameter": reference.reported}}

    return {**document, "containerDefinitions": [shown(each) for each in document.get("containerDefinitions", ())]}


def _update_service(action: MoveService, facts: Facts) -> Call:
    known = isinstance(facts.usage, Usage) and facts.usage.successor == action.after
    return Call(
        service="ecs",
        operation="UpdateService",
        target=action.service,
        parameters={"cluster": action.cluster, "service": action.service, "taskDefinition": str(action.after)},
        diff=difference({"taskDefinition": str(action.before)}, {"taskDefinition": str(action.after)}, _name(action)),
        findings=(),
        when=None if known else _AFTER_REGISTER,
    )


def _name(action: MoveService) -> str:
    return Arn.parse(action.service).resource_name if action.service.startswith("arn:") else action.service
