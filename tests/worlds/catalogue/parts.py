"""The healthy world that the rows of the table break in one place, and the statements that they break it with."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.world import Document, Key, ManagedPolicy, Role, Secret, Service, TaskDefinition, World

FAMILY, ROLE, SECRET, KEY = "web", "web-execution", "registry/web", "registry"
IMAGE = "docker.io/acme/web:1.0"
CREDENTIALS: Mapping[str, Any] = {"username": "acme-web", "password": f"pw-{secrets.token_hex(12)}"}
OPTED_IN = {"pullguard:registry": "docker.io"}
READ, DECRYPT = "secretsmanager:GetSecretValue", "kms:Decrypt"
THE_SECRET, THE_KEY, THE_ROLE = f"${{secret:{SECRET}}}", f"${{key:{KEY}}}", f"${{role:{ROLE}}}"
ECS_TASKS = {"Service": "ecs-tasks.amazonaws.com"}


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """Return a statement of an identity policy that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """Return a statement of an identity policy that denies."""
    return {**allow(action, resource, **more), "Effect": "Deny"}


def to(principal: Any, action: str | list[str], **more: Any) -> dict[str, Any]:
    """Return a statement of a resource policy that allows."""
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def document(*statements: Mapping[str, Any]) -> Document:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


READS = allow(READ, THE_SECRET)
DECRYPTS = allow(DECRYPT, THE_KEY)


def healthy(
    *,
    secret: Mapping[str, Any] | None = None,
    role: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
    allows: tuple[Mapping[str, Any], ...] = (READS,),
    key: Mapping[str, Any] | None = None,
    policies: tuple[ManagedPolicy, ...] = (),
    more_secrets: tuple[Secret, ...] = (),
    services: tuple[Service, ...] = (),
) -> World:
    """Return a world in which nothing is wrong, with these changes.

    ``container`` and ``task`` change RegisterTaskDefinition's members (None removes one), ``allows`` are the statements
    of the role's inline policy. With ``key``, the secret is encrypted under that customer managed key.
    """
    own = Secret(name=SECRET, value=CREDENTIALS, tags=OPTED_IN, key=THE_KEY if key is not None else None)
    execution = Role(name=ROLE, inline={"registry": document(*allows)} if allows else {})
    return World(
        policies=policies,
        roles=(replace(execution, **(role or {})),),
        keys=() if key is None else (replace(Key(name=KEY), **key),),
        secrets=(replace(own, **(secret or {})), *more_secrets),
        task_definitions=(task_definition(container, task),),
        services=services,
    )


def task_definition(
    container: Mapping[str, Any] | None = None, task: Mapping[str, Any] | None = None, *, family: str = FAMILY
) -> TaskDefinition:
    """Return a task definition of one container, with these members changed or (None) removed."""
    one = {
        "name": "web",
        "image": IMAGE,
        "essential": True,
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": THE_SECRET},
    }
    request = {"executionRoleArn": THE_ROLE, "containerDefinitions": [_without_none({**one, **(container or {})})]}
    return TaskDefinition(family=family, request=_without_none({**request, **(task or {})}))


def naming(reference: str) -> dict[str, Any]:
    """Return the member of a container that names its secret."""
    return {"repositoryCredentials": {"credentialsParameter": reference}}


WITHOUT_CREDENTIALS: Mapping[str, Any] = {"repositoryCredentials": None}


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
