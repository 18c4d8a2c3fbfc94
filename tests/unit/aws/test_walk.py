"""A walk through the clusters of a batch: each question to ECS is asked once."""

from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pullguard.aws.clients import Clients
from pullguard.aws.ecs import Ecs
from pullguard.aws.once import Once
from pullguard.aws.readers import AwsReaders
from pullguard.aws.walk import Walk
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Usage
from tests.fakes import NOW, task_definition

MOTO = "123456789012"  # the account of moto


@mock_aws
@pytest.mark.parametrize(("families", "tasks_listed"), [(1, 2), (2, 4), (3, 6), (7, 6)])
def test_the_survey_runs_once_for_all_task_definitions_of_a_batch(families: int, tasks_listed: int) -> None:
    """Two families are asked for by themselves (running and stopped tasks), and then all tasks of the cluster."""
    ecs = boto3.client("ecs", region_name="us-east-1")
    ecs.create_cluster(clusterName="main")
    ec2 = boto3.client("ec2", region_name="us-east-1")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    network: Any = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
    names = [f"family-{number}" for number in range(families)]
    for family in names:
        container: Any = {"name": "app", "image": "ghcr.io/acme/app:1", "memory": 64}
        ecs.register_task_definition(
            family=family, networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[container]
        )
        ecs.create_service(cluster="main", serviceName=family, taskDefinition=family, desiredCount=0)
        ecs.run_task(cluster="main", taskDefinition=family, launchType="FARGATE", networkConfiguration=network)
    calls: Counter[str] = Counter()
    clients = Clients(region="us-east-1")
    clients.get("ecs").meta.events.register("before-call.ecs", lambda model, **_: calls.update([model.name]))
    readers = AwsReaders(clients, account=MOTO, values="never")
    for family in names:
        definition = readers.task_definition(family)
        assert isinstance(definition, TaskDefinition)
        usage = readers.usage(definition)
        assert isinstance(usage, Usage)
        assert usage.newest
        assert [use.name for use in usage.services] == [family]
        assert [use.task_definition for use in usage.tasks] == [str(definition.arn)]
    assert (calls["ListClusters"], calls["ListServices"]) == (1, 1)
    assert calls["ListTasks"] == tasks_listed
    assert calls["DescribeTaskDefinition"] == families


START = {"stopCode": "TaskFailedToStart", "stoppedAt": NOW, "stoppedReason": "CannotPullContainerError: unauthorized"}


def test_failed_starts_are_the_same_however_many_families_ask() -> None:
    client: Any = boto3.client("ecs", region_name="us-east-1")
    definitions = [task_definition(family=f"family-{number}") for number in range(4)]
    tasks = [
        {"taskArn": f"arn:t/{each.family}", "taskDefinitionArn": str(each.arn), "containers": [], **START}
        for each in definitions
    ]
    with Stubber(client) as stubber:
        for answered in ([tasks[0]], [tasks[1]], tasks):
            stubber.add_response("list_tasks", {"taskArns": [each["taskArn"] for each in answered]})
            stubber.add_response("describe_tasks", {"tasks": answered})
        walk = Walk(Ecs(client), Once())
        found = [list(walk.failed_starts("main", each)) for each in definitions]
        stubber.assert_no_pending_responses()
    assert [[start.task_arn for start in starts] for starts in found] == [[each["taskArn"]] for each in tasks]


def test_a_question_about_a_cluster_is_asked_once() -> None:
    client: Any = boto3.client("ecs", region_name="us-east-1")
    with Stubber(client) as stubber:
        stubber.add_response("list_clusters", {"clusterArns": ["main"]})
        stubber.add_response("list_services", {"serviceArns": []})
        walk = Walk(Ecs(client), Once())
        assert [(walk.clusters(), walk.services("main")) for _ in range(2)] == [(("main",), ())] * 2
        stubber.assert_no_pending_responses()
