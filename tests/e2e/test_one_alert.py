"""One broken secret and its dependents: one alert that names all of them, and one resolution."""

import json
import time
from typing import Any

from sandbox import incidents
from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene
from sandbox.inbox import Inbox
from sandbox.world import Role, Secret, Service, TaskDefinition, World
from sandbox.worlds.demo import CLUSTER, MANAGED, credentials
from tests.e2e.families import fresh

DEPENDENTS = 25
WITHIN_S = 10


def sharing(name: str, families: tuple[str, ...]) -> World:
    """Families that share a secret and a role that may read it, each run by a service of its name."""
    secret = f"registry/{name}"
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"${{secret:{secret}}}"}
    allowed: dict[str, Any] = {"Version": "2012-10-17", "Statement": [statement]}
    return World(
        roles=(Role(name=f"{name}-execution", inline={"own": allowed}, tags=MANAGED),),
        secrets=(Secret(name=secret, value=credentials(name), tags={"pullguard:registry": "docker.io"}),),
        task_definitions=tuple(_task_definition(each, name) for each in families),
        services=tuple(
            Service(name=each, cluster=CLUSTER, task_definition=f"${{task-definition:{each}}}") for each in families
        ),
    )


def _task_definition(family: str, name: str) -> TaskDefinition:
    container = {
        "name": "app",
        "image": f"docker.io/acme/{family}:1.0",
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": f"${{secret:registry/{name}}}"},
    }
    request = {
        "executionRoleArn": f"${{role:{name}-execution}}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return TaskDefinition(family=family, request=request, tags={})


def test_a_broken_secret_with_many_dependents_is_one_alert_and_its_fix_one_resolution(scene: Scene) -> None:
    name = fresh("shared")
    families = tuple(f"{name}-{number:02}" for number in range(DEPENDENTS))
    scene.load(sharing(name, families))
    scene.settle()
    secret, check = scene.names[f"secret:registry/{name}"], "secret-value-malformed"
    topic = scene.stack.outputs["AlertTopicArn"]
    inbox = Inbox.of(scene.aws, topic, {"check": [check]})
    owners = [Inbox.of(scene.aws, topic, {"check": [check], "family": [each]}) for each in (families[-1], "several")]

    rotated_at = time.monotonic()
    incidents.rotate(scene.aws, secret, "no JSON at all")
    opened = inbox.wait_for(1, timeout_s=60)
    took_s = time.monotonic() - rotated_at
    scene.settle()
    incidents.rotate(scene.aws, secret, credentials(name))
    wait_until(lambda: len(inbox.letters()) > 1, timeout_s=60)
    scene.settle()

    letters = inbox.letters()
    assert [each.attributes["kind"] for each in letters] == ["Finding Opened", "Finding Resolved"]
    assert took_s < WITHIN_S
    assert f"{DEPENDENTS} services cannot pull: secret registry/{name}"[:40] in opened[0].subject
    assert [inbox.letters() for inbox in owners] == [letters] * 2
    for letter in letters:
        assert (letter.families[0], {*letter.families[1:]}) == ("several", {*families})
        assert f"ffected: {DEPENDENTS} services" in letter.text
        assert f"service/{CLUSTER}/{families[0]} ({families[0]}:1)" in letter.text
        assert "and 5 more" in letter.text
    kept = _incidents_of(scene, secret)
    assert [(len(each["affected"]), each["event"]) for each in kept] == [(DEPENDENTS, "Finding Resolved")]


def _incidents_of(scene: Scene, secret: str) -> list[dict[str, Any]]:
    table = scene.stack.outputs["LedgerTable"]
    items = scene.aws.client("dynamodb").query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "CAUSES"}},
    )["Items"]
    incidents = [json.loads(item["data"]["S"]) for item in items]
    return [each for each in incidents if each["lead"]["secret"] == secret]
