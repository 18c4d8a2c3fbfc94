"""The revisions that a service runs: its own, and those of its task sets and deployments."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ecs import Ecs
from pullguard.aws.survey import ClusterSurvey, Running
from pullguard.domain.lookup import Missing
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.planning.service_moves import moves
from tests.fakes import CLUSTER, NOW, REGION, revision_arn, service, task_definition

ONE, TWO, THREE = (str(revision_arn(revision=number)) for number in (1, 2, 3))
SET = {"createdAt": NOW, "launchType": "EC2", "computedDesiredCount": 2, "runningCount": 0}
OWN = {"serviceArn": service().service_arn, "serviceName": "web", "status": "ACTIVE"}


def described(**members: Any) -> list[tuple[str, bool]]:
    """The revisions of one service, and whether each is beside the service's own."""
    return [(use.task_definition, use.beside) for use in uses(**members)]


def uses(**members: Any) -> list[Any]:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("list_services", {"serviceArns": [OWN["serviceArn"]]})
        stubber.add_response("describe_services", {"services": [{**OWN, **members}]})
        return list(Ecs(client).services(CLUSTER))


def controlled(kind: str) -> dict[str, Any]:
    return {"deploymentController": {"type": kind}}


SERVICES: dict[str, tuple[dict[str, Any], list[tuple[str, bool]]]] = {
    "rolling, at rest": (
        {"taskDefinition": TWO, "deployments": [{"status": "PRIMARY", "taskDefinition": TWO}]},
        [(TWO, False)],
    ),
    "rolling, under way": (
        {
            "taskDefinition": TWO,
            "deployments": [
                {"status": "ACTIVE", "taskDefinition": ONE, "desiredCount": 1},
                {"status": "PRIMARY", "taskDefinition": TWO},
            ],
        },
        [(TWO, False), (ONE, True)],
    ),
    "rolling, done": (
        {
            "taskDefinition": TWO,
            "deployments": [
                {"status": "ACTIVE", "taskDefinition": ONE, "desiredCount": 0, "runningCount": 0},
                {"status": "PRIMARY", "taskDefinition": TWO},
            ],
        },
        [(TWO, False)],
    ),
    "blue and green": (
        {
            **controlled("CODE_DEPLOY"),
            "taskDefinition": ONE,
            "taskSets": [
                {**SET, "status": "ACTIVE", "taskDefinition": TWO},
                {**SET, "status": "PRIMARY", "taskDefinition": ONE},
            ],
        },
        [(ONE, False), (TWO, True)],
    ),
    "an external controller": (
        {**controlled("EXTERNAL"), "taskSets": [{**SET, "status": "PRIMARY", "taskDefinition": ONE}]},
        [(ONE, False)],
    ),
    "an external controller, before any is primary": (
        {
            **controlled("EXTERNAL"),
            "taskSets": [
                {**SET, "status": "ACTIVE", "taskDefinition": ONE},
                {**SET, "status": "PRIMARY", "taskDefinition": TWO},
                {**SET, "status": "DRAINING", "taskDefinition": THREE},
            ],
        },
        [(TWO, False), (ONE, True), (THREE, True)],
    ),
    "an external controller without a task set": (controlled("EXTERNAL"), []),
}


@pytest.mark.parametrize(("members", "expected"), SERVICES.values(), ids=SERVICES)
def test_every_revision_of_a_service_is_seen(members: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    assert described(**members) == expected


def test_a_task_set_has_its_own_counts_and_platform() -> None:
    members, _ = SERVICES["blue and green"]
    _, green = uses(**members, desiredCount=5, launchType="FARGATE")
    assert (green.desired_count, green.running_count, green.launch_type) == (2, 0, "EC2")


def test_capacity_providers_and_constraints_are_read() -> None:
    (use,) = uses(
        taskDefinition=ONE,
        capacityProviderStrategy=[{"capacityProvider": "a", "weight": 1}, {"capacityProvider": "b"}],
        placementConstraints=[{"type": "distinctInstance"}, {"type": "memberOf", "expression": "attribute:x == y"}],
    )
    assert use.capacity_providers == ("a", "b")
    assert use.constraints == ("distinctInstance", "attribute:x == y")


def test_the_tags_of_a_service_are_asked_for_and_read() -> None:
    client = boto3.client("ecs", region_name=REGION)
    tagged = {**OWN, "taskDefinition": ONE, "tags": [{"key": "aws:cloudformation:stack-name", "value": "prod"}]}
    with Stubber(client) as stubber:
        stubber.add_response("list_services", {"serviceArns": [OWN["serviceArn"]]})
        asked = {"cluster": CLUSTER, "services": [OWN["serviceArn"]], "include": ["TAGS"]}
        stubber.add_response("describe_services", {"services": [tagged]}, asked)
        (use,) = Ecs(client).services(CLUSTER)
    assert use.tags == {"aws:cloudformation:stack-name": "prod"}


def test_a_service_that_has_moved_on_is_not_moved_again() -> None:
    rolling = tuple(uses(**SERVICES["rolling, under way"][0]))
    assert moves(rolling, revision_arn(revision=1), revision_arn(revision=3)) == ((), ())
    blue = tuple(uses(**SERVICES["blue and green"][0]))
    _, (reported,) = moves(blue, revision_arn(revision=2), revision_arn(revision=3))
    assert reported.target == OWN["serviceArn"]


# --- the survey of the audit -------------------------------------------------------------------------------------


def survey(*starts: FailedStart, services: Any = ()) -> Running:
    return Running(
        [
            ClusterSurvey(
                cluster=CLUSTER,
                services=tuple(services),
                tasks=(),
                instances=(),
                failed_starts=tuple((ONE, start) for start in starts),
            )
        ]
    )


def start(*, of_service: bool) -> FailedStart:
    return FailedStart(task_arn="task/1", stopped_at=NOW, reasons=(Reason(text="CannotPull"),), of_service=of_service)


def test_an_old_revision_of_a_task_set_is_in_use() -> None:
    running = survey(services=uses(**SERVICES["an external controller, before any is primary"][0]))
    assert [str(arn) for arn in running.revisions["web"]] == [ONE, TWO, THREE]
    assert running.places(revision_arn(revision=1)) == ("service web in cluster main",)


def test_a_pinned_revision_that_just_failed_to_start_is_in_use() -> None:
    running = survey(start(of_service=False), start(of_service=False))
    assert running.revisions == {"web": {revision_arn(revision=1): ("2 failed starts in cluster main",)}}
    usage = running.usage(task_definition(revision=1), Missing(resource="web"))
    assert isinstance(usage, Usage)
    assert isinstance(usage.failed_starts, tuple)
    assert len(usage.failed_starts) == 2


def test_a_revision_that_a_service_no_longer_runs_is_left_alone() -> None:
    assert survey(start(of_service=True)).revisions == {}
