"""A secret whose name ends in a hyphen and six characters, named by its ARN without the suffix, beside a namesake."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.demo.evidence import OWN_POLICY
from sandbox.demo.progress import insist
from sandbox.demo.scene import Scene, about
from sandbox.world import Role, Secret, TaskDefinition, World
from sandbox.worlds.demo import MANAGED, credentials
from tests.e2e.families import family, fresh

COMMAND = Path(sys.executable).with_name("pullguard")
WITHIN_S = 150


def ambiguous(name: str) -> World:
    """Return a family that names ``NAME/app-docker`` by a partial ARN, beside a secret ``NAME/app``."""
    (definition,) = family(name).task_definitions
    (container,) = definition.request["containerDefinitions"]
    named = {**container, "repositoryCredentials": {"credentialsParameter": f"${{partial:{name}/app-docker}}"}}
    request = {**definition.request, "containerDefinitions": [named]}
    return World(
        roles=(Role(name=f"{name}-execution", tags=MANAGED),),
        secrets=tuple(
            Secret(name=f"{name}/{each}", value=credentials(name), tags={"pullguard:registry": "docker.io"})
            for each in ("app", "app-docker")
        ),
        task_definitions=(TaskDefinition(family=name, request=request),),
    )


def audited(scene: Scene, name: str) -> list[dict[str, Any]]:
    environment = {**os.environ, **scene.aws.environment, "AWS_REGION": scene.aws.region}
    command = (COMMAND, "audit", "--family", name, "--format", "json")
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert ran.returncode == 1, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["findings"]
    return found


def test_the_secret_that_is_named_is_granted_and_registered_and_never_the_other(scene: Scene) -> None:
    name = fresh("ambiguous")
    scene.hold()
    scene.load(ambiguous(name))
    (found,) = audited(scene, name)
    scene.release()
    secret, other = (scene.names[f"secret:{name}/{each}"] for each in ("app-docker", "app"))
    ecs, iam = scene.aws.client("ecs"), scene.aws.client("iam")

    def registered() -> str | None:
        newest = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
        (container,) = newest["containerDefinitions"]
        return container["repositoryCredentials"]["credentialsParameter"] if newest["revision"] > 1 else None

    assert insist(registered, "a revision with the full ARN", timeout_s=WITHIN_S) == secret
    scene.settle()

    assert (found["check"], found["severity"], found["secret"]) == ("reference-not-full-arn", "error", secret)
    (opened,) = (each for each in about(scene.letters(), name) if each.attributes["kind"] == "Finding Opened")
    assert opened.attributes["check"] == found["check"]
    assert found["cause"] in opened.text
    assert all(line in opened.text for line in found["remedy"]["snippet"].splitlines())
    policy = iam.get_role_policy(RoleName=f"{name}-execution", PolicyName=OWN_POLICY)["PolicyDocument"]
    assert secret in json.dumps(policy)
    assert not [each for each in about(scene.letters(), name) if other in each.text]
    assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["revision"] == 2


def test_the_embedded_aws_takes_such_an_arn_for_complete(scene: Scene) -> None:
    name = fresh("complete")
    scene.hold()
    scene.load(World(secrets=ambiguous(name).secrets))
    scene.release()
    manager = scene.aws.client("secretsmanager")
    partial = scene.names[f"partial:{name}/app-docker"]

    def named(secret_id: str) -> str | None:
        try:
            described = manager.describe_secret(SecretId=secret_id)["Name"]
            assert manager.get_secret_value(SecretId=secret_id)["Name"] == described
        except manager.exceptions.ResourceNotFoundException:
            return None
        return str(described)

    assert named(partial) is None
    assert named(f"{name}/app-docker") == named(scene.names[f"secret:{name}/app-docker"]) == f"{name}/app-docker"
    assert named(scene.names[f"partial:{name}/app"]) == f"{name}/app"
    assert named(partial.removesuffix("-docker")[:-1]) is None
