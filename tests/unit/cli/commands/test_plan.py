"""``pullguard plan``: the calls, and the refusals with their reason."""

import json

import pytest

from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


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
    assert put["parameters"]["PolicyName"] == "pullguard-registry-credentials"
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
