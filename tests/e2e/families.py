"""Small worlds for one test each: a family of its own, so that no test knows of another."""

import uuid
from typing import Any

from sandbox.world import Role, Secret, Service, TaskDefinition, World
from sandbox.worlds.demo import CLUSTER, MANAGED, credentials


def fresh(prefix: str) -> str:
    """Return the name of an unused family."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def family(name: str, *, readable: bool = False, stale: bool = False, opted_in: bool = True) -> World:
    """Return a family with a role, a secret and (``stale``: it names the secret's old ARN) a service."""
    secret = f"registry/{name}"
    allowed: dict[str, Any] = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"${{secret:{secret}}}"},
        ],
    }
    return World(
        roles=(Role(name=f"{name}-execution", inline={"own": allowed} if readable else {}, tags=MANAGED),),
        secrets=(
            Secret(
                name=secret,
                value=credentials(name),
                tags={"pullguard:registry": "docker.io"} if opted_in else {},
                recreated=stale,
            ),
        ),
        task_definitions=(_task_definition(name, f"${{{'stale' if stale else 'secret'}:{secret}}}"),),
        services=(Service(name=name, cluster=CLUSTER, task_definition=f"${{task-definition:{name}}}"),)
        if stale
        else (),
    )


def _task_definition(name: str, reference: str) -> TaskDefinition:
    container = {
        "name": name,
        "image": f"docker.io/acme/{name}:1.0",
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": reference},
    }
    request = {
        "executionRoleArn": f"${{role:{name}-execution}}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return TaskDefinition(family=name, request=request, tags={"team": "acme"})
