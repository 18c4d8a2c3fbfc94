"""Remediation can be stopped, reversed and revoked: by the operator's commands, on a stack of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.demo.evidence import OWN_POLICY
from sandbox.demo.progress import Progress, insist
from sandbox.demo.scene import Scene, about, deploy
from sandbox.emulator import Credentials, Emulator
from sandbox.worlds.demo import CLUSTER
from tests.e2e.families import family, fresh
from tests.e2e.stacks import Used

COMMAND = Path(sys.executable).with_name("pullguard")
PARAMETERS = {"Mode": "remediate", "RevokeUnusedGrants": "true", "RevokeGraceDays": "0"}
WITHIN_S = 150


@pytest.fixture(scope="module")
def revoking(built: Path, used: Used) -> Iterator[Scene]:
    """A stack that takes back at once what a complete sweep finds unused."""
    with Emulator() as aws:
        scene = deploy(aws, built, PARAMETERS, Progress(quiet=True))
        used.watch(scene)
        yield scene


def pullguard(scene: Scene, *arguments: str, as_: Credentials | None = None) -> str:
    """Run the command against the stack, by default as its operator, and return its output."""
    signer = as_ or scene.operator
    environment = {**os.environ, **scene.aws.environment, "AWS_REGION": scene.aws.region} | {
        "AWS_ACCESS_KEY_ID": signer.access_key_id,
        "AWS_SECRET_ACCESS_KEY": signer.secret_access_key,
        **({"AWS_SESSION_TOKEN": signer.session_token} if signer.session_token else {}),
    }
    ran = subprocess.run(
        [COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def policy(scene: Scene, name: str) -> str | None:
    client = scene.aws.client("iam")
    try:
        found = client.get_role_policy(RoleName=f"{name}-execution", PolicyName=OWN_POLICY)
    except client.exceptions.NoSuchEntityException:
        return None
    return json.dumps(found["PolicyDocument"], sort_keys=True)


def granted(scene: Scene, name: str) -> str:
    """Let a family that needs a grant exist, and return the policy once it has it."""
    scene.load(family(name))
    document: str | None = insist(lambda: policy(scene, name), f"a grant for {name}", timeout_s=WITHIN_S)
    assert document is not None
    return document


def reported(scene: Scene, name: str, kind: str) -> list[str]:
    return [each.text for each in about(scene.letters(), name) if each.attributes["kind"] == kind]


def start_nightly(scene: Scene, name: str) -> None:
    """Let a rule start the family's revision each night, and a newer one that needs no secret exist beside it."""
    where = f"{scene.aws.region}:{scene.aws.account_id}"
    cluster, revision = f"arn:aws:ecs:{where}:cluster/{CLUSTER}", f"arn:aws:ecs:{where}:task-definition/{name}:1"
    events, ecs = scene.aws.client("events"), scene.aws.client("ecs")
    role = f"arn:aws:iam::{scene.aws.account_id}:role/starts-tasks"
    events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
    target = {"Id": "1", "Arn": cluster, "RoleArn": role, "EcsParameters": {"TaskDefinitionArn": revision}}
    events.put_targets(Rule=name, Targets=[target])
    newer = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    (container,) = newer["containerDefinitions"]
    public = {"name": container["name"], "image": "docker.io/library/busybox:1", "memory": 128}
    ecs.register_task_definition(family=name, executionRoleArn=newer["executionRoleArn"], containerDefinitions=[public])


def test_a_stop_holds_every_write_and_what_was_wanted_happens_after_it(revoking: Scene) -> None:
    name = fresh("stopped")
    pullguard(revoking, "stop", "--yes", "--reason", "an end-to-end test")
    revoking.load(family(name))
    (planned,) = insist(lambda: reported(revoking, name, "Remediation Planned"), "a plan", timeout_s=WITHIN_S)
    assert "everything is stopped since" in planned
    assert "an end-to-end test" in planned
    revoking.settle()
    assert policy(revoking, name) is None

    assert "Requested a sweep" in pullguard(revoking, "resume", "--yes")
    insist(lambda: policy(revoking, name), "the grant after the stop", timeout_s=WITHIN_S)
    insist(lambda: reported(revoking, name, "Remediation Completed"), "an alert of it", timeout_s=WITHIN_S)


