"""With --live, the resources that a file names are read from AWS."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from pullguard.aws.iam import Iam
from pullguard.domain.lookup import Unreadable
from pullguard_cli.failures import CannotRun
from tests.unit.cli.commands.check.conftest import Check, container, definition

REGION = "eu-west-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def role() -> Iterator[str]:
    with mock_aws():
        iam = boto3.client("iam", region_name=REGION)
        made = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps(TRUST))
        yield made["Role"]["Arn"]


def secret(value: str = '{"username": "u", "password": "p"}') -> str:
    manager = boto3.client("secretsmanager", region_name=REGION)
    return str(manager.create_secret(Name="registry/ghcr", SecretString=value)["ARN"])


def allow(arn: str) -> None:
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
    boto3.client("iam", region_name=REGION).put_role_policy(
        RoleName="execution",
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def test_nothing_wrong(check: Check, role: str) -> None:
    arn = secret()
    allow(arn)
    files = {"a.json": definition(container(arn), executionRoleArn=role)}
    ran = check("--live", "--region", REGION, "--format", "json", files=files)
    assert (ran.code, ran.found) == (0, [])
    assert ran.data["summary"]["not_checked"] > 0
    assert "not checked (--live" not in check("--live", "--region", REGION, files=files).out


def test_no_access(check: Check, role: str) -> None:
    files = {"a.json": definition(container(secret()), executionRoleArn=role)}
    ran = check("--live", "--region", REGION, "--format", "json", files=files)
    assert (ran.code, ran.found) == (1, [("secret-access-missing", "error")])
    assert check("--format", "json", files=files).found == []


def test_no_secret_and_no_role(check: Check, role: str) -> None:
    gone = role.replace("execution", "gone")
    files = {"a.json": definition(container("nothing"), executionRoleArn=gone)}
    ran = check("--live", "--region", REGION, "--format", "json", files=files)
    assert {name for name, _ in ran.found} == {"execution-role-not-found", "secret-not-found"}


def test_values_are_read_only_if_that_is_wanted(check: Check, role: str) -> None:
    arn = secret("hunter2")
    allow(arn)
    files = {"a.json": definition(container(arn), executionRoleArn=role)}
    assert check("--live", "--region", REGION, "--format", "json", files=files).found == []
    ran = check("--live", "--read-values", "--region", REGION, "--format", "json", files=files)
    assert ran.found == [("secret-value-malformed", "error")]
    assert "hunter2" not in ran.out


def test_a_name_is_answered_with_the_full_arn(check: Check, role: str) -> None:
    arn = secret()
    allow(arn)
    files = {"a.json": definition(container("registry/ghcr"), executionRoleArn=role)}
    ran = check("--live", "--region", REGION, "--format", "json", files=files)
    assert ran.found == [("reference-not-full-arn", "warning")]
    assert arn in ran.data["findings"][0]["remedy"]["snippet"]


@pytest.mark.parametrize(("options", "code"), [([], 2), (["--accept-unknown"], 0)], ids=["", "accepted"])
def test_a_denied_read_leaves_the_check_incomplete(
    check: Check, role: str, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int
) -> None:
    unread = Unreadable(permission="iam:GetRole", resource=role, reason="denied")
    monkeypatch.setattr(Iam, "role", lambda *_: unread)
    files = {"a.json": definition(container(secret()), executionRoleArn=role)}
    ran = check("--live", "--region", REGION, "--format", "json", *options, files=files)
    assert ran.code == code
    assert ran.data["unfinished"] == [
        f"iam:GetRole was denied on {role}, so 1 task definition was checked only in part"
    ]


def test_no_region(check: Check) -> None:
    with pytest.raises(CannotRun, match="No AWS Region is set"):
        check("--live", files={"a.json": definition()})
