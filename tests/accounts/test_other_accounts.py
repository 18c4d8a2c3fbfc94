"""Two accounts of the embedded AWS: a secret and its key in one, the role and the audit in the other."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.agent import fetch
from sandbox.emulator import ACCOUNT, Credentials, Emulator

pytestmark = pytest.mark.e2e
THEIRS = "444455556666"
COMMAND = Path(sys.executable).with_name("pullguard")
WITHIN_S = 60
VALUE = json.dumps({"username": "robot", "password": "not-a-real-one"})
TAGS = [{"Key": "pullguard:registry", "Value": "ghcr.io"}]
MANAGED = [{"Key": "pullguard:managed", "Value": "true"}]
US = f"arn:aws:iam::{ACCOUNT}:root"
TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
READ = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds"]  # fmt: skip


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """Their secret under the alias of their key; our role, which may read and decrypt it; an auditor of ours."""

    aws: Emulator
    secret: str
    key: str
    decoy: str
    auditor: Credentials

    def ours(self, service: str) -> Any:
        return self.aws.client(service, self.auditor)


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with Emulator() as aws:
        them = Credentials(access_key_id=THEIRS)
        kms, manager = aws.client("kms", them), aws.client("secretsmanager", them)
        opened = policy(
            allow("kms:*", Principal={"AWS": f"arn:aws:iam::{THEIRS}:root"}), allow("kms:*", Principal={"AWS": US})
        )
        key = kms.create_key(Policy=opened)["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/registry", TargetKeyId=key)
        secret = manager.create_secret(
            Name="registry/shared", SecretString=VALUE, KmsKeyId="alias/registry", Tags=TAGS
        )["ARN"]
        manager.put_resource_policy(SecretId=secret, ResourcePolicy=policy(allow(READ, Principal={"AWS": US})))
        decoy = aws.client("kms").create_key()["KeyMetadata"]["Arn"]  # ours has an alias of the same name
        aws.client("kms").create_alias(AliasName="alias/registry", TargetKeyId=decoy)
        yield Two(aws=aws, secret=secret, key=key, decoy=decoy, auditor=_auditor(aws))


def _auditor(aws: Emulator) -> Credentials:
    iam = aws.client("iam")
    iam.create_role(RoleName="auditor", AssumeRolePolicyDocument=policy({**TRUST, "Principal": {"AWS": US}}))
    iam.put_role_policy(RoleName="auditor", PolicyName="all", PolicyDocument=policy(allow("*")))
    issued = aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/auditor", RoleSessionName="audit")
    return Credentials(
        access_key_id=issued["Credentials"]["AccessKeyId"],
        secret_access_key=issued["Credentials"]["SecretAccessKey"],
        session_token=issued["Credentials"]["SessionToken"],
    )


def family(two: Two, name: str, *statements: dict[str, Any]) -> str:
    """Register a family that names their secret, and give its role these statements; returns the role's ARN."""
    iam = two.aws.client("iam")
    role: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(TRUST), Tags=MANAGED)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    container = {
        "name": "app", "image": "ghcr.io/acme/web:1", "memory": 64,
        "repositoryCredentials": {"credentialsParameter": two.secret},
    }  # fmt: skip
    two.aws.client("ecs").register_task_definition(family=name, executionRoleArn=role, containerDefinitions=[container])
    return role


def run(two: Two, *arguments: str) -> dict[str, Any]:
    answered: dict[str, Any] = json.loads(run_as_text(two, *arguments, "--format", "json"))
    return answered


