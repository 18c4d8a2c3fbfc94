"""``pullguard plan``: the calls, and the refusals with their reason."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack, create


def test_plan_shows_the_exact_calls_and_makes_none(run: Run, broken: World) -> None:
    ran = run("plan", "worker", "--move-services", "--format", "json")
    planned = json.loads(ran.out)
    assert ran.code == 1
    assert [call["operation"] for call in planned["calls"]] == [
        "PutRolePolicy",
        "RegisterTaskDefinition",
        "UpdateService",
    ]
    put, register, update = planned["calls"]
    assert put["parameters"]["PolicyName"] == "pullguard-registry-credentials-us-east-1"
    assert {"key": "pullguard:reregistered-from", "value": planned["task_definition"]} in register["parameters"]["tags"]
    assert update["parameters"]["taskDefinition"].endswith("worker:2")
    assert in_account("iam").list_role_policies(RoleName="worker-execution")["PolicyNames"] == [
        "read-registry-credentials"
    ]
    assert in_account("ecs").list_task_definitions(familyPrefix="worker")["taskDefinitionArns"] == [
        planned["task_definition"]
    ]


@pytest.mark.parametrize(
    ("family", "options", "why"),
    [
        ("intruder", [], "is not opted in"),
        ("worker", [], "MoveServices is off"),
        ("worker", ["--infrastructure-tag", "team"], "belongs to"),
        ("web", ["--registry-secret-pattern", "other/*"], "does not match the deployment's pattern other/*"),
        ("web", ["--require-role-boundary", "arn:aws:iam::aws:policy/Boundary"], "lacks the permissions boundary"),
    ],
)
def test_plan_says_what_it_refuses(run: Run, broken: World, family: str, options: list[str], why: str) -> None:
    planned = json.loads(run("plan", family, *options, "--format", "json").out)
    assert any(why in refusal["why"] for refusal in planned["refusals"])
    assert "refused" in run("plan", family, *options, "--format", "text").out


def test_plan_registers_no_revision_for_aws_batch(run: Run, broken: World) -> None:
    ecs = in_account("ecs")
    newest = ecs.describe_task_definition(taskDefinition="worker")["taskDefinition"]["taskDefinitionArn"]
    ecs.tag_resource(resourceArn=newest, tags=[{"key": "AWSBatchServiceTag", "value": "batch"}])
    planned = json.loads(run("plan", "worker", "--format", "json").out)
    assert [call["operation"] for call in planned["calls"]] == ["PutRolePolicy"]
    (refusal,) = planned["refusals"]
    assert "AWS Batch registered the task definition" in refusal["why"]
    assert "aws batch register-job-definition" in refusal["snippet"]
    explained = json.loads(run("explain", "worker", "--format", "json").out)
    remarks = [each for pull in explained["containers"] for step in pull["steps"] for each in step["remarks"]]
    (stale,) = (each["remedy"] for each in remarks if each["check"] == "reference-stale")
    assert stale["action"] == "none"
    assert "Register the job definition again" in stale["text"]


# --- The grant records of a stack ------------------------------------------------------------------------------------

HEALTHY = Arn.parse("arn:aws:iam::123456789012:role/healthy-execution")
OURS = "pullguard-registry-credentials-us-east-1"


def planned(run: Run, family: str, *options: str) -> list[tuple[str, str]]:
    """Return the operation and the policy of each call that is planned."""
    calls = json.loads(run("plan", family, *options, "--format", "json").out)["calls"]
    return [(each["operation"], each["parameters"]["PolicyName"]) for each in calls]


def secret_of_healthy() -> Arn:
    found = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-healthy")
    return Arn.parse(found["ARN"])


def store(stack: Stack, **changes: Any) -> None:
    item = stack.ledger.roles.item(HEALTHY)
    assert stack.ledger.roles.replace(HEALTHY, item, replace(item, **changes))


# The policies that grant the secret, whether its owner consents, whether the grant is confirmed (None: no record), and
# what is planned with the records.
RECORDED: dict[str, tuple[tuple[str, ...], bool, bool | None, list[tuple[str, str]]]] = {
    "not-confirmed-and-without-consent": ((OURS,), False, False, [("DeleteRolePolicy", OURS)]),
    "not-confirmed-and-with-consent": ((OURS,), True, False, []),
    "confirmed-and-without-consent": ((OURS,), False, True, []),
    "not-ours": ((OURS,), False, None, []),
    "in-the-policy-of-the-former-name": ((POLICY_NAME,), True, True, [("PutRolePolicy", OURS)]),
    "in-both": ((POLICY_NAME, OURS), True, True, [("DeleteRolePolicy", POLICY_NAME)]),
    "in-the-former-and-not-ours": ((POLICY_NAME,), False, None, []),
}


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_a_plan_shows_revocations_and_moves_only_with_the_records_of_a_stack(
    run: Run, broken: World, case: tuple[tuple[str, ...], bool, bool | None, list[tuple[str, str]]]
) -> None:
    policies, consents, is_confirmed, calls = case
    stack, granted = create(), Granted(secret=secret_of_healthy(), key=None)
    for name in policies:
        document = json.dumps(policy_document([granted]))
        in_account("iam").put_role_policy(RoleName="healthy-execution", PolicyName=name, PolicyDocument=document)
    if not consents:
        in_account("secretsmanager").untag_resource(SecretId=str(granted.secret), TagKeys=["pullguard:registry"])
    if is_confirmed is not None:
        at = datetime.now(UTC)
        store(
            stack,
            grants=(GrantRecord(granted=granted, task_definition="", granted_at=at, is_confirmed=is_confirmed),),
        )
    before = stack.ledger.roles.item(HEALTHY)
    assert planned(run, "healthy", "--stack", "pullguard") == calls
    assert planned(run, "healthy") == []
    assert stack.ledger.roles.item(HEALTHY) == before


def test_a_plan_says_whether_revocations_were_checked(run: Run, broken: World) -> None:
    create()
    for options, checked in (((), False), (("--stack", "pullguard"), True)):
        ran = run("plan", "web", *options, "--format", "json")
        assert json.loads(ran.out)["revocations_checked"] is checked
        text = " ".join(run("plan", "web", *options, "--format", "text").out.split())
        assert ("Revocations were not checked" in text) is not checked


def test_a_plan_names_the_policy_of_the_stack(run: Run, broken: World) -> None:
    create("prod")
    assert planned(run, "web", "--stack", "prod") == [("PutRolePolicy", f"{OURS}-prod")]


def test_a_stack_that_is_not_there_is_named(run: Run, broken: World) -> None:
    ran = run("plan", "web", "--stack", "prod")
    assert (ran.code, "prod" in ran.err) == (2, True)


def test_a_plan_waits_as_the_executor_does_while_the_outcome_of_a_write_is_unknown(run: Run, broken: World) -> None:
    stack, role = create(), Arn.parse(str(HEALTHY).replace("healthy", "web"))
    write = PolicyWrite(id="w", policy=OURS, at=datetime.now(UTC), before=(), after=())
    stack.ledger.roles.replace(role, RoleItem(), RoleItem(writes=(write,)))
    ran = run("plan", "web", "--stack", "pullguard", "--format", "json")
    (refusal,) = json.loads(ran.out)["refusals"]
    assert (ran.code, json.loads(ran.out)["calls"]) == (1, [])
    assert "not known yet whether the last write reached IAM" in refusal["why"]
    assert "five minutes" in refusal["remedy"]


def test_a_policy_of_our_name_that_pullguard_cannot_read_is_refused(run: Run, broken: World) -> None:
    document = json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": STATEMENT})
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=OURS, PolicyDocument=document)
    ran = run("plan", "web", "--format", "json")
    (refusal,) = json.loads(ran.out)["refusals"]
    assert (ran.code, json.loads(ran.out)["calls"]) == (1, [])
    assert OURS in refusal["remedy"]


def test_a_plan_fails_if_the_records_of_its_stack_cannot_be_read(run: Run, broken: World) -> None:
    create()
    item = {"pk": {"S": f"ROLE#{HEALTHY}"}, "sk": {"S": "STATE"}, "data": {"S": "[]"}}
    in_account("dynamodb").put_item(TableName="ledger", Item=item)
    ran = run("plan", "healthy", "--stack", "pullguard")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be read" in ran.err
    assert run("plan", "healthy").code == 0


STATEMENT = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]


def test_a_plan_keeps_what_others_wrote_into_our_policy(run: Run, broken: World) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": STATEMENT})
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=OURS, PolicyDocument=document)
    (call,) = json.loads(run("plan", "web", "--format", "json").out)["calls"]
    ours, theirs = json.loads(call["parameters"]["PolicyDocument"])["Statement"]
    assert (ours["Sid"], [theirs]) == ("PullguardSecrets", STATEMENT)
