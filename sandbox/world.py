"""Worlds: everything that an account holds for a scenario, as plain data, and the loader that creates it.

Names of things are their own (``web-execution``); a text anywhere in a world may refer to a thing that is not there
yet, and the loader puts in what AWS made of it:

    ${secret:NAME}   the secret's ARN                ${role:NAME}     the role's ARN
    ${stale:NAME}    its ARN before it was deleted   ${policy:NAME}   the managed policy's ARN
                     and created again               ${key:NAME}      the key's ARN
    ${partial:NAME}  its ARN without the suffix      ${task-definition:FAMILY}   the revision's ARN
    ${account}  ${region}

Works against anything that speaks boto3: the embedded AWS, moto, an account for experiments.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Document: TypeAlias = Mapping[str, Any]
Names: TypeAlias = Mapping[str, str]
ClientFactory: TypeAlias = Callable[[str], Any]

_REFERENCE = re.compile(r"\$\{((?:secret|stale|partial|role|policy|key|task-definition):[^}]+|account|region)\}")

LAB_TRUST: Document = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::${account}:root"}, "Action": "sts:AssumeRole"},
    ],
}
"""Trusts ECS, and the account itself, so that a test can act as ECS does."""

ACCOUNT_KEY_POLICY: Document = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AccountDelegation",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::${account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
"""KMS's default: the account's own IAM policies decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A customer managed policy, to attach or to use as a boundary."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An execution role. ``inline`` maps policy names to documents; ``attached`` and ``boundary`` are ARNs."""

    name: str
    trust: Document = field(default_factory=lambda: LAB_TRUST)
    inline: Mapping[str, Document] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A KMS grant; ``constraints`` as CreateGrant takes them."""

    grantee: str
    operations: tuple[str, ...] = ("Decrypt",)
    constraints: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A customer managed key. Its state is set last, when everything that needs the key exists."""

    name: str
    policy: Document = field(default_factory=lambda: ACCOUNT_KEY_POLICY)
    state: Literal["Enabled", "Disabled", "PendingDeletion"] = "Enabled"
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret. ``value``: a mapping is written as JSON, a text unchanged, bytes as SecretBinary.

    ``key`` is a key's ARN or alias (None: ``aws/secretsmanager``). ``recreated``: deleted and created again, so that
    its first ARN is stale. ``deleted``: scheduled for deletion in the end.
    """

    name: str
    value: Mapping[str, Any] | str | bytes = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    policy: Document | None = None
    recreated: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """A registration: ``request`` are RegisterTaskDefinition's own members, without ``family`` and ``tags``."""

    family: str
    request: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An ECS service that runs a task definition (none of its tasks, unless ``desired_count`` says so)."""

    name: str
    task_definition: str
    cluster: str = "default"
    desired_count: int = 0
    controller: Literal["ECS", "CODE_DEPLOY", "EXTERNAL"] = "ECS"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All resources of a scenario."""

    policies: tuple[ManagedPolicy, ...] = ()
    roles: tuple[Role, ...] = ()
    keys: tuple[Key, ...] = ()
    secrets: tuple[Secret, ...] = ()
    task_definitions: tuple[TaskDefinition, ...] = ()
    services: tuple[Service, ...] = ()

    def passwords(self) -> tuple[str, ...]:
        """Return every password in the world, for a proof that none of them appears anywhere else."""
        return tuple(
            str(secret.value["password"])
            for secret in self.secrets
            if isinstance(secret.value, Mapping) and secret.value.get("password")
        )


def resolve(value: Any, names: Names) -> Any:
    """Return ``value`` with every reference in its texts (keys too) replaced.

    Raises KeyError with the reference if the world has no such resource.
    """

    def replaced(match: re.Match[str]) -> str:
        return names[match[1]]

    if isinstance(value, str):
        return _REFERENCE.sub(replaced, value)
    if isinstance(value, Mapping):
        return {resolve(key, names): resolve(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(inner, names) for inner in value]
    return value


def load(world: World, client: ClientFactory, known: Names | None = None) -> dict[str, str]:
    """Create the world and return the values of its references (``secret:web`` to an ARN), with all of ``known``.

    ``client`` makes a boto3 client of a service (``Emulator.client``). A resource is created after those that it refers
    to; task definitions come last except for services, so that everything exists when they are registered. ``known`` is
    the result of an earlier call, for a world that extends another.
    """
    names = {"account": client("sts").get_caller_identity()["Account"], "region": client("ecs").meta.region_name}
    names |= known or {}
    for create in (_roles, _policies, _keys, _secrets, _permissions, _states, _task_definitions, _services):
        create(world, client, names)
    return names


# --- Steps, in their order -----------------------------------------------------------------------------------------


def _roles(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    iam = client("iam")
    for role in world.roles:
        trust = _text(role.trust, names)
        answer = iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust, Tags=_tags(role.tags))
        names[f"role:{role.name}"] = answer["Role"]["Arn"]


def _policies(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    # Policies may name secrets and keys that are created later: roles are created without permissions and completed at
    # the end.
    iam = client("iam")
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "none:Null", "Resource": "*"}]}
    for policy in world.policies:
        answer = iam.create_policy(PolicyName=policy.name, PolicyDocument=json.dumps(nothing))
        names[f"policy:{policy.name}"] = answer["Policy"]["Arn"]


