"""The ground on which attacks are mounted: a deployed stack, two recording registries, and the attacker's things."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.agent import assume
from sandbox.demo.scene import Scene
from sandbox.emulator import Credentials, client
from sandbox.world import LAB_TRUST, resolve
from sandbox.worlds.demo import CLUSTER, MANAGED

OTHER_REGION = "eu-west-1"
WRITES = ("PutRolePolicy", "DeleteRolePolicy", "RegisterTaskDefinition", "UpdateService")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """``good`` is the registry of the secrets, ``evil`` a foreign one. ``arns`` maps the secrets' names to ARNs.

    ``registries`` maps attacks, by name, to registries of their own.
    """

    scene: Scene
    good: str
    evil: str
    registries: Mapping[str, str] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)
    passwords: set[str] = field(default_factory=set, repr=False)

    def client(self, service: str) -> Any:
        """Return a client of the account's root."""
        return self.scene.aws.client(service)

    def registry(self, name: str) -> str:
        """Return the host of an attack's own registry; without registry checks, one that does not exist."""
        return self.registries.get(name, f"{name}.registry.example.com")

    def role(self, name: str, tags: Mapping[str, str] = MANAGED) -> str:
        """Create ``NAME-execution``; return its ARN."""
        trust = json.dumps(resolve(LAB_TRUST, {"account": self.scene.aws.account_id}))
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        answer = self.client("iam").create_role(
            RoleName=f"{name}-execution", AssumeRolePolicyDocument=trust, Tags=pairs
        )
        return str(answer["Role"]["Arn"])

    def secret(
        self,
        name: str,
        *,
        registry: str | None = "",
        roles: str | None = None,
        region: str | None = None,
        password: str | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        folder: str = "registry",
    ) -> str:
        """Create ``FOLDER/NAME``, opted in for ``registry`` (the good one; None: not at all); return its ARN."""
        tags = {**(tags or {}), **({} if registry is None else {"pullguard:registry": registry or self.good})}
        tags |= {} if roles is None else {"pullguard:roles": roles}
        password = password or f"pw-{name}-{len(self.passwords)}-unmistakable"
        self.passwords.add(password)
        manager = client(
            "secretsmanager", endpoint_url=self.scene.aws.endpoint_url, region=region or self.scene.aws.region
        )
        answer = manager.create_secret(
            Name=f"{folder}/{name}",
            SecretString=json.dumps({"username": f"user-{name}", "password": password}),
            Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
            **({"KmsKeyId": key} if key else {}),
        )
        self.arns[f"{region}:{name}" if region else name] = answer["ARN"]
        return str(answer["ARN"])

    def allow(self, name: str, what: Mapping[str, str]) -> None:
        """Let ``NAME-execution`` do this (actions and resources), by a managed policy of its own."""
        iam = self.client("iam")
        statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in what.items()]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        policy = iam.create_policy(PolicyName=f"{name}-own", PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=f"{name}-execution", PolicyArn=policy)

    def define(
        self,
        name: str,
        reference: str | None,
        *,
        role: str,
        image: str | None = None,
        container: str = "app",
        tags: Mapping[str, str] | None = None,
        task_role: str | None = None,
        sidecar: str | None = None,
    ) -> str:
        """Register a revision of the family ``name``; return its ARN. ``sidecar`` is an image without credentials."""
        beside = [] if sidecar is None else [{"name": "sidecar", "image": sidecar, "memory": 128}]
        credentials = {"repositoryCredentials": {"credentialsParameter": reference}} if reference is not None else {}
        answer = self.client("ecs").register_task_definition(
            family=name,
            executionRoleArn=role,
            **({} if task_role is None else {"taskRoleArn": task_role}),
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {"name": container, "image": image or f"{self.good}/acme/{name}:1", "memory": 128, **credentials},
                *beside,
            ],
            tags=[{"key": key, "value": value} for key, value in (tags or {}).items()],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def serve(self, name: str, task_definition: str) -> None:
        """Let a service run a revision."""
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName=CLUSTER)
        ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=task_definition, desiredCount=0)

    def stranger(self, name: str) -> Credentials:
        """Return credentials of ``NAME-execution``, which may do all with any queue, under a function's name."""
        self.role(name)
        self.allow(name, {"sqs:*": "*"})
        sweeper = self.scene.roles["SweepAccountFunction"]
        role = f"arn:aws:iam::{self.scene.aws.account_id}:role/{name}-execution"
        return assume(self.scene.aws, role, sweeper[:64])

    def queue_arn(self, queue: str) -> str:
        """Return the ARN of a queue of the stack (its logical id)."""
        url = self.scene.stack.queues[queue]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(attributes["QueueArn"])

    def send(self, queue: str, *bodies: str) -> None:
        """Put messages into a queue of the stack (its logical id), as a principal with permission."""
        self.scene.send(queue, *bodies, group="forged")

    def policies(self, name: str) -> dict[str, Any]:
        """Return the inline policies of ``NAME-execution``."""
        iam, role = self.client("iam"), f"{name}-execution"
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {each: iam.get_role_policy(RoleName=role, PolicyName=each)["PolicyDocument"] for each in names}


def written(scene: Scene) -> Counter[tuple[str, str]]:
    """Count what the functions wrote, by CloudTrail's record: the action, and the role, family or service."""
    counted: Counter[tuple[str, str]] = Counter()
    for event in scene.aws.events():
        if event["DetailType"] != "AWS API Call via CloudTrail":
            continue
        detail = json.loads(event["Detail"])
        caller = str(detail.get("userIdentity", {}).get("arn", ""))
        if detail["eventName"] in WRITES and any(f"/{role}/" in caller for role in scene.roles.values()):
            asked = detail["requestParameters"]
            counted[detail["eventName"], asked.get("roleName") or asked.get("family") or asked["service"]] += 1
    return counted
