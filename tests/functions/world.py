"""A small world on moto for the functions' tests: a role, a secret, a task definition."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.iam.models import iam_backends

from pullguard.aws.ecs import Ecs
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.provenance import Provenance
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from tests.fakes import TRUST
from tests.functions.stack import ACCOUNT, Stack

PASSWORD = "correct-horse-battery-staple"
TEAM: Mapping[str, str] = {"team": "shop"}
ROLE_AGE = timedelta(days=90)


def create_role(stack: Stack, name: str = "web-execution", *, managed: bool = True) -> str:
    """Create a role that has existed for a long time: what the ledger says of it is about this very role."""
    tags = [{"Key": "pullguard:managed", "Value": "true"}] if managed else []
    answer = stack.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), Tags=tags)
    iam_backends[ACCOUNT]["aws"].get_role(name).create_date -= ROLE_AGE
    return str(answer["Role"]["Arn"])


def create_secret(
    stack: Stack,
    name: str = "registry/ghcr",
    *,
    registry: str | None = "ghcr.io",
    roles: str | None = None,
    key: str | None = None,
) -> str:
    given = {"pullguard:registry": registry, "pullguard:roles": roles}
    tags = [{"Key": tag, "Value": value} for tag, value in given.items() if value]
    value = json.dumps({"username": "bot", "password": PASSWORD})
    under = {"KmsKeyId": key} if key else {}
    answer = stack.client("secretsmanager").create_secret(Name=name, SecretString=value, Tags=tags, **under)
    return str(answer["ARN"])


def register(
    stack: Stack, reference: str | None, *, role: str, family: str = "web", tags: Mapping[str, str] = TEAM
) -> str:
    """Register a revision, which gives no credentials without a ``reference``; return its ARN."""
    credentials = {"repositoryCredentials": {"credentialsParameter": reference}} if reference else {}
    answer = stack.client("ecs").register_task_definition(
        family=family,
        executionRoleArn=role,
        containerDefinitions=[{"name": "app", "image": "ghcr.io/acme/web:1", "memory": 64, **credentials}],
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def allow(stack: Stack, secret: str, *, role_name: str = "web-execution") -> None:
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}
    stack.client("iam").put_role_policy(
        RoleName=role_name,
        PolicyName="registry",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def know_what_runs(stack: Stack) -> None:
    """Let the ledger know all services and tasks, and that no schedule starts any, as a sweep does."""
    ecs, client = Ecs(stack.client("ecs")), stack.client("dynamodb")
    clusters, services = tuple(ecs.clusters()), ServiceStore(client, "ledger", now=this_hour)
    services.keep_listed(
        services.rows(),
        [use for cluster in clusters for use in ecs.services(cluster)],
        [use for cluster in clusters for use in ecs.tasks(cluster)],
        now=this_hour(),
    )
    StartStore(client, "ledger", now=this_hour).keep_schedules(())


def this_hour() -> datetime:
    """When the clock of an application begins, which is never behind ours."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def request_body(arn: str, kind: str = "Test") -> str:
    """A validation message about a task definition."""
    text: Any = ValidationRequest.parse(
        json.dumps({"task_definition": arn, "cause": Provenance(kind=kind, event_id="e-1", at=this_hour()).to_dict()})
    )
    return str(text.to_json())
