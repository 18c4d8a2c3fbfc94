import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ecs import Ecs
from pullguard.errors import NotNow, Rejected
from pullguard.flows.sweep import Sweeper
from pullguard.ledger import Ledger
from tests.fakes import CLUSTER, NOW, REGION, World, revision_arn, service
from tests.flows import Stage

SCHEDULED = json.dumps({"detail-type": "Scheduled Event", "source": "aws.events", "id": "e-1", "detail": {}})


class Act:
    """A sweeper whose questions to ECS are exactly those that are expected."""

    def __init__(self, stage: Stage, stubber: Stubber, client: Any) -> None:
        self.stage = stage
        self.stubber = stubber
        self.client = client

    def expect_families(self, *families: str, token: str | None = None, following: str | None = None) -> None:
        request = {"status": "ACTIVE", "maxResults": 100, **({"nextToken": token} if token else {})}
        answer = {"families": list(families), **({"nextToken": following} if following else {})}
        self.stubber.add_response("list_task_definition_families", answer, request)

    def expect_newest(self, family: str, revision: int = 7) -> None:
        definition = {"taskDefinitionArn": str(revision_arn(family, revision)), "status": "ACTIVE"}
        request = {"taskDefinition": family, "include": ["TAGS"]}
        self.stubber.add_response("describe_task_definition", {"taskDefinition": definition}, request)

    def expect_use(self, *, services: tuple[str, ...] = (), tasks: tuple[str, ...] = ()) -> None:
        """One cluster, with services and tasks of these revisions."""
        self.stubber.add_response("list_clusters", {"clusterArns": [CLUSTER]}, {})
        named = [service(f"s{number}") for number, _ in enumerate(services)]
        self.stubber.add_response(
            "list_services",
            {"serviceArns": [each.service_arn for each in named]},
            {"cluster": CLUSTER, "maxResults": 100},
        )
        if services:
            self.stubber.add_response(
                "describe_services",
                {
                    "services": [
                        {
                            "serviceArn": each.service_arn,
                            "serviceName": each.name,
                            "status": "ACTIVE",
                            "taskDefinition": runs,
                        }
                        for each, runs in zip(named, services, strict=True)
                    ]
                },
                {"cluster": CLUSTER, "services": [each.service_arn for each in named]},
            )
        arns = [f"arn:aws:ecs:{REGION}:111122223333:task/main/{number}" for number, _ in enumerate(tasks)]
        self.stubber.add_response("list_tasks", {"taskArns": arns}, {"cluster": CLUSTER, "desiredStatus": "RUNNING"})
        if tasks:
            described = [{"taskArn": arn, "taskDefinitionArn": runs} for arn, runs in zip(arns, tasks, strict=True)]
            self.stubber.add_response("describe_tasks", {"tasks": described}, {"cluster": CLUSTER, "tasks": arns})

    def step(self, body: str) -> Any:
        return Sweeper(
            ecs=Ecs(self.client),
            ledger=self.stage.ledger,
            queues=self.stage.queues,
            validation_queue_url="validations",
            sweep_queue_url="sweeps",
            now=self.stage.now,
        ).step(body)

    def asked(self) -> list[str]:
        return [each["task_definition"] for each in self.stage.sent.bodies("validations")]


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Act]:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stubber:
        yield Act(Stage(ledger, World()), stubber, client)
        stubber.assert_no_pending_responses()


def test_a_sweep_asks_for_the_newest_of_each_family_and_for_all_that_runs(act: Act) -> None:
    act.expect_families("api", "web")
    act.expect_newest("api")
    act.expect_newest("web", 9)
    act.expect_use(
        services=(str(revision_arn("web", 3)),), tasks=(str(revision_arn("job", 1)), str(revision_arn("api")))
    )
    result = act.step(SCHEDULED)
    assert act.asked() == [
        str(revision_arn("api")),
        str(revision_arn("job", 1)),
        str(revision_arn("web", 3)),
        str(revision_arn("web", 9)),
    ]
    assert (result.asked, result.done, result.sweep) == (4, True, "e-1")
    assert act.stage.ledger.sweep_state() == {"sweep": "e-1", "ended_at": NOW.isoformat()}


def test_a_page_asks_for_the_next_one(act: Act) -> None:
    act.expect_families("api", following="more")
    act.expect_newest("api")
    act.expect_use()
    assert not act.step(SCHEDULED).done
    assert act.stage.sent.bodies("sweeps") == [{"sweep": "e-1", "token": "more"}]
    assert act.stage.ledger.sweep_state() is None

    act.expect_families("web", token="more")
    act.expect_newest("web")
    last = act.step(json.dumps({"sweep": "e-1", "token": "more"}))
    assert (last.done, last.sweep) == (True, "e-1")
    assert act.asked() == [str(revision_arn("api")), str(revision_arn("web"))]


def test_a_sweep_that_was_asked_for_by_another_function_begins_at_the_beginning(act: Act) -> None:
    act.expect_families()
    act.expect_use(services=(str(revision_arn()),))
    assert act.step(json.dumps({"sweep": "abc", "token": None})).asked == 1


def test_a_family_that_is_gone_meanwhile_is_passed_over(act: Act) -> None:
    act.expect_families("gone", "web")
    act.stubber.add_client_error("describe_task_definition", "ClientException")
    act.expect_newest("web")
    act.expect_use()
    assert act.step(SCHEDULED).asked == 1


def test_a_family_that_cannot_be_read_is_not_passed_over_in_silence(act: Act) -> None:
    act.expect_families("web")
    act.stubber.add_client_error("describe_task_definition", "AccessDeniedException")
    with pytest.raises(NotNow, match="ecs:DescribeTaskDefinition"):
        act.step(SCHEDULED)
    assert act.stage.ledger.sweep_state() is None


def test_a_service_of_another_controller_may_name_no_revision(act: Act) -> None:
    act.expect_families()
    act.expect_use(services=("",))
    assert act.step(SCHEDULED).asked == 0


REJECTED: dict[str, tuple[Callable[[], str], str]] = {
    "no-json": (lambda: "x", "is not JSON"),
    "an-array": (lambda: "[]", "no object"),
    "nothing": (lambda: "{}", "neither a Scheduled Event nor a step"),
    "an-event-without-its-id": (lambda: json.dumps({"detail-type": "Scheduled Event"}), "neither a Scheduled Event"),
    "another-event": (lambda: json.dumps({"detail-type": "x", "id": "y"}), "neither a Scheduled Event"),
    "a-number-for-a-token": (lambda: json.dumps({"sweep": "a", "token": 7}), "neither a Scheduled Event"),
    "no-sweep": (lambda: json.dumps({"sweep": "", "token": None}), "neither a Scheduled Event"),
    "a-sweep-too-long": (lambda: json.dumps({"sweep": "a" * 65, "token": None}), "longer than any"),
    "a-token-too-long": (lambda: json.dumps({"sweep": "a", "token": "t" * 9000}), "longer than any"),
}


@pytest.mark.parametrize(("body", "words"), REJECTED.values(), ids=REJECTED)
def test_what_is_no_step_is_rejected(act: Act, body: Callable[[], str], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        act.step(body())
    assert act.stage.sent.messages == []
