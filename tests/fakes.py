"""A small AWS in memory for the core: builders for its facts, and readers that answer from them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pullguard.checks.gather import gather_about
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Facts
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import (
    SECRETS_NOT_LISTED,
    SIMULATION_SWITCHED_OFF,
    VERIFICATION_SWITCHED_OFF,
    Lookup,
    Missing,
    Unreadable,
)
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Key, Secret, ValueShape
from pullguard.domain.task_definition import TaskDefinition, read_task_definition
from pullguard.domain.usage import ServiceUse, Usage
from pullguard.domain.verification import Verification
from sandbox.secret_ids import ends_as_a_complete_arn

ROLE_ID = "AROAEXAMPLE"
ACCOUNT, REGION = "111122223333", "us-east-1"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NO_ORGANIZATION = Missing(resource="*")
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main"
GOOD_VALUE = ValueShape(form="json-object", username="ok", password="ok", version_id="v1")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


# --- Names -------------------------------------------------------------------------------------------------------


def secret_arn(name: str = "registry/ghcr", suffix: str = "AbCdEf", *, account: str = ACCOUNT) -> Arn:
    return Arn.parse(f"arn:aws:secretsmanager:{REGION}:{account}:secret:{name}-{suffix}")


def role_arn(name: str = "web-execution") -> Arn:
    return Arn.parse(f"arn:aws:iam::{ACCOUNT}:role/{name}")


def revision_arn(family: str = "web", revision: int = 7) -> Arn:
    return Arn.parse(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:{revision}")


# --- Facts -------------------------------------------------------------------------------------------------------


def key(number: int = 1, **changes: Any) -> Key:
    """A customer managed key that delegates to its account."""
    delegating = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    arn = Arn.parse(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number:08}-12ab-34cd-56ef-1234567890ab")
    return replace(Key(arn=arn, manager="CUSTOMER", state="Enabled", policy=delegating, grants=()), **changes)


def secret(
    name: str = "registry/ghcr", suffix: str = "AbCdEf", *, registry: str | None = "ghcr.io", **changes: Any
) -> Secret:
    """A live secret with a valid value, opted in for ``registry`` if given; ``tags`` are added."""
    tags = {**({} if registry is None else {"pullguard:registry": registry}), **changes.pop("tags", {})}
    whole = Secret(arn=secret_arn(name, suffix), name=name, tags=tags, stages={"v1": ("AWSCURRENT",)}, value=GOOD_VALUE)
    return replace(whole, **changes)


def role(name: str = "web-execution", *, reads: Iterable[Secret] = (), managed: bool = True, **changes: Any) -> Role:
    """An execution role that may read ``reads`` and decrypt them; opted in unless ``managed`` is false."""
    tags = {**({"pullguard:managed": "true"} if managed else {}), **changes.pop("tags", {})}
    grants = [
        Granted(
            secret=each.arn, key=each.key.arn if isinstance(each.key, Key) and each.key.manager == "CUSTOMER" else None
        )
        for each in reads
    ]
    inline = (NamedPolicy(name="registry", document=policy_document(grants)),) if grants else ()
    whole = Role(arn=role_arn(name), name=name, role_id=ROLE_ID, tags=tags, trust_policy=TRUST, inline_policies=inline)
    return replace(whole, **changes)


def granted(*secrets: Secret) -> tuple[Granted, ...]:
    """Return the grants of these secrets, with the keys that they are under."""
    return tuple(Granted(secret=each.arn, key=each.key.arn if isinstance(each.key, Key) else None) for each in secrets)


def container(
    reference: object = None, *, name: str = "app", image: str = "ghcr.io/acme/web:1", **more: Any
) -> dict[str, Any]:
    """A container definition; ``reference`` may be a secret, an ARN or any text."""
    credentials = {} if reference is None else {"repositoryCredentials": {"credentialsParameter": _text(reference)}}
    return {"name": name, "image": image, **credentials, **more}


def _text(reference: object) -> object:
    return str(reference.arn) if isinstance(reference, Secret) else str(reference)


def task_definition(
    *containers: dict[str, Any],
    family: str = "web",
    revision: int = 7,
    role_name: str | None = "web-execution",
    status: str = "ACTIVE",
    tags: Mapping[str, str] | None = None,
    task_role: str | None = None,
) -> TaskDefinition:
    raw = {
        "taskDefinitionArn": str(revision_arn(family, revision)),
        "family": family,
        "revision": revision,
        "status": status,
        "containerDefinitions": list(containers),
    }
    if role_name is not None:
        raw["executionRoleArn"] = str(role_arn(role_name))
    if task_role is not None:
        raw["taskRoleArn"] = task_role
    return read_task_definition(raw, tags or {})


def service(name: str = "web", *, runs: Arn | None = None, controller: str = "ECS") -> ServiceUse:
    return ServiceUse(
        cluster_arn=CLUSTER,
        service_arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/main/{name}",
        name=name,
        task_definition=str(runs or revision_arn()),
        controller=controller,
    )


def denied(permission: str = "iam:GetRole", resource: str = "it") -> Unreadable:
    return Unreadable(permission=permission, resource=resource, reason="denied", detail="AccessDenied")


def throttled(permission: str = "iam:GetRole", resource: str = "it") -> Unreadable:
    return Unreadable(permission=permission, resource=resource, reason="throttled", detail="ThrottlingException")


# --- Readers -----------------------------------------------------------------------------------------------------


@dataclass
class World:
    """Facts in memory, and readers of them; ``asked`` counts the reads.

    ``usage`` maps revisions to their uses. ``unreadable`` are the reads that AWS refuses: a role's or secret's ARN or
    name, a task definition's ARN, or ``usage`` and ``registry-secrets``. ``verifications`` are the registry's answers
    about an image, ``as_anybody`` those to requests without credentials. ``lists_all`` allows reads that only a
    person's own credentials may make.
    """

    task_definitions: tuple[TaskDefinition, ...] = ()
    roles: tuple[Role, ...] = ()
    secrets: tuple[Secret, ...] = ()
    running: Usage = field(default_factory=lambda: Usage(newest=True))
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    in_organization: Lookup[str] = NO_ORGANIZATION
    verifications: Mapping[str, Lookup[Verification]] = field(default_factory=dict)
    as_anybody: Mapping[str, Lookup[Verification]] = field(default_factory=dict)
    lists_all: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def _ask(self, kind: str, about: str) -> Unreadable | None:
        self.asked.append((kind, about))
        return self.unreadable.get(about) or self.unreadable.get(kind)

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        unread = self._ask("task-definition", reference)
        named = [each for each in self.task_definitions if reference == str(each.arn)]
        named = named or [each for each in self.task_definitions if (reference, "ACTIVE") == (each.family, each.status)]
        newest = max(named, key=lambda each: each.revision, default=None)
        return unread or newest or Missing(resource=reference)

    def role(self, arn: Arn) -> Lookup[Role]:
        unread = self._ask("role", str(arn))
        found = next((each for each in self.roles if each.arn == arn), None)
        return unread or found or Missing(resource=str(arn))

    def secret(self, secret_id: str, region: str) -> Lookup[Secret]:
        """Find a secret as AWS does: by its ARN, its ARN without the suffix, or its name.

        An ARN that ends as a suffix does is taken for complete.
        """
        unread = self._ask("secret", secret_id)
        found = next((each for each in self.secrets if str(each.arn) == secret_id), None)
        if found is None and not ends_as_a_complete_arn(secret_id):
            here = [each for each in self.secrets if each.arn.region == region]
            found = next((each for each in here if secret_id in (str(each.arn)[:-7], each.name)), None)
        return unread or found or Missing(resource=secret_id)

    def registry_secrets(self, region: str) -> Lookup[tuple[Secret, ...]]:
        unread = self._ask("registry-secrets", region)
        here = (each for each in self.secrets if each.arn.region == region)
        return unread or tuple(each for each in here if "pullguard:registry" in each.tags)

    def every_secret(self, region: str) -> Lookup[tuple[Secret, ...]]:
        if not self.lists_all:
            return SECRETS_NOT_LISTED
        return self._ask("every-secret", region) or tuple(each for each in self.secrets if each.arn.region == region)

    def every_role(self) -> Lookup[tuple[Role, ...]]:
        return self._ask("every-role", "*") or self.roles

    def expect(self, families: Iterable[str]) -> None:
        self.asked += [("expected", family) for family in families]

    def usage(self, task_definition: TaskDefinition, *, tasks: bool = False) -> Lookup[Usage]:
        if tasks:
            self.asked.append(("tasks", str(task_definition.arn)))
        return self._ask("usage", str(task_definition.arn)) or self.running

    def organization(self) -> Lookup[str]:
        return self._ask("organization", "") or self.in_organization

    def simulation(self, role: Role, secret: Secret, reference: str) -> Lookup[tuple[Simulated, ...]]:
        return SIMULATION_SWITCHED_OFF

    def anonymous_pull(self, image: ImageReference, hosts: frozenset[str]) -> Lookup[Verification]:
        assert image.host in hosts
        if image.text in self.as_anybody:
            return self.as_anybody[image.text]
        return self.verifications.get(image.text, VERIFICATION_SWITCHED_OFF)

    def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
        return self.verifications.get(image.text, VERIFICATION_SWITCHED_OFF)

    def facts(self, reference: str | Arn | None = None) -> Facts:
        """Gather about one task definition (the first unless it is named), with where it runs."""
        definition = self.task_definitions[0] if reference is None else self.task_definition(str(reference))
        assert isinstance(definition, TaskDefinition)
        return gather_about(definition, self, now=NOW, usage=True)


# --- What the functions send -------------------------------------------------------------------------------------


class Sent:
    """A fake of the clients of SQS, EventBridge and SNS: keeps everything that is sent, in order.

    ``failing`` names the operations that raise instead; each entry fails one call. ``postponed`` are the received
    messages that were made to come back: receipt handle and seconds.
    """

    def __init__(self) -> None:
        self.postponed: list[tuple[str, int]] = []
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.failing: list[str] = []

    def _may_fail(self, operation: str) -> None:
        if operation in self.failing:
            self.failing.remove(operation)
            raise Crash(operation)

    def send_message(self, **message: Any) -> dict[str, Any]:
        self._may_fail("send_message")
        self.messages.append(message)
        return {}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._may_fail("send_message_batch")
        self.messages += [{"QueueUrl": QueueUrl, **entry} for entry in Entries]
        return {}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        assert QueueUrl == "validations"
        self.postponed.append((ReceiptHandle, VisibilityTimeout))

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._may_fail("put_events")
        self.events += Entries
        return {"FailedEntryCount": 0, "Entries": []}

    def publish(self, **alert: Any) -> dict[str, Any]:
        self._may_fail("publish")
        self.alerts.append(alert)
        return {"MessageId": "1"}

    def reported(self) -> list[str]:
        """The kinds of the events, in order."""
        return [event["DetailType"] for event in self.events]

    def details(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(event["Detail"]) for event in self.events if event["DetailType"] == kind]

    def bodies(self, queue: str) -> list[dict[str, Any]]:
        return [json.loads(each["MessageBody"]) for each in self.messages if each["QueueUrl"] == queue]


class Crash(Exception):
    """The process ended here."""
