"""Amazon ECS: task definitions, where they run, and the exact requests that change something."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber

import pullguard.aws.ecs
from pullguard.aws.ecs import Ecs
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.usage import FailedStart, Instance, Reason, TaskUse
from tests.fakes import CLUSTER, NOW, REGION, container, revision_arn, service
from tests.unit.aws.asking import ask, check_errors


def test_missing_denied_and_broken_differ() -> None:
    check_errors("ecs", "describe_task_definition", lambda c: Ecs(c).describe("web"), missing="ClientException")


SERVICE = service().service_arn
WRITES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "a-move": (
        "update_service",
        lambda c: Ecs(c).move_service(CLUSTER, SERVICE, revision_arn()),
        {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": str(revision_arn())},
    ),
    "a-redeployment": (
        "update_service",
        lambda c: Ecs(c).redeploy(CLUSTER, SERVICE),
        {"cluster": CLUSTER, "service": SERVICE, "forceNewDeployment": True},
    ),
    "a-registration": (
        "register_task_definition",
        lambda c: Ecs(c).register({"family": "web", "containerDefinitions": [container()]}),
        {"family": "web", "containerDefinitions": [container()]},
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_the_exact_request(name: str) -> None:
    operation, call, request = WRITES[name]
    client = boto3.client("ecs", region_name=REGION)
    answer: Any = {"taskDefinition": {"taskDefinitionArn": str(revision_arn(revision=8))}}
    with Stubber(client) as stubber:
        stubber.add_response(operation, answer if operation.startswith("register") else {}, request)
        made = call(client)
        stubber.assert_no_pending_responses()
    assert made == (revision_arn(revision=8) if name == "a-registration" else None)


@pytest.mark.parametrize("name", WRITES)
def test_a_refused_write_is_denied_and_any_other_error_propagates(name: str) -> None:
    operation, call, _ = WRITES[name]
    with pytest.raises(Denied, match="AWS refused ecs:"):
        ask("ecs", operation, call, "AccessDeniedException")
    with pytest.raises(ClientError, match="ClientException"):
        ask("ecs", operation, call, "ClientException")


class Body(BytesIO):
    """As much of urllib3's response as botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def wired(status: int, answer: dict[str, Any]) -> tuple[Any, list[str]]:
    """A client of ECS with an answer at the end of the wire, and the requests that reach it."""
    client = boto3.client("ecs", region_name=REGION, config=Config(retries={"total_max_attempts": 4}))
    sent: list[str] = []

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request.url)
        raw: Any = Body(json.dumps(answer).encode())
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    answering: Any = send
    client.meta.events.register_first("before-send.ecs", answering)
    return client, sent


@pytest.mark.parametrize("name", ["a-registration", "a-redeployment"])
def test_a_write_that_may_have_taken_effect_is_sent_once(name: str) -> None:
    client, sent = wired(500, {"__type": "ServerException"})
    with pytest.raises(NotNow, match="it may have taken effect"):
        WRITES[name][1](client)
    assert len(sent) == 1


def test_members_that_the_sdk_does_not_know_are_kept() -> None:
    definition = {"taskDefinitionArn": str(revision_arn()), "aThingOfNextYear": {"x": 1}}
    answer = {"taskDefinition": definition, "tags": [{"key": "team", "value": "shop"}]}
    client, _ = wired(200, answer)
    parsed, whole, tags = Ecs(client).describe_raw("web")
    assert dict(parsed) == {"taskDefinitionArn": str(revision_arn())}
    assert (whole, tags) == (answer, {"team": "shop"})


@pytest.mark.parametrize(
    ("asked", "request_"),
    [
        ((), {}),
        (("next",), {"nextToken": "next"}),
        ((None, "web"), {"familyPrefix": "web"}),
    ],
    ids=["first-page", "next-page", "by-prefix"],
)
def test_families_come_page_by_page(asked: tuple[str | None, ...], request_: dict[str, str]) -> None:
    client = boto3.client("ecs", region_name=REGION)
    request = {"status": "ACTIVE", "maxResults": 100, **request_}
    with Stubber(client) as stubber:
        stubber.add_response(
            "list_task_definition_families", {"families": ["api", "web"], "nextToken": "more"}, request
        )
        assert Ecs(client).families(*asked) == (("api", "web"), "more")


@pytest.mark.parametrize("token", [None, "next"])
def test_active_revisions_come_page_by_page(token: str | None) -> None:
    client = boto3.client("ecs", region_name=REGION)
    request = {"status": "ACTIVE", "sort": "DESC", "maxResults": 100, **({"nextToken": token} if token else {})}
    arns = [str(revision_arn(revision=8)), str(revision_arn(revision=7))]
    with Stubber(client) as stubber:
        stubber.add_response("list_task_definitions", {"taskDefinitionArns": arns, "nextToken": "more"}, request)
        assert Ecs(client).active_revisions(token) == (tuple(arns), "more")


