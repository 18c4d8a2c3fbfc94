"""Names and tags with signs that mean something to the AWS CLI: it takes the commands, and sends what is meant."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pullguard.checks.manual_policies import Future
from pullguard.checks.new_secret import create_command
from pullguard.domain.arn import Arn
from pullguard.domain.aws_cli import command, tags_option
from pullguard.domain.consent import tagging
from pullguard.domain.secret import Secret
from sandbox.emulator import ACCOUNT, REGION, Emulator
from tests.remedies.pasting import CREDENTIALS_FILE, shell

pytestmark = pytest.mark.e2e

HOME = Arn(partition="aws", service="ecs", region=REGION, account=ACCOUNT, resource="task-definition/web:1")
VALUES: dict[str, tuple[str, str]] = {
    "plain": ("registry/plain", "ghcr.io registry.example.com:5000"),
    "patterns-with-a-comma": ("registry/comma", "api-*,web-* web-execution"),
    "an-equals-sign": ("a+b=c@d.e_f/x", "a,b=c"),
    "an-address": ("registry/v6", "[::1]:5000"),
    "braces-and-quotes": ("registry/signs", "{\"a\": 'b'}"),
    "a-name-that-begins-with-hyphens": ("--help", "-web"),
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with Emulator() as aws:
        yield aws


def tags_of(aws: Emulator, secret_id: str) -> Mapping[str, str]:
    described = aws.client("secretsmanager").describe_secret(SecretId=secret_id)
    return {each["Key"]: each["Value"] for each in described["Tags"]}


@pytest.mark.parametrize(("name", "value"), VALUES.values(), ids=VALUES)
def test_the_aws_cli_sends_a_secrets_tags_as_they_are_meant(
    aws: Emulator, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / CREDENTIALS_FILE).write_text("{}")
    future = Future(home=HOME, name=name, tags={"pullguard:registry": "ghcr.io", "pullguard:roles": value})
    printed = shell(aws, create_command(future), tmp_path).strip()
    assert tags_of(aws, printed) == future.tags
    created = Secret(arn=Arn.parse(printed), name=name)
    shell(aws, tagging(created, "pullguard:registry", value), tmp_path)
    assert tags_of(aws, printed) == {**future.tags, "pullguard:registry": value}


def test_the_aws_cli_sends_a_roles_name_and_tags_as_they_are_meant(aws: Emulator, tmp_path: Path) -> None:
    name, tags = "-web,exec=a+b@c", {"pullguard:managed": "true", "team": "a,b=c"}
    trust = ("--assume-role-policy-document", '{"Version":"2012-10-17","Statement":[]}')
    shell(aws, command("iam", "create-role", ("--role-name", name), trust, tags_option(tags)), tmp_path)
    role = aws.client("iam").get_role(RoleName=name)["Role"]
    assert {each["Key"]: each["Value"] for each in role["Tags"]} == tags
