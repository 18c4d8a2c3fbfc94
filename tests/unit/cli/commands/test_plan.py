"""``pullguard plan``: the calls, and the refusals with their reason."""

import json
from datetime import UTC, datetime

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document
from pullguard.domain.role_item import GrantRecord, PolicyWrite
from pullguard.domain.stop import Stop, switch_text
from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, POLICY, ROLE, create


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


def planned(run: Run, family: str, *options: str) -> list[tuple[str, str]]:
    """Return the operation and the policy of each call that is planned."""
    calls = json.loads(run("plan", family, *options, "--format", "json").out)["calls"]
    return [(each["operation"], each["parameters"]["PolicyName"]) for each in calls]


def secret_of_healthy() -> Arn:
    found = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-healthy")
    return Arn.parse(found["ARN"])


# The policies that grant the secret, whether its owner consents, whether the grant is confirmed (None: no record), and
# what is planned with the records.
RECORDED: dict[str, tuple[tuple[str, ...], bool, bool | None, list[tuple[str, str]]]] = {
    "not-confirmed-and-without-consent": ((POLICY,), False, False, [("DeleteRolePolicy", POLICY)]),
    "not-confirmed-and-with-consent": ((POLICY,), True, False, []),
    "confirmed-and-without-consent": ((POLICY,), False, True, []),
    "not-ours": ((POLICY,), False, None, []),
    "in-the-policy-of-the-former-name": ((POLICY_NAME,), True, True, [("PutRolePolicy", POLICY)]),
    "in-both": ((POLICY_NAME, POLICY), True, True, [("DeleteRolePolicy", POLICY_NAME)]),
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
        record = GrantRecord(granted=granted, task_definition="", granted_at=at, is_confirmed=is_confirmed)
        stack.keep(HEALTHY, grants=(record,))
    before = stack.ledger.roles.item(HEALTHY)
    assert planned(run, "healthy", "--stack", "pullguard") == calls
    assert planned(run, "healthy") == []
    assert stack.ledger.roles.item(HEALTHY) == before


NOT_CHECKED = "Revocations were not checked"
NO_SWEEP = "Which grants are unneeded is not known"


def test_a_plan_says_whether_revocations_were_checked(run: Run, broken: World) -> None:
    def checked(*options: str) -> tuple[bool, bool, bool]:
        reported = json.loads(run("plan", "web", *options, "--format", "json").out)
        text = " ".join(run("plan", "web", *options, "--format", "text").out.split())
        return reported["revocations_checked"], NOT_CHECKED in text, NO_SWEEP in text

    stack = create()
    assert checked() == (False, True, False)
    assert checked("--stack", "pullguard") == (False, False, True)
    stack.complete_sweep()
    assert checked("--stack", "pullguard") == (True, False, False)


def test_a_plan_is_made_with_the_parameters_of_the_stack(run: Run, broken: World) -> None:
    create(RegistrySecretPattern="other/*", RequireRoleBoundary="", MoveServices="true", InfrastructureTagKeys="iac, x")
    planned = json.loads(run("plan", "web", "--stack", "pullguard", "--format", "json").out)
    assert (planned["stack"], planned["mode"], planned["calls"]) == ("pullguard", "observe", [])
    assert any("does not match the deployment's pattern other/*" in each["why"] for each in planned["refusals"])
    again = run("plan", "web", "--stack", "pullguard", "--registry-secret-pattern", "*", "--format", "json")
    assert [call["operation"] for call in json.loads(again.out)["calls"]] == ["PutRolePolicy"]
    moved = json.loads(
        run("plan", "worker", "--stack", "pullguard", "--registry-secret-pattern", "*", "--format", "json").out
    )
    assert [call["operation"] for call in moved["calls"]][-1] == "UpdateService"


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("observe", "The stack pullguard only reports (Mode=observe)."),
        ("remediate", "The stack pullguard makes these calls (Mode=remediate)."),
    ],
)
def test_a_plan_says_whether_the_stack_makes_the_calls(run: Run, broken: World, mode: str, sentence: str) -> None:
    create(Mode=mode)
    assert sentence in run("plan", "web", "--stack", "pullguard", "--format", "text").out