OWN = {"serviceArn": SERVICE, "status": "ACTIVE", "taskDefinition": str(revision_arn())}
SERVICES: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "its-revision": ([OWN], str(revision_arn())),
    "no-such-service": ([], None),
    "a-service-that-drains": ([{**OWN, "status": "DRAINING"}], None),
    "a-service-of-codedeploy": ([{**OWN, "deploymentController": {"type": "CODE_DEPLOY"}}], None),
    "a-deployment-of-another-revision": (
        [{**OWN, "deployments": [{"status": "PRIMARY", "taskDefinition": str(revision_arn(revision=8))}]}],
        None,
    ),
}


@pytest.mark.parametrize(("services", "expected"), SERVICES.values(), ids=SERVICES)
def test_the_own_revision_of_a_service(services: list[dict[str, Any]], expected: str | None) -> None:
    client = boto3.client("ecs", region_name=REGION)
    answer: Any = {"services": services}
    with Stubber(client) as stubber:
        stubber.add_response("describe_services", answer, {"cluster": CLUSTER, "services": [SERVICE]})
        assert Ecs(client).own_revision(CLUSTER, SERVICE) == expected


def test_running_tasks_of_a_family() -> None:
    client = boto3.client("ecs", region_name=REGION)
    task: Any = {"taskArn": "t-1", "taskDefinitionArn": str(revision_arn()), "lastStatus": "PENDING"}
    with Stubber(client) as stubber:
        listed = {"cluster": CLUSTER, "desiredStatus": "RUNNING", "family": "web"}
        stubber.add_response("list_tasks", {"taskArns": ["t-1"]}, listed)
        stubber.add_response("describe_tasks", {"tasks": [task]}, {"cluster": CLUSTER, "tasks": ["t-1"]})
        found = list(Ecs(client).tasks(CLUSTER, "web"))
    assert found == [
        TaskUse(cluster_arn=CLUSTER, task_arn="t-1", task_definition=str(revision_arn()), has_pulled=False)
    ]


def test_failed_starts_are_the_stopped_tasks_that_never_ran() -> None:
    client = boto3.client("ecs", region_name=REGION)
    failed = {"stopCode": "TaskFailedToStart", "stoppedAt": NOW, "stoppedReason": "CannotPull", "group": "service:web"}
    image = "ghcr.io/acme/web:1"
    tasks: Any = [
        {
            "taskArn": "t-1",
            "taskDefinitionArn": str(revision_arn()),
            "containers": [{"name": "app", "image": image, "reason": "unauthorized"}],
            **failed,
        },
        {"taskArn": "t-2", "taskDefinitionArn": str(revision_arn(revision=6)), **failed},
        {"taskArn": "t-3", "taskDefinitionArn": str(revision_arn()), **failed, "stopCode": "UserInitiated"},
    ]
    with Stubber(client) as stubber:
        listed = {"cluster": CLUSTER, "desiredStatus": "STOPPED", "family": "web"}
        stubber.add_response("list_tasks", {"taskArns": ["t-1", "t-2", "t-3"]}, listed)
        stubber.add_response("describe_tasks", {"tasks": tasks})
        found = dict(Ecs(client).failed_starts(CLUSTER, "web"))
    assert list(found) == [str(revision_arn()), str(revision_arn(revision=6))]
    assert found[str(revision_arn())] == FailedStart(
        task_arn="t-1",
        stopped_at=NOW,
        reasons=(Reason(text="CannotPull"), Reason(text="unauthorized", image=image, container="app")),
        of_service=True,
        images=(image,),
    )


def test_active_instances_with_their_agents() -> None:
    client = boto3.client("ecs", region_name=REGION)
    instance: Any = {
        "containerInstanceArn": "i-1",
        "versionInfo": {"agentVersion": "1.18.0"},
        "attributes": [{"name": "ecs.capability.external"}],
        "capacityProviderName": "spot",
    }
    with Stubber(client) as stubber:
        listed = {"cluster": CLUSTER, "status": "ACTIVE"}
        stubber.add_response("list_container_instances", {"containerInstanceArns": ["i-1"]}, listed)
        described = {"cluster": CLUSTER, "containerInstances": ["i-1"]}
        stubber.add_response("describe_container_instances", {"containerInstances": [instance]}, described)
        found = list(Ecs(client).instances(CLUSTER))
    assert found == [
        Instance(
            cluster_arn=CLUSTER,
            instance_arn="i-1",
            agent_version="1.18.0",
            attributes=frozenset({"ecs.capability.external"}),
            capacity_provider="spot",
        )
    ]


def test_a_client_calls_each_handler_once_for_all_of_its_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of a function lives for days, and each batch makes a gateway."""
    event, raw = "before-parse.ecs.DescribeTaskDefinition", list[object]()
    monkeypatch.setattr(pullguard.aws.ecs, "_HANDLERS", {event: lambda response_dict, **_: raw.append(response_dict)})
    client = boto3.client("ecs", region_name=REGION)
    for _ in range(3):
        Ecs(client)
    client.meta.events.emit(event, response_dict={})
    assert raw == [{}]