def test_the_hourly_run_follows_a_stop_that_was_not_ended_by_the_operator(
    revoking: Scene,
) -> None:
    name = fresh("by-hand")
    pullguard(revoking, "stop", "--yes")
    revoking.load(family(name))
    insist(lambda: reported(revoking, name, "Remediation Planned"), "a plan", timeout_s=WITHIN_S)
    revoking.settle()
    root = revoking.aws.credentials
    assert "Could not request a sweep: refused actions" in pullguard(revoking, "resume", "--yes", as_=root)
    assert policy(revoking, name) is None

    hourly = {"source": "aws.events", "detail-type": "Scheduled Event", "id": fresh("hour"), "detail": {}}
    revoking.send("AlertQueue", json.dumps(hourly))
    insist(lambda: policy(revoking, name), "the grant after the stop", timeout_s=WITHIN_S)


def test_a_rollback_revokes_a_grant_until_the_role_is_resumed(revoking: Scene) -> None:
    name = fresh("rolled")
    before = granted(revoking, name)
    revoking.settle()
    (write,) = json.loads(pullguard(revoking, "history", f"{name}-execution"))["writes"]
    assert json.dumps(write["after"], sort_keys=True) == before

    pullguard(revoking, "rollback", f"{name}-execution", "--yes")
    insist(
        lambda: any("the role is held since" in text for text in reported(revoking, name, "Remediation Planned")),
        "that the role is held",
        timeout_s=WITHIN_S,
    )
    revoking.settle()
    assert policy(revoking, name) is None

    pullguard(revoking, "resume", f"{name}-execution", "--yes")
    insist(lambda: policy(revoking, name) == before, "the grant once more", timeout_s=WITHIN_S)
    incidents = [each["cause"] for each in json.loads(pullguard(revoking, "history", f"{name}-execution"))["writes"]]
    assert (len(incidents), incidents[1]) == (3, "Rollback")


def test_only_an_unneeded_grant_is_revoked_after_a_complete_sweep(revoking: Scene) -> None:
    kept, gone = fresh("kept"), fresh("gone")
    before = granted(revoking, kept)
    granted(revoking, gone)
    ecs = revoking.aws.client("ecs")
    ecs.run_task(cluster=CLUSTER, taskDefinition=f"{kept}:1", count=1)
    revoking.settle()
    ecs.deregister_task_definition(taskDefinition=f"{gone}:1")
    scheduled = fresh("scheduled")
    nightly = granted(revoking, scheduled)
    start_nightly(revoking, scheduled)

    sweep = json.dumps({"sweep": fresh("sweep"), "token": None})
    revoking.send("SweepQueue", sweep)

    insist(lambda: policy(revoking, gone) is None, "the withdrawal", timeout_s=WITHIN_S)
    (done,) = insist(
        lambda: [text for text in reported(revoking, gone, "Remediation Completed") if "revoked the access" in text],
        "an alert of it",
        timeout_s=WITHIN_S,
    )
    assert f"registry/{gone}" in done
    revoking.settle()
    assert policy(revoking, kept) == before
    assert policy(revoking, scheduled) == nightly
    (newest, _) = json.loads(pullguard(revoking, "history", f"{gone}-execution"))["writes"]
    assert (newest["cause"], newest["after"]) == ("Sweep", None)


def test_a_running_task_counts_for_every_check_of_what_is_in_use(revoking: Scene) -> None:
    name = fresh("running")
    revoking.load(family(name, stale=True, readable=True))
    revoking.aws.client("ecs").run_task(cluster=CLUSTER, taskDefinition=f"{name}:1", count=1)
    insist(lambda: reported(revoking, name, "Remediation Completed"), "a corrected revision", timeout_s=WITHIN_S)
    revoking.settle()
    asked = {call.role for call in revoking.calls() if (call.service, call.action) == ("ecs", "DescribeTasks")}
    askers = ("ValidateTaskDefinitionFunction", "ReregisterTaskDefinitionFunction")
    assert {revoking.roles[each] for each in askers} <= asked
