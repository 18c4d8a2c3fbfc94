"""The API calls that a plan would make, built by the executors' own code but never sent."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, assert_never

from pullguard.aws.ecs import Ecs
from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, MoveService, Refusal, Reregister
from pullguard.domain.arn import Arn, MalformedReference, parse_reference
from pullguard.domain.facts import Facts
from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    POLICY_NAME,
    Granted,
    fits,
    parse_own,
    policy_document,
    render,
    united,
)
from pullguard.domain.role import Role
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules, make_plan
from pullguard.planning.preview import after_registering
from pullguard.planning.reregister import DESCRIBE_ONLY, CannotReregister
from pullguard.planning.scope import in_scope
from pullguard.workflows.reregister import request_of
from pullguard_cli.difference import difference

_AFTER_GRANT: Final = "once the role can read the secret"
_AFTER_REGISTER: Final = "once the new revision passes every check (AWS assigns its number)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call. ``diff`` compares its result with the current state; ``when`` says what it waits for."""

    service: str
    operation: str
    target: str
    parameters: Mapping[str, Any]
    diff: str
    findings: tuple[str, ...]
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls that remediation would make, in order, and the actions it would refuse."""

    calls: tuple[Call, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the calls and refusals as JSON."""
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
        }


def calls_for(facts: Facts, rules: Rules, ecs: Ecs) -> Calls:
    """Return every call needed to fix one task definition, from the first write to the last."""
    if not in_scope(facts):
        return Calls()
    findings = examine(facts).findings
    plan = make_plan(facts, findings, rules)
    preview = after_registering(facts, findings, plan, rules)
    grants = tuple(action for action in plan.actions if isinstance(action, Grant))
    others = (action for action in (*plan.actions, *preview.actions) if not isinstance(action, Grant))
    steps = (
        *((_put_role_policy(facts, facts.role, grants),) if isinstance(facts.role, Role) and grants else ()),
        *(_other(action, facts, ecs, after_grant=bool(grants)) for action in others),
    )
    return Calls(
        calls=tuple(step for step in steps if isinstance(step, Call)),
        refusals=(*plan.refusals, *(step for step in steps if isinstance(step, Refusal)), *preview.refusals),
    )


def _other(action: Reregister | MoveService, facts: Facts, ecs: Ecs, *, after_grant: bool) -> Call | Refusal:
    match action:
        case Reregister():
            return _register(action, facts, ecs, after_grant=after_grant)
        case MoveService():
            return _update_service(action, facts)
        case _:
            assert_never(action)


def _put_role_policy(facts: Facts, role: Role, grants: tuple[Grant, ...]) -> Call | Refusal:
    policies = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    inline = {policy.name: policy.document for policy in policies}
    own = inline.get(POLICY_NAME)
    present = parse_own(own)[0] if own else ()
    document = policy_document(united(present, (Granted(secret=grant.secret, key=grant.key) for grant in grants)))
    findings = tuple(dict.fromkeys(each for grant in grants for each in grant.findings))
    if not fits(inline, document):
        return Refusal(
            kind="grant",
            task_definition=facts.task_definition.arn,
            target=str(role.arn),
            why=f"the role's inline policies would exceed the {INLINE_POLICIES_MAX_CHARS} characters that IAM allows",
            remedy="Move another inline policy of the role into a managed policy, or split the role.",
            snippet=None,
            findings=findings,
        )
    after = render(document)
    return Call(
        service="iam",
        operation="PutRolePolicy",
        target=str(role.arn),
        parameters={"RoleName": role.name, "PolicyName": POLICY_NAME, "PolicyDocument": after},
        diff=difference(None if own is None else json.loads(render(own)), document, POLICY_NAME),
        findings=findings,
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
