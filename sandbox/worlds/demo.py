"""The demo's world: one task definition for each way in which Pullguard acts, or must not.

web       opted in, default key; the role lacks the grant
api       customer managed key; GetSecretValue is there, Decrypt is missing
worker    stale ARN: the secret was deleted and created again; a service runs the revision
batch     the secret's bare name; works
cron      the secret has no password
intruder  names a secret that is not opted in, with a managed role of its own
healthy   nothing to do
"""

import secrets

from sandbox.world import Document, Key, Role, Secret, Service, TaskDefinition, World

MANAGED = {"pullguard:managed": "true"}
CLUSTER = "demo"
KEY = "registry"
SECRETS = {
    "web": "registry/dockerhub-web",
    "api": "registry/ghcr-api",
    "worker": "registry/dockerhub-worker",
    "batch": "registry/dockerhub-batch",
    "cron": "registry/dockerhub-cron",
    "intruder": "prod/db-password",
    "healthy": "registry/dockerhub-healthy",
}
"""The secret that each family's task definition names."""

HOSTS = {"api": "ghcr.io"}
_DEFAULT_HOST = "docker.io"


def role_name(family: str) -> str:
    """Return the name of a family's execution role."""
    return f"{family}-execution"


def credentials(family: str) -> dict[str, str]:
    """Return a registry account for a family, with a password that cannot occur by chance."""
    return {"username": f"acme-{family}", "password": f"pw-{family}-{secrets.token_hex(12)}"}


def world() -> World:
    """Return the world, with new passwords."""
    return World(
        keys=(Key(name=KEY),),
        roles=(
            _role("web"),
            _role("api", "${secret:registry/ghcr-api}"),
            _role("worker", "${stale:registry/dockerhub-worker}"),
            _role("batch", "${secret:registry/dockerhub-batch}"),
            _role("cron", "${secret:registry/dockerhub-cron}"),
            _role("intruder"),
            _role("healthy", "${secret:registry/dockerhub-healthy}"),
        ),
        secrets=(
            _registry_secret("web"),
            _registry_secret("api", key=f"${{key:{KEY}}}"),
            _registry_secret("worker", recreated=True),
            _registry_secret("batch"),
            _registry_secret("cron", value={"username": "acme-cron"}),
            _registry_secret("healthy"),
            Secret(name=SECRETS["intruder"], value=credentials("production-database")),
        ),
        task_definitions=(
            _task_definition("web"),
            _task_definition("api"),
            _task_definition("worker", reference="${stale:registry/dockerhub-worker}"),
            _task_definition("batch", reference=SECRETS["batch"]),
            _task_definition("cron"),
            _task_definition("intruder"),
            _task_definition("healthy"),
        ),
        services=(Service(name="worker", cluster=CLUSTER, task_definition="${task-definition:worker}"),),
    )


def _role(family: str, *readable: str) -> Role:
    inline = {"read-registry-credentials": _reading(*readable)} if readable else {}
    return Role(name=role_name(family), inline=inline, tags=MANAGED)


def _reading(*secret_arns: str) -> Document:
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": list(secret_arns)}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _registry_secret(
    family: str, *, value: dict[str, str] | None = None, key: str | None = None, recreated: bool = False
) -> Secret:
    return Secret(
        name=SECRETS[family],
        value=value or credentials(family),
        tags={"pullguard:registry": HOSTS.get(family, _DEFAULT_HOST)},
        key=key,
        recreated=recreated,
    )


def _task_definition(family: str, *, reference: str | None = None) -> TaskDefinition:
    container = {
        "name": family,
        "image": f"{HOSTS.get(family, _DEFAULT_HOST)}/acme/{family}:1.0",
        "essential": True,
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": reference or f"${{secret:{SECRETS[family]}}}"},
    }
    request = {
        "executionRoleArn": f"${{role:{role_name(family)}}}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return TaskDefinition(family=family, request=request, tags={"team": "acme"})