def test_a_plan_names_the_stop_and_the_holds_that_keep_its_calls_back(run: Run, broken: World) -> None:
    stack = create()
    hold = Stop(by="ada", at=datetime.now(UTC).isoformat(), reason="rolled back")
    in_account("ssm").put_parameter(Name=PARAMETER, Value=switch_text(hold), Overwrite=True)
    stack.keep(ROLE, hold=hold)
    planned = json.loads(run("plan", "web", "--stack", "pullguard", "--format", "json").out)
    assert (planned["stop"]["stopped"], [each["role"] for each in planned["holds"]]) == (True, [str(ROLE)])
    text = run("plan", "web", "--stack", "pullguard", "--format", "text").out
    assert "pullguard resume web-execution" in text
    assert "role web-execution" not in run("plan", "api", "--stack", "pullguard", "--format", "text").out


def test_under_mode_observe_a_plan_says_which_call_is_made_nevertheless(run: Run, broken: World) -> None:
    stack, granted = create(), Granted(secret=secret_of_healthy(), key=None)
    document = json.dumps(policy_document([granted]))
    in_account("iam").put_role_policy(RoleName="healthy-execution", PolicyName=POLICY, PolicyDocument=document)
    stack.keep(HEALTHY, grants=(GrantRecord(granted=granted, task_definition="", granted_at=datetime.now(UTC)),))
    tags = [{"Key": "pullguard:mode", "Value": "observe"}]
    in_account("iam").tag_role(RoleName="healthy-execution", Tags=tags)
    text = run("plan", "healthy", "--stack", "pullguard", "--format", "text").out
    assert "iam:DeleteRolePolicy" in text
    assert "Pullguard makes the call on the role, and reports the rest." in text
    in_account("iam").tag_role(RoleName="web-execution", Tags=tags)
    assert "Pullguard only reports this and makes no calls." in run("plan", "web", "--format", "text").out


def test_a_plan_names_the_policy_of_the_stack(run: Run, broken: World) -> None:
    create("prod")
    assert planned(run, "web", "--stack", "prod") == [("PutRolePolicy", f"{POLICY}-prod")]


def test_a_stack_that_is_not_there_is_named(run: Run, broken: World) -> None:
    ran = run("plan", "web", "--stack", "prod")
    assert (ran.code, "prod" in ran.err) == (2, True)


def test_a_plan_waits_as_the_executor_does_while_the_outcome_of_a_write_is_unknown(run: Run, broken: World) -> None:
    stack = create()
    write = PolicyWrite(id="w", policy=POLICY, at=datetime.now(UTC), before=(), after=())
    stack.keep(ROLE, writes=(write,))
    ran = run("plan", "web", "--stack", "pullguard", "--format", "json")
    (refusal,) = json.loads(ran.out)["refusals"]
    assert (ran.code, json.loads(ran.out)["calls"]) == (1, [])
    assert "not known yet whether the last write reached IAM" in refusal["why"]
    assert "five minutes" in refusal["remedy"]


def test_a_policy_of_our_name_that_pullguard_cannot_read_is_refused(run: Run, broken: World) -> None:
    document = json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": STATEMENT})
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY, PolicyDocument=document)
    ran = run("plan", "web", "--format", "json")
    (refusal,) = json.loads(ran.out)["refusals"]
    assert (ran.code, json.loads(ran.out)["calls"]) == (1, [])
    assert POLICY in refusal["remedy"]


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
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY, PolicyDocument=document)
    (call,) = json.loads(run("plan", "web", "--format", "json").out)["calls"]
    ours, theirs = json.loads(call["parameters"]["PolicyDocument"])["Statement"]
    assert (ours["Sid"], [theirs]) == ("PullguardSecrets", STATEMENT)
