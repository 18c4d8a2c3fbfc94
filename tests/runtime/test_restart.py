"""A real container that starts again: a service with a stale reference, a registry that asks for credentials, Docker.

Runs after the tests of single functions: from here on the functions are at their queues.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene
from sandbox.engine import docker, inspect
from sandbox.registry import PrivateRegistry
from sandbox.server import SandboxError
from sandbox.token_service import Account
from sandbox.world import Role, Secret, TaskDefinition, World
from sandbox.worlds.demo import MANAGED
from tests.runtime.deeds import purge
from tests.runtime.program import waits_forever

FAMILY, CLUSTER, USER, PASSWORD = "shop", "restart", "ci", "pw-restart-1f0c5d2e9b"
SECRET = "registry/restart"
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
ACT_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A service that cannot start; ``image`` is in a registry that requires credentials to pull."""

    scene: Scene
    image: str

    def service(self) -> dict[str, Any]:
        ecs = self.scene.aws.client("ecs")
        found: dict[str, Any] = ecs.describe_services(cluster=CLUSTER, services=[FAMILY])["services"][0]
        return found

    @property
    def repository(self) -> str:
        return self.image.rpartition(":")[0]

    def containers(self) -> list[str]:
        """The output of `docker ps` for the image, which runs by its digest."""
        rows = docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Image}}").splitlines()
        return [row.split()[0] for row in rows if row.split()[1].startswith(self.repository)]


@pytest.fixture
def shop(held: Scene) -> Iterator[Shop]:
    with PrivateRegistry({USER: Account(password=PASSWORD)}) as registry:
        image = f"{registry.host}/team/{FAMILY}:1.0"
        registry.push(f"team/{FAMILY}", "1.0", waits_forever())
        here = Shop(scene=held, image=image)
        purge(held)
        held.load(world(registry.host, image))
        held.aws.client("ecs").create_cluster(clusterName=CLUSTER)
        try:
            yield here
        finally:
            end(here)


def world(host: str, image: str) -> World:
    reading = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"${{stale:{SECRET}}}"}
    container = {
        "name": FAMILY,
        "image": image,
        "essential": True,
        "memory": 16,
        "repositoryCredentials": {"credentialsParameter": f"${{stale:{SECRET}}}"},
    }
    return World(
        roles=(
            Role(
                name=f"{FAMILY}-execution",
                inline={"read-credentials": {"Version": "2012-10-17", "Statement": [reading]}},
                tags=MANAGED,
            ),
        ),
        secrets=(
            Secret(
                name=SECRET,
                value={"username": USER, "password": PASSWORD},
                tags={"pullguard:registry": host},
                recreated=True,
            ),
        ),
        task_definitions=(
            TaskDefinition(
                family=FAMILY,
                request={
                    "executionRoleArn": f"${{role:{FAMILY}-execution}}",
                    "requiresCompatibilities": ["EC2"],
                    "containerDefinitions": [container],
                },
            ),
        ),
    )


def end(shop: Shop) -> None:
    """Leave no container, no image and nothing under way behind."""
    shop.scene.hold()
    ecs = shop.scene.aws.client("ecs")
    with contextlib.suppress(ecs.exceptions.ClientError):
        ecs.delete_service(cluster=CLUSTER, service=FAMILY, force=True)
    for container in shop.containers():
        with contextlib.suppress(SandboxError):
            docker("rm", "--force", container)
    for image in docker("images", "--quiet", shop.repository).split():
        with contextlib.suppress(SandboxError):
            docker("rmi", "--force", image)


def test_a_service_that_could_not_pull_runs_again(shop: Shop) -> None:
    ecs = shop.scene.aws.client("ecs")

    # Only with the credentials can the image be had, and it is not here.
    assert inspect("image", shop.image) is None
    with pytest.raises(SandboxError, match="no basic auth credentials"):
        docker("pull", shop.image)

    # The service fails, as its reference names a secret that was deleted and created again. (The embedded AWS takes
    # a new service's first deployment for complete, and would start its task over and over: so this is the second.)
    ecs.create_service(
        cluster=CLUSTER,
        serviceName=FAMILY,
        taskDefinition=f"{FAMILY}:1",
        desiredCount=0,
        launchType="EC2",
        deploymentConfiguration=BREAKER,
    )
    ecs.update_service(cluster=CLUSTER, service=FAMILY, desiredCount=1, forceNewDeployment=True)
    assert wait_until(lambda: shop.service()["deployments"][0].get("rolloutState") == "FAILED", timeout_s=60)
    stopped = ecs.list_tasks(cluster=CLUSTER, serviceName=FAMILY, desiredStatus="STOPPED")["taskArns"]
    reasons = {each["stoppedReason"] for each in ecs.describe_tasks(cluster=CLUSTER, tasks=stopped)["tasks"]}
    assert all("ResourceInitializationError" in reason for reason in reasons), reasons
    assert shop.containers() == []

    # The deployed application fixes it.
    shop.scene.release()
    assert wait_until(shop.containers, timeout_s=ACT_TIMEOUT_S), shop.scene.unsettled()
    (container,) = shop.containers()
    assert (inspect("container", container) or {})["State"]["Running"]
    assert shop.service()["taskDefinition"].endswith(f"/{FAMILY}:2")
    newest = ecs.describe_task_definition(taskDefinition=FAMILY)["taskDefinition"]
    (definition,) = newest["containerDefinitions"]
    assert definition["repositoryCredentials"]["credentialsParameter"] == shop.scene.names[f"secret:{SECRET}"]
    assert wait_until(lambda: shop.service()["runningCount"] == 1, timeout_s=30)