def run_as_text(two: Two, *arguments: str) -> str:
    environment = {**os.environ, **two.aws.environment}
    signed = {
        "AWS_ACCESS_KEY_ID": two.auditor.access_key_id,
        "AWS_SECRET_ACCESS_KEY": two.auditor.secret_access_key,
        "AWS_SESSION_TOKEN": str(two.auditor.session_token),
    }
    command = (str(COMMAND), *arguments)
    ran = subprocess.run(
        command, env=environment | signed, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert ran.returncode in (0, 1, 2), ran.stderr
    return ran.stdout


def test_the_embedded_aws_answers_across_accounts_as_aws_does(two: Two) -> None:
    manager, kms = two.ours("secretsmanager"), two.ours("kms")
    assert manager.describe_secret(SecretId=two.secret)["KmsKeyId"] == "alias/registry"
    (version,) = manager.list_secret_version_ids(SecretId=two.secret)["Versions"]
    assert version["KmsKeyIds"] == ["alias/registry"]
    assert manager.get_secret_value(SecretId=two.secret)["SecretString"] == VALUE
    alias = f"arn:aws:kms:us-east-1:{THEIRS}:alias/registry"
    assert {kms.describe_key(KeyId=each)["KeyMetadata"]["Arn"] for each in (two.key, alias)} == {two.key}
    assert kms.describe_key(KeyId="alias/registry")["KeyMetadata"]["Arn"] == two.decoy
    assert kms.list_grants(KeyId=two.key)["Grants"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        kms.get_key_policy(KeyId=two.key, PolicyName="default")


def test_a_key_of_the_same_alias_in_our_account_is_never_mistaken_for_theirs(two: Two) -> None:
    family(two, "decoyed", allow("secretsmanager:GetSecretValue", two.secret), allow("kms:Decrypt", two.decoy))
    found = run(two, "audit", "--family", "decoyed")["findings"]
    assert [(each["check"], each["status"], each["key"]) for each in found] == [
        ("decrypt-access-missing", "fail", two.key)
    ]
    assert two.decoy not in json.dumps(found)
    assert f"aws kms get-key-policy --region us-east-1 --key-id {two.key}" in found[0]["remedy"]["text"]
    planned = run(two, "plan", "decoyed")
    assert (planned["calls"], planned["refusals"]) == ([], [])
    assert [each["check"] for each in planned["left_to_people"]] == ["decrypt-access-missing"]


def test_a_pull_that_only_the_key_policy_allows_is_a_question_for_the_keys_account(two: Two) -> None:
    role = family(two, "able", allow("secretsmanager:GetSecretValue", two.secret), allow("kms:Decrypt", two.key))
    shows = f"aws kms get-key-policy --region us-east-1 --key-id {two.key}"
    answered = run(two, "audit", "--family", "able")
    assert answered["findings"] == []
    (asked,) = (each for each in answered["not_checked"] if each["check"] == "decrypt-access-denied")
    assert asked["how_to"].startswith(f"run get-key-policy in account {THEIRS}: {shows}")
    explained = "".join(run_as_text(two, "explain", "able", "--format", "text").split())
    assert "".join(shows.split()) in explained
    assert "Thepullgetsitscredentials.Notchecked:decrypt" in explained
    assert fetch(two.aws, role, two.secret).ok


def test_a_changed_key_leaves_the_former_one_open_until_the_next_version(two: Two) -> None:
    aws = two.aws
    manager, kms = aws.client("secretsmanager"), aws.client("kms")
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    secret = manager.create_secret(Name="registry/own", SecretString=VALUE, KmsKeyId=old, Tags=TAGS)["ARN"]
    manager.update_secret(SecretId=secret, KmsKeyId=new)
    own = Two(aws=aws, secret=secret, key=new, decoy=old, auditor=two.auditor)
    role = family(own, "changed", allow("secretsmanager:GetSecretValue", secret), allow("kms:Decrypt", old))
    (found,) = run(own, "audit", "--family", "changed")["findings"]
    assert (found["check"], found["severity"], found["key"]) == ("decrypt-access-missing", "warning", new)
    assert fetch(aws, role, secret).ok
    manager.put_secret_value(SecretId=secret, SecretString=VALUE)
    (found,) = run(own, "audit", "--family", "changed")["findings"]
    assert (found["check"], found["severity"], found["key"]) == ("decrypt-access-missing", "error", new)
    assert not fetch(aws, role, secret).ok
