"""The scene of rotations: a stack that verifies credentials, a real registry, and families that pull from it."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pullguard.domain.messages import LISTED, UNLISTED
from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene
from sandbox.emulator import Call
from sandbox.inbox import Letter
from sandbox.registry import PrivateRegistry
from sandbox.token_service import Account
from sandbox.world import Role, Secret, Service, TaskDefinition, World
from sandbox.worlds.demo import CLUSTER, MANAGED

IMAGE, OTHER_IMAGE = "acme/app", "other/app"
PROMPT_S = 10.0
"""Seconds from a bad rotation to its alert, at most."""
RESOLVE, VALIDATE = "ResolveChangeFunction", "ValidateTaskDefinitionFunction"
REREGISTER = "ReregisterTaskDefinitionFunction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependents:
    """Families that pull with one secret: each with a service of its name."""

    scene: Scene
    registry: PrivateRegistry
    account: str
    secret: str
    families: tuple[str, ...]

    @property
    def arn(self) -> str:
        """The secret's ARN."""
        return self.scene.names[f"secret:{self.secret}"]

    def password(self) -> str:
        """Return a password that is found nowhere by chance."""
        fresh = f"pw-{uuid.uuid4().hex}"
        self.scene.passwords.add(fresh)
        return fresh

    def store(self, password: str) -> None:
        """Write a new value into the secret, as a person or a rotation would."""
        value = json.dumps({"username": self.account, "password": password})
        self.scene.aws.client("secretsmanager").put_secret_value(SecretId=self.arn, SecretString=value)

    def rotate_badly(self) -> str:
        """Change the password in the registry, and write another into the secret; return the right one."""
        right = self.password()
        self.registry.set_password(self.account, right)
        self.store(self.password())
        return right

    def rotate(self) -> None:
        """Rotate the secret: RotateSecret, RotationStarted, a label that moves, RotationSucceeded.

        The embedded AWS has no rotation function: the new version has the old value.
        """
        rules = {"AutomaticallyAfterDays": 30}
        self.scene.aws.client("secretsmanager").rotate_secret(SecretId=self.arn, RotationRules=rules)

    def rotate_well(self) -> None:
        """Change the password in the registry, then in the secret."""
        password = self.password()
        self.registry.set_password(self.account, password)
        self.store(password)

    def one_more(self, image: str) -> str:
        """Register one more family with the same role and secret, for another image; return its name."""
        name, role = f"{self.account}-odd", f"{self.account}-execution"
        self.scene.load(World(task_definitions=(_task_definition(name, role, self.secret, self.registry, image),)))
        return name

    def letters(self, *, after: int = 0) -> tuple[Letter, ...]:
        """Return the alerts that name any of the families: all begin with the account's name."""
        return tuple(letter for letter in self.scene.letters(after=after) if f"{self.account}-" in letter.text)


def dependents(
    scene: Scene, registry: PrivateRegistry, count: int, *, desired: int | None = 0, timeout_s: float = 180
) -> Dependents:
    """Let ``count`` families with one role and one secret exist, and be validated.

    Each has a service of its name that is to run ``desired`` tasks; None: no service.
    """
    group = f"g{uuid.uuid4().hex[:8]}"
    secret, role = f"registry/{group}", f"{group}-execution"
    families = tuple(f"{group}-{number:03}" for number in range(count))
    made = Dependents(scene=scene, registry=registry, account=group, secret=secret, families=families)
    hosts = f"{registry.host} {registry.tokens.host}" if registry.tokens else registry.host
    password = made.password()
    registry.admit(group, Account(password=password))
    allowed = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"${{secret:{secret}}}"}
    scene.load(
        World(
            roles=(Role(name=role, inline={"own": {"Version": "2012-10-17", "Statement": [allowed]}}, tags=MANAGED),),
            secrets=(
                Secret(
                    name=secret,
                    value={"username": made.account, "password": password},
                    tags={"pullguard:registry": hosts},
                ),
            ),
            task_definitions=tuple(_task_definition(name, role, secret, registry) for name in families),
            services=tuple(
                Service(
                    name=name,
                    cluster=CLUSTER,
                    task_definition=f"${{task-definition:{name}}}",
                    desired_count=desired or 0,
                )
                for name in families
                if desired is not None
            ),
        )
    )
    scene.settle(timeout_s=timeout_s)
    return made


def _task_definition(
    family: str, role: str, secret: str, registry: PrivateRegistry, image: str = IMAGE
) -> TaskDefinition:
    container = {
        "name": "app",
        "image": f"{registry.host}/{image}:1.0",
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": f"${{secret:{secret}}}"},
    }
    request = {
        "executionRoleArn": f"${{role:{role}}}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return TaskDefinition(family=family, request=request)


# --- What the functions did ----------------------------------------------------------------------------------------


def logged(scene: Scene, function: str, message: str, *, since_epoch_s: float = 0) -> list[dict[str, Any]]:
    """Return what a function has logged since then under ``message``: all of it, once the scene has settled."""
    lines = (line for line in scene.stack.logs(function) if f'"message":"{message}"' in line)
    found = (json.loads(line[line.index("{") :]) for line in lines)
    return [each for each in found if datetime.fromisoformat(each["timestamp"]).timestamp() >= since_epoch_s]


def validated_for_events(scene: Scene, *, since_epoch_s: float) -> list[dict[str, Any]]:
    """Return the log lines of the validations that events asked for since then.

    A new stack's first sweep validates the same families whenever it gets to them, on a busy machine also late.
    """
    lines = logged(scene, VALIDATE, "Validated", since_epoch_s=since_epoch_s)
    return [line for line in lines if line["cause"] not in (LISTED, UNLISTED)]


def counted(scene: Scene, calls: Iterable[Call]) -> dict[str, Counter[str]]:
    """Count calls by function and action."""
    names = {role: function for function, role in scene.roles.items()}
    by_function: dict[str, Counter[str]] = {}
    for call in calls:
        counts = by_function.setdefault(names[str(call.role)], Counter())
        counts[f"{call.service}:{call.action}"] += 1
    return by_function


def deployments(here: Dependents) -> dict[str, str]:
    """Return the id of each service's newest deployment."""
    answer = here.scene.aws.client("ecs").describe_services(cluster=CLUSTER, services=list(here.families))
    return {
        service["serviceName"]: next(each["id"] for each in service["deployments"] if each["status"] == "PRIMARY")
        for service in answer["services"]
    }


def wait_for_letter(here: Dependents, *, after: int, timeout_s: float = 60) -> float:
    """Wait until an alert about the families comes, and return after how many seconds it did."""
    started = time.monotonic()
    wait_until(lambda: here.letters(after=after), timeout_s=timeout_s)
    return time.monotonic() - started
