"""Roles, one by one or all at once: the facts are the same."""

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Missing, NotAsked
from pullguard.domain.role import NamedPolicy, Role
from tests.fakes import ACCOUNT
from tests.unit.aws.readers.scene import MOTO, Session, build

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

    one_by_one = AwsReaders(clients, account=MOTO, values="never")
    singly = [_said(one_by_one.role(arn)) for arn in arns]
    calls.clear()
    at_once = AwsReaders(clients, account=MOTO, values="never", bulk_above=0)
    together = [_said(at_once.role(arn)) for arn in arns]

    assert together == singly
    # moto names no managed policy in its answer, so the one that they share is read by itself, once.
    assert calls == {"GetAccountAuthorizationDetails": 1, "GetPolicy": 1, "GetPolicyVersion": 1}


TWICE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Action":"secretsmanager:*",'
    '"Resource":"*"}}'
)
TRUSTS_TWICE = TRUST.replace('"Action":', '"Action": "sts:TagSession", "Action":')


@mock_aws
@pytest.mark.parametrize("bulk_above", [None, 0], ids=["one-by-one", "at-once"])
def test_a_policy_that_gives_a_member_twice_is_read_as_it_is(bulk_above: int | None) -> None:
    """botocore's own decoding would keep the last of the two, and so allow what AWS may not."""
    (arn,) = _roles(1)
    name = arn.resource_name.rpartition("/")[2]
    iam = boto3.client("iam", region_name="us-east-1")
    iam.put_role_policy(RoleName=name, PolicyName="twice", PolicyDocument=TWICE)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUSTS_TWICE)
    found = AwsReaders(Clients(region="us-east-1"), account=MOTO, values="never", bulk_above=bulk_above).role(arn)
    assert isinstance(found, Role)
    assert isinstance(found.inline_policies, tuple)
    documents = {policy.name: policy.document for policy in found.inline_policies}
    assert documents["twice"] == TWICE
    assert found.trust_policy == TRUSTS_TWICE
    assert all(isinstance(document, dict) for name, document in documents.items() if name != "twice")


@mock_aws
def test_a_role_that_is_not_understood_costs_itself_only() -> None:
    arns = _roles(2)
    clients = Clients(region="us-east-1")

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        parsed["RoleDetailList"][0]["Arn"] = "arn:aws:iam::123456789012:role/no role of ours"

    clients.get("iam").meta.events.register("after-call.iam.GetAccountAuthorizationDetails", spoil)
    readers = AwsReaders(clients, account=MOTO, values="never", bulk_above=0)

    assert [_said(readers.role(arn))[0] for arn in arns] == arns


@mock_aws
def test_a_role_that_the_bulk_does_not_know_is_asked_for_by_itself() -> None:
    _roles(1)
    readers = AwsReaders(Clients(region="us-east-1"), account=MOTO, values="never", bulk_above=0)

    assert not isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/gone")), Role)


def test_a_role_of_another_path_is_another_role(session: Session) -> None:
    build(session[0])
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="never")
    assert isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/web")), Role)
    assert isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/team/web")), Missing)


@pytest.mark.parametrize("lists_all", [False, True])
def test_roles_are_listed_by_people_only(session: Session, lists_all: bool) -> None:
    build(session[0])
    found = AwsReaders(Clients(session[0]), values="never", account=ACCOUNT, lists_all=lists_all).every_role()
    assert isinstance(found, NotAsked) is not lists_all
    assert ("GetAccountAuthorizationDetails" in session[1]) is lists_all
