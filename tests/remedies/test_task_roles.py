"""The embedded AWS lets ECS assume an execution role only as the role's trust policy says."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.agent import fetch
from sandbox.emulator import Emulator

pytestmark = pytest.mark.e2e
ECS: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with Emulator() as aws:
        yield aws


def _with(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {**ECS, "Condition": condition}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ([ECS], True),
        ([_with({"StringEquals": {"aws:SourceAccount": "111122223333"}})], True),
        ([_with({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"}})], True),
        ([_with({"StringEquals": {"aws:SourceAccount": "444455556666"}})], False),
        ([{**ECS, "Principal": {"Service": "ec2.amazonaws.com"}}], False),
        ([{**ECS, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}], False),
        ([{**ECS, "Action": "sts:TagSession"}], False),
        ([ECS, {**ECS, "Effect": "Deny"}], False),
    ],
    ids=["ECS", "our account", "our tasks", "another account", "EC2", "the account", "another action", "denied"],
)
def test_a_role_is_assumed_as_its_trust_says(aws: Emulator, statements: list[Any], trusted: bool) -> None:
    aws.reset()
    trust = {"Version": "2012-10-17", "Statement": statements}
    role = aws.client("iam").create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    got = fetch(aws, role, "registry/nothing")
    assert got.code == ("AccessDeniedException" if trusted else "not-assumed")


def test_no_role_is_assumed_that_does_not_exist_or_has_another_path(aws: Emulator) -> None:
    aws.reset()
    trust = json.dumps({"Version": "2012-10-17", "Statement": [ECS]})
    aws.client("iam").create_role(RoleName="web", Path="/apps/", AssumeRolePolicyDocument=trust)
    codes = [
        fetch(aws, f"arn:aws:iam::{aws.account_id}:role/{name}", "registry/nothing").code
        for name in ("apps/web", "web", "nothing")
    ]
    assert codes == ["AccessDeniedException", "not-assumed", "not-assumed"]