def _keys(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    kms = client("kms")
    for key in world.keys:
        arn = kms.create_key(Description=key.name, Policy=_text(key.policy, names))["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=f"alias/{key.name}", TargetKeyId=arn)
        names[f"key:{key.name}"] = arn


def _secrets(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    manager = client("secretsmanager")
    for secret in world.secrets:
        request = {"Name": secret.name, "Tags": _tags(secret.tags), **_value(secret.value)}
        if secret.key is not None:
            request["KmsKeyId"] = resolve(secret.key, names)
        arn = manager.create_secret(**request)["ARN"]
        if secret.recreated:
            names[f"stale:{secret.name}"] = arn
            manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
            arn = manager.create_secret(**request)["ARN"]
        names[f"secret:{secret.name}"] = arn
        names[f"partial:{secret.name}"] = arn[: -len("-??????")]


def _permissions(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    iam, kms, manager = client("iam"), client("kms"), client("secretsmanager")
    for policy in world.policies:
        arn = names[f"policy:{policy.name}"]
        content = _text(policy.document, names)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=content, SetAsDefault=True)
    for role in world.roles:
        for name, document in role.inline.items():
            iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=_text(document, names))
        for reference in role.attached:
            iam.attach_role_policy(RoleName=role.name, PolicyArn=resolve(reference, names))
        if role.boundary is not None:
            iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=resolve(role.boundary, names))
    for secret in world.secrets:
        if secret.policy is not None:
            policy_text = _text(secret.policy, names)
            manager.put_resource_policy(SecretId=names[f"secret:{secret.name}"], ResourcePolicy=policy_text)
    for key in world.keys:
        for grant in key.grants:
            constraints = {"Constraints": resolve(grant.constraints, names)} if grant.constraints else {}
            kms.create_grant(
                KeyId=names[f"key:{key.name}"],
                GranteePrincipal=resolve(grant.grantee, names),
                Operations=list(grant.operations),
                **constraints,
            )


def _states(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    for secret in world.secrets:
        if secret.deleted:
            client("secretsmanager").delete_secret(SecretId=names[f"secret:{secret.name}"], RecoveryWindowInDays=7)
    for key in world.keys:
        key_id = names[f"key:{key.name}"].rpartition("/")[2]  # moto accepts nothing else here
        match key.state:
            case "Disabled":
                client("kms").disable_key(KeyId=key_id)
            case "PendingDeletion":
                client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
            case "Enabled":
                pass


def _task_definitions(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    ecs = client("ecs")
    for definition in world.task_definitions:
        tags = [{"key": key, "value": value} for key, value in definition.tags.items()]
        answer = ecs.register_task_definition(
            family=definition.family, **resolve(definition.request, names), **({"tags": tags} if tags else {})
        )
        names[f"task-definition:{definition.family}"] = answer["taskDefinition"]["taskDefinitionArn"]


def _services(world: World, client: ClientFactory, names: dict[str, str]) -> None:
    ecs = client("ecs")
    for cluster in sorted({service.cluster for service in world.services}):
        ecs.create_cluster(clusterName=cluster)
    for service in world.services:
        ecs.create_service(
            cluster=service.cluster,
            serviceName=service.name,
            taskDefinition=resolve(service.task_definition, names),
            desiredCount=service.desired_count,
            deploymentController={"type": service.controller},
        )


# --- Forms ---------------------------------------------------------------------------------------------------------


def _text(document: Document, names: Names) -> str:
    return json.dumps(resolve(document, names))


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _value(value: Mapping[str, Any] | str | bytes) -> dict[str, Any]:
    match value:
        case bytes():
            return {"SecretBinary": value}
        case str():
            return {"SecretString": value}
        case _:
            return {"SecretString": json.dumps(dict(value))}
