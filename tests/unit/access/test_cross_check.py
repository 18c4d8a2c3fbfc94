"""AWS's simulator can only take away from what we allow, and is asked in the real request's context."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from pullguard.access.contexts import Circumstances
from pullguard.access.cross_check import Contradiction, contradiction, questions
from pullguard.access.verdict import pull_access
from pullguard.aws.iam import Iam
from pullguard.checks.examine import examine
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Lookup, Missing, Unreadable
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import read_task_definition
from tests.unit.access import worlds

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:registry/ghcr-AbCdEf"
ROLE = "arn:aws:iam::111122223333:role/web-execution"
READ = "secretsmanager:GetSecretValue"


def _policy(principal: dict[str, Any] | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": READ, "Resource": SECRET if principal is None else "*"}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Principal": principal} if principal else {})]}


def _facts(simulated: Lookup[tuple[Simulated, ...]] | None, *, by_resource_policy: bool = False) -> Facts:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = Role(
        arn=Arn.parse(ROLE),
        name="web-execution",
        trust_policy={"Version": "2012-10-17", "Statement": [trust]},
        inline_policies=() if by_resource_policy else (NamedPolicy(name="read", document=_policy()),),
    )
    secret = Secret(
        arn=Arn.parse(SECRET),
        name="registry/ghcr",
        stages={"v1": ("AWSCURRENT",)},
        resource_policy=_policy({"AWS": ROLE}) if by_resource_policy else None,
    )
    raw = {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:1",
        "executionRoleArn": ROLE,
        "containerDefinitions": [
            {"name": "web", "image": "ghcr.io/acme/web:1", "repositoryCredentials": {"credentialsParameter": SECRET}}
        ],
    }
    return Facts(
        task_definition=read_task_definition(raw, {}),
        now=datetime(2026, 11, 23, tzinfo=UTC),
        role=role,
        secrets={SECRET: secret},
        simulations={} if simulated is None else {"web": simulated},
    )


def _said(decision: str, organization: bool | None) -> tuple[Simulated, ...]:
    return (Simulated(action=READ, resource=SECRET, decision=decision, organization_allows=organization),)


def _statuses(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.status) for finding in findings]


BLOCKED = "secret-access-blocked-by-organization"
DENIED = Unreadable(permission="iam:SimulatePrincipalPolicy", resource=ROLE, reason="denied")


@pytest.mark.parametrize(
    ("simulated", "by_resource_policy", "expected"),
    [
        pytest.param(None, False, [], id="not-asked"),
        pytest.param(_said("allowed", True), False, [], id="agrees"),
        pytest.param(_said("allowed", None), False, [], id="agrees-without-an-organization"),
        pytest.param(_said("implicitDeny", False), False, [(BLOCKED, "fail")], id="organization-denies"),
        pytest.param(_said("explicitDeny", False), True, [(BLOCKED, "fail")], id="organization-denies-resource-policy"),
        pytest.param(_said("implicitDeny", True), False, [(BLOCKED, "unknown")], id="denies-and-we-do-not-know-why"),
        pytest.param(_said("implicitDeny", True), True, [], id="knows-no-resource-policy"),
        pytest.param(DENIED, False, [(BLOCKED, "unknown")], id="may-not-ask"),
        pytest.param(Missing(resource=ROLE), False, [], id="role-gone-meanwhile"),
    ],
)
def test_a_contradiction_is_never_a_pass(
    simulated: Lookup[tuple[Simulated, ...]] | None, by_resource_policy: bool, expected: list[tuple[str, str]]
) -> None:
    facts = _facts(simulated, by_resource_policy=by_resource_policy)

    assert _statuses(examine(facts).findings) == expected


def test_the_simulator_never_turns_a_deny_into_an_allow() -> None:
    facts = _facts(_said("allowed", True))
    assert isinstance(facts.role, Role)
    facts = replace(facts, role=replace(facts.role, inline_policies=()))

    assert ("secret-access-missing", "fail") in _statuses(examine(facts).findings)


def _organization_denies(resource: str) -> Simulated:
    return Simulated(action=READ, resource=resource, decision="implicitDeny", organization_allows=False)


def test_every_answer_is_compared_and_only_with_what_passes() -> None:
    elsewhere, here = _organization_denies(worlds.THEIR_SECRET), _organization_denies(worlds.SECRET)
    passes = pull_access(worlds.role(worlds.READS), worlds.ours)
    assert contradiction(passes, (elsewhere,)) is None
    assert contradiction(passes, (elsewhere, here)) == Contradiction(
        by_organization=True,
        evidence=(
            f"SimulatePrincipalPolicy: {READ} on {worlds.SECRET} is implicitDeny; AllowedByOrganizations is false"
        ),
    )
    unread = worlds.secret(key=worlds.denied("kms:DescribeKey", worlds.KEY))
    for access in (pull_access(worlds.role(worlds.READS), unread), pull_access(worlds.role(), worlds.ours)):
        assert access.state != "pass"
        assert contradiction(access, (here,)) is None


@pytest.mark.parametrize(
    ("manager", "actions"), [("CUSTOMER", [READ, "kms:Decrypt"]), ("AWS", [READ])], ids=["own-key", "key-of-aws"]
)
def test_decrypt_is_asked_for_with_a_key_that_policies_allow(manager: Any, actions: list[str]) -> None:
    secret = worlds.secret(key=worlds.key(manager=manager))
    asked = questions(worlds.role(), secret, Circumstances())
    assert [each.action for each in asked] == actions


def test_the_request_is_that_of_the_pull() -> None:
    facts = _facts(None)
    secret = facts.secrets[SECRET]
    assert isinstance(facts.role, Role)
    assert isinstance(secret, Secret)
    asked = questions(facts.role, secret, Circumstances(reference=SECRET))
    client = boto3.client("iam", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    result = {
        "EvalActionName": READ,
        "EvalDecision": "implicitDeny",
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
    }
    with Stubber(client) as stubber:
        stubber.add_response(
            "simulate_principal_policy",
            {"EvaluationResults": [result]},
            {"PolicySourceArn": ROLE, "ActionNames": [READ], "ResourceArns": [SECRET], "ContextEntries": ANY},
        )
        answer = Iam(client).simulate(Arn.parse(ROLE), asked)
        stubber.assert_no_pending_responses()

    assert answer == _said("implicitDeny", False)
    context = dict(asked[0].context)
    assert context["secretsmanager:secretid"] == (SECRET,)
    assert not [name for name in context if name.startswith("aws:principal")], "AWS sets these by itself"


def test_a_refusal_names_the_permission() -> None:
    client = boto3.client("iam", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    facts = _facts(None)
    secret = facts.secrets[SECRET]
    assert isinstance(facts.role, Role)
    assert isinstance(secret, Secret)
    with Stubber(client) as stubber:
        stubber.add_client_error("simulate_principal_policy", "AccessDenied", http_status_code=403)
        answer = Iam(client).simulate(Arn.parse(ROLE), questions(facts.role, secret, Circumstances()))

    assert isinstance(answer, Unreadable)
    assert answer.permission == "iam:SimulatePrincipalPolicy"
