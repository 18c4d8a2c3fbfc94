from typing import Any

import pytest

from sandbox.authorization import ecs_resource, granted, registration_questions

PREFIX = "arn:aws:ecs:us-east-1:111122223333"
ROLE = "arn:aws:iam::111122223333:role/web"
SESSION = "arn:aws:sts::111122223333:assumed-role/web/ecs-agent"
ENCRYPTION = {"SecretARN": "arn:secret", "SecretVersionId": "v1"}


@pytest.mark.parametrize(
    ("action", "request_body", "expected"),
    [
        ("RegisterTaskDefinition", {"family": "web"}, f"{PREFIX}:task-definition/web:*"),
        ("UpdateService", {"cluster": "demo", "service": "web"}, f"{PREFIX}:service/demo/web"),
        ("UpdateService", {"cluster": f"{PREFIX}:cluster/demo", "service": "web"}, f"{PREFIX}:service/demo/web"),
        ("UpdateService", {"service": f"{PREFIX}:service/demo/web"}, f"{PREFIX}:service/demo/web"),
        ("DescribeServices", {"services": ["web"]}, f"{PREFIX}:service/default/web"),
        ("TagResource", {"resourceArn": "arn:x"}, "arn:x"),
        ("DescribeTaskDefinition", {"taskDefinition": "web"}, "*"),
        ("ListServices", {"cluster": "demo"}, "*"),
    ],
)
def test_ecs_calls_are_about_the_resources_that_aws_documents(
    action: str, request_body: dict[str, Any], expected: str
) -> None:
    assert ecs_resource(action, request_body, "us-east-1", "111122223333") == expected


def test_a_registration_asks_for_its_roles_and_its_tags() -> None:
    request = {"family": "web", "executionRoleArn": ROLE, "tags": [{"key": "a", "value": "b"}]}
    assert registration_questions(request, "us-east-1", "111122223333") == [
        ("iam:PassRole", ROLE, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
        ("ecs:TagResource", f"{PREFIX}:task-definition/web:*", {"ecs:CreateAction": "RegisterTaskDefinition"}),
    ]
    assert registration_questions({"family": "web"}, "us-east-1", "111122223333") == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"GranteePrincipal": SESSION}, True),
        ({"GranteePrincipal": f"{ROLE}2"}, False),
        ({"Operations": ["Encrypt"]}, False),
        ({"Constraints": {"EncryptionContextSubset": {"SecretARN": "arn:secret"}}}, True),
        ({"Constraints": {"EncryptionContextSubset": {"SecretARN": "arn:other"}}}, False),
        ({"Constraints": {"EncryptionContextEquals": {"SecretARN": "arn:secret"}}}, False),
        ({"Constraints": {"EncryptionContextEquals": ENCRYPTION}}, True),
    ],
)
def test_a_grant_holds_for_its_grantee_operations_and_context(change: dict[str, Any], expected: bool) -> None:
    grant = {"GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Constraints": None} | change
    assert granted([grant], SESSION, ENCRYPTION) is expected


def test_no_grant_no_access() -> None:
    assert not granted([], SESSION, ENCRYPTION)
