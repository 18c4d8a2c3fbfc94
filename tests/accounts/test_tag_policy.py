"""The service control policy of docs/threat-model.md protects Pullguard's tags; the embedded AWS evaluates it.

No emulator enforces service control policies. A Deny has the same effect in an identity policy, so the tests attach
it to the principals.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.emulator import ACCOUNT, Credentials, Emulator

pytestmark = pytest.mark.e2e
PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
SECRET, ROLE = "registry/ghcr", "web-execution"
OWNERS, REREGISTERS = "registry-owners-web", "pullguard-ReregisterTaskDefinitionRole-1A2B3C4D5E6F"


def tags(*keys: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": "x"} for key in keys]


def ecs_tags(*keys: str) -> list[dict[str, str]]:
    return [{"key": key, "value": "x"} for key in keys]


def register(ecs: Any, *keys: str) -> str:
    containers = [{"name": "web", "image": "ghcr.io/acme/web:1"}]
    tagged = {"tags": ecs_tags(*keys)} if keys else {}
    made = ecs.register_task_definition(family="web", containerDefinitions=containers, **tagged)
    return str(made["taskDefinition"]["taskDefinitionArn"])


Call = Callable[[Any, Any], Any]
OF_PULLGUARD: dict[str, Call] = {
    "tag a secret": lambda secrets, _: secrets.tag_resource(SecretId=SECRET, Tags=tags("pullguard:registry")),
    "among other tags": lambda secrets, _: secrets.tag_resource(SecretId=SECRET, Tags=tags("team", "pullguard:roles")),
    "untag a secret": lambda secrets, _: secrets.untag_resource(SecretId=SECRET, TagKeys=["pullguard:mode"]),
    "create a secret": lambda secrets, _: secrets.create_secret(Name="mine", Tags=tags("pullguard:registry")),
    "tag a role": lambda _, iam: iam.tag_role(RoleName=ROLE, Tags=tags("pullguard:managed")),
}
OF_OTHERS: dict[str, Call] = {
    "tag a secret": lambda secrets, _: secrets.tag_resource(SecretId=SECRET, Tags=tags("team")),
    "create a secret": lambda secrets, _: secrets.create_secret(Name="theirs"),
    "tag a role": lambda _, iam: iam.tag_role(RoleName=ROLE, Tags=tags("team")),
}


EcsCall = Callable[[Any, str], Any]
OF_TASK_DEFINITIONS: dict[str, EcsCall] = {
    "register with a tag": lambda ecs, _: register(ecs, "pullguard:attach"),
    "register among other tags": lambda ecs, _: register(ecs, "team", "pullguard:mode"),
    "tag a task definition": lambda ecs, arn: ecs.tag_resource(resourceArn=arn, tags=ecs_tags("pullguard:attach")),
    "untag a task definition": lambda ecs, arn: ecs.untag_resource(resourceArn=arn, tagKeys=["pullguard:mode"]),
}
OF_OTHER_TASK_DEFINITIONS: dict[str, EcsCall] = {
    "register without tags": lambda ecs, _: register(ecs),
    "register with other tags": lambda ecs, _: register(ecs, "team", "pullguard:reregistered-from"),
    "tag a task definition": lambda ecs, arn: ecs.tag_resource(resourceArn=arn, tags=ecs_tags("team")),
    "untag a task definition": lambda ecs, arn: ecs.untag_resource(resourceArn=arn, tagKeys=["team"]),
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    with Emulator() as emulator:
        iam = emulator.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        for name in ("developer", OWNERS, REREGISTERS, ROLE):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
            for policy, document in (("everything", json.dumps(EVERYTHING)), ("control", found[1])):
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        emulator.client("secretsmanager").create_secret(Name=SECRET)
        yield emulator


def as_role(aws: Emulator, name: str) -> tuple[Any, Any]:
    who = credentials(aws, name)
    return aws.client("secretsmanager", who), aws.client("iam", who)


def credentials(aws: Emulator, name: str) -> Credentials:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    issued = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
    return Credentials(
        access_key_id=issued["AccessKeyId"],
        secret_access_key=issued["SecretAccessKey"],
        session_token=issued["SessionToken"],
    )


@pytest.mark.parametrize("call", OF_PULLGUARD.values(), ids=OF_PULLGUARD)
def test_only_the_owners_may_write_tags_of_pullguard(aws: Emulator, call: Call) -> None:
    with pytest.raises(ClientError) as refused:
        call(*as_role(aws, "developer"))
    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    call(*as_role(aws, OWNERS))


@pytest.mark.parametrize("call", OF_OTHERS.values(), ids=OF_OTHERS)
def test_everybody_else_goes_on_with_other_tags(aws: Emulator, call: Call) -> None:
    call(*as_role(aws, "developer"))


@pytest.fixture(scope="module")
def revision(aws: Emulator) -> str:
    return register(aws.client("ecs"), "pullguard:mode")


@pytest.mark.parametrize("call", OF_TASK_DEFINITIONS.values(), ids=OF_TASK_DEFINITIONS)
def test_only_the_owners_and_pullguard_may_write_consent_into_task_definitions(
    aws: Emulator, revision: str, call: EcsCall
) -> None:
    with pytest.raises(ClientError) as refused:
        call(aws.client("ecs", credentials(aws, "developer")), revision)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    for name in (OWNERS, REREGISTERS):
        call(aws.client("ecs", credentials(aws, name)), revision)


@pytest.mark.parametrize("call", OF_OTHER_TASK_DEFINITIONS.values(), ids=OF_OTHER_TASK_DEFINITIONS)
def test_everybody_else_goes_on_with_other_task_definitions(aws: Emulator, revision: str, call: EcsCall) -> None:
    call(aws.client("ecs", credentials(aws, "developer")), revision)


@pytest.mark.parametrize("name", ["tag a secret", "tag a role"])
def test_the_role_that_copies_tags_of_task_definitions_writes_no_others(aws: Emulator, name: str) -> None:
    with pytest.raises(ClientError):
        OF_PULLGUARD[name](*as_role(aws, REREGISTERS))
