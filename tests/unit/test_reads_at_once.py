"""Many roles are read at once, and the services of a cluster once for a batch; what is read so stays the same."""

import json
from collections import Counter
from typing import Any

import boto3
from moto import mock_aws

from pullguard.arn import Arn
from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.model import NamedPolicy, Role, TaskDefinition, Usage

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def _document(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _roles(count: int) -> list[Arn]:
    iam = boto3.client("iam", region_name="us-east-1")
    managed = iam.create_policy(PolicyName="shared", PolicyDocument=_document("s3:GetObject"))["Policy"]["Arn"]
    arns = []
    for number in range(count):
        name = f"execution-{number}"
        role = iam.create_role(
            RoleName=name,
            Path="/team~a/(eu)/",
            AssumeRolePolicyDocument=TRUST,
            PermissionsBoundary=managed,
            Tags=[{"Key": "pullguard:managed", "Value": "true"}],
        )["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=_document("secretsmanager:GetSecretValue"))
        iam.attach_role_policy(RoleName=name, PolicyArn=managed)
        arns.append(Arn.parse(role["Arn"]))
    return arns


def _said(role: object) -> tuple[Any, ...]:
    assert isinstance(role, Role)
    assert isinstance(role.boundary, NamedPolicy)
    members = (role.arn, role.name, role.role_id, role.tags, role.trust_policy, role.boundary.document)
    return (*members, role.inline_policies, role.attached_policies)


@mock_aws
def test_many_roles_cost_no_call_each_and_say_the_same() -> None:
    arns = _roles(6)
    calls: Counter[str] = Counter()
    clients = Clients(region="us-east-1")
    clients.get("iam").meta.events.register("before-call.iam", lambda model, **_: calls.update([model.name]))

    one_by_one = AwsReaders(clients, values="never")
    singly = [_said(one_by_one.role(arn)) for arn in arns]
    calls.clear()
    at_once = AwsReaders(clients, values="never", bulk_above=0)
    together = [_said(at_once.role(arn)) for arn in arns]

    assert together == singly
    # moto names no managed policy in its answer, so the one that they share is read by itself, once.
    assert calls == {"GetAccountAuthorizationDetails": 1, "GetPolicy": 1, "GetPolicyVersion": 1}


@mock_aws
def test_a_role_that_is_not_understood_costs_itself_only() -> None:
    arns = _roles(2)
    clients = Clients(region="us-east-1")

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        parsed["RoleDetailList"][0]["Arn"] = "arn:aws:iam::123456789012:role/no role of ours"

    clients.get("iam").meta.events.register("after-call.iam.GetAccountAuthorizationDetails", spoil)
    readers = AwsReaders(clients, values="never", bulk_above=0)

    assert [_said(readers.role(arn))[0] for arn in arns] == arns


@mock_aws
def test_a_role_that_the_bulk_does_not_know_is_asked_for_by_itself() -> None:
    _roles(1)
    readers = AwsReaders(Clients(region="us-east-1"), values="never", bulk_above=0)

    assert not isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/gone")), Role)


@mock_aws
def test_the_services_of_a_cluster_are_listed_once_for_all_task_definitions_of_a_batch() -> None:
    ecs = boto3.client("ecs", region_name="us-east-1")
    ecs.create_cluster(clusterName="main")
    for family in ("web", "api", "worker"):
        container: Any = {"name": "app", "image": "ghcr.io/acme/app:1", "memory": 64}
        ecs.register_task_definition(family=family, containerDefinitions=[container])
        ecs.create_service(cluster="main", serviceName=family, taskDefinition=family, desiredCount=0)
    calls: Counter[str] = Counter()
    clients = Clients(region="us-east-1")
    clients.get("ecs").meta.events.register("before-call.ecs", lambda model, **_: calls.update([model.name]))
    readers = AwsReaders(clients, values="never")
    for family in ("web", "api", "worker"):
        definition = readers.task_definition(family)
        assert isinstance(definition, TaskDefinition)
        usage = readers.usage(definition)
        assert isinstance(usage, Usage)
        assert [use.name for use in usage.services] == [family]
    assert (calls["ListServices"], calls["DescribeServices"]) == (1, 1)
