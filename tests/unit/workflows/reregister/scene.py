"""A family whose newest revision names a secret that was replaced, and a reregisterer with ECS behind it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from pullguard.aws.ecs import Ecs
from pullguard.domain.arn import Arn
from pullguard.domain.usage import Usage
from pullguard.planning.reregister import REREGISTERED_TAG
from pullguard.workflows.reregister import Reregisterer
from tests.fakes import (
    CLUSTER,
    World,
    container,
    revision_arn,
    role,
    role_arn,
    secret,
    secret_arn,
    service,
    task_definition,
)
from tests.flows import ASKED_FOR, Harness

OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
SOURCE, SUCCESSOR = revision_arn(revision=7), revision_arn(revision=8)
STALE = World((task_definition(container(OLD)),), (role(reads=[NEW]),), (NEW,))
FIXED = task_definition(container(NEW), revision=8)
# The successor is registered, and a service still runs the broken revision.
MOVING = replace(
    STALE,
    task_definitions=(*STALE.task_definitions, FIXED),
    running=Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
)


def described(**more: Any) -> dict[str, Any]:
    """The answer of DescribeTaskDefinition about the broken revision."""
    definition = {
        "taskDefinitionArn": str(SOURCE),
        "family": "web",
        "revision": 7,
        "status": "ACTIVE",
        "executionRoleArn": str(role_arn()),
        "containerDefinitions": [container(OLD, cpu=64)],
        **more,
    }
    return {"taskDefinition": definition, "tags": [{"key": "team", "value": "shop"}]}


REQUEST = {
    "family": "web",
    "executionRoleArn": str(role_arn()),
    "containerDefinitions": [container(NEW, cpu=64)],
    "tags": [{"key": "team", "value": "shop"}, {"key": REREGISTERED_TAG, "value": str(SOURCE)}],
}


class Wire:
    """ECS at the end of the wire: takes exactly the calls that are expected, in order, and answers them as JSON.

    A Stubber would answer behind the parser, which drops the very members that must not be lost.
    """

    def __init__(self) -> None:
        self.expected: list[tuple[str, dict[str, Any], dict[str, Any] | str]] = []

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        operation, expected, answer = self.expected.pop(0)
        target = request.headers["X-Amz-Target"]
        called = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        body: Any = request.body
        assert (called, json.loads(body)) == (operation, expected)
        if isinstance(answer, str):
            return self._response(request, 400, {"__type": answer})
        return self._response(request, 200, answer)

    def _response(self, request: AWSPreparedRequest, status: int, answer: dict[str, Any]) -> AWSResponse:
        raw: Any = Body(json.dumps(answer).encode())
        return AWSResponse(request.url, status, HTTPHeaders(), raw)


class Body(BytesIO):
    """As much of urllib3's response as botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class ReregisterHarness:
    """A harness with a reregisterer, whose calls to ECS are exactly those that are expected."""

    def __init__(self, harness: Harness, wire: Wire, client: Any) -> None:
        self.harness = harness
        self.wire = wire
        self.client = client

    def expect_description(self, *, beside: dict[str, Any] | None = None, **more: Any) -> None:
        """Expect one read of the family's newest revision; ``beside`` is returned beside its definition."""
        request = {"taskDefinition": "web", "include": ["TAGS"]}
        self.wire.expected.append(("DescribeTaskDefinition", request, {**described(**more), **(beside or {})}))

    def expect_validation_of(self, reference: str, **members: Any) -> None:
        """Expect one read of a revision; without ``members`` it does not exist."""
        request = {"taskDefinition": reference, "include": ["TAGS"]}
        answer: Any = described(**members) if members else "ClientException"
        self.wire.expected.append(("DescribeTaskDefinition", request, answer))

    def expect_registration(self, *, error: str | None = None, new: Arn | None = None) -> None:
        """Expect that the family is described once more, and then the registration."""
        self.expect_description()
        answer = {"taskDefinition": {"taskDefinitionArn": str(new or SUCCESSOR)}}
        self.wire.expected.append(("RegisterTaskDefinition", REQUEST, error or answer))

    def expect_comparison(self, successor: dict[str, Any] | None = None) -> None:
        """Expect that both revisions are described once more; ``successor`` are other members of the second."""
        fixed = {"taskDefinitionArn": str(SUCCESSOR), "revision": 8, "containerDefinitions": [container(NEW, cpu=64)]}
        for arn, answer in ((SOURCE, described()), (SUCCESSOR, described(**{**fixed, **(successor or {})}))):
            self.wire.expected.append(
                ("DescribeTaskDefinition", {"taskDefinition": str(arn), "include": ["TAGS"]}, answer)
            )

    def expect_service(self, name: str = "web", **members: Any) -> None:
        """Expect that a service is asked what it is to run; it is the broken revision, unless ``members`` say else."""
        arn = service(name).service_arn
        found = {"serviceArn": arn, "serviceName": name, "status": "ACTIVE", "taskDefinition": str(SOURCE), **members}
        self.wire.expected.append(("DescribeServices", {"cluster": CLUSTER, "services": [arn]}, {"services": [found]}))

    def expect_move(self, name: str = "web", *, error: str | None = None) -> None:
        """Expect that the service is asked twice what it is to run, and then the move."""
        self.expect_service(name)
        self.expect_service(name)
        request = {"cluster": CLUSTER, "service": service(name).service_arn, "taskDefinition": str(SUCCESSOR)}
        self.wire.expected.append(("UpdateService", request, error or {}))

    def run(self, *, message_id: str = "m-1") -> Any:
        flow = Reregisterer(executor=self.harness.executor(), ecs=Ecs(self.client))
        return flow.run(ASKED_FOR, message_id=message_id)

    def reported(self) -> list[str]:
        return self.harness.sent.reported()

    def requests(self) -> list[tuple[str, int]]:
        """The validation requests, each with its delay in seconds."""
        return [
            (json.loads(each["MessageBody"])["task_definition"], each["DelaySeconds"])
            for each in self.harness.sent.messages
        ]

    def deeds(self, event: str) -> list[tuple[str, str]]:
        """The targets and reasons of the reports of ``event``; a target by its last part."""
        details = (detail["remediation"] for detail in self.harness.sent.details(event))
        return [(each["target"].rpartition("/")[2], each["why"]) for each in details]

    def failure(self) -> dict[str, Any]:
        (detail,) = self.harness.sent.details("Remediation Failed")
        remediation: dict[str, Any] = detail["remediation"]
        return remediation


SetUp = Callable[..., ReregisterHarness]
