"""The control policy of docs/threat-model.md: whom it keeps from Pullguard's tags, as the embedded AWS decides.

No emulator enforces service control policies. A Deny decides alike wherever it stands, so it is a policy of the
principals themselves here.
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


def tags(*keys: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": "x"} for key in keys]


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


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    with Emulator() as emulator:
        iam = emulator.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        for name in ("developer", "registry-owners-web", ROLE):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
            for policy, document in (("everything", json.dumps(EVERYTHING)), ("control", found[1])):
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        emulator.client("secretsmanager").create_secret(Name=SECRET)
        yield emulator


def as_role(aws: Emulator, name: str) -> tuple[Any, Any]:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    issued = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
    who = Credentials(
        access_key_id=issued["AccessKeyId"],
        secret_access_key=issued["SecretAccessKey"],
        session_token=issued["SessionToken"],
    )
    return aws.client("secretsmanager", who), aws.client("iam", who)


@pytest.mark.parametrize("call", OF_PULLGUARD.values(), ids=OF_PULLGUARD)
def test_only_the_owners_may_write_tags_of_pullguard(aws: Emulator, call: Call) -> None:
    with pytest.raises(ClientError) as refused:
        call(*as_role(aws, "developer"))
    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    call(*as_role(aws, "registry-owners-web"))


@pytest.mark.parametrize("call", OF_OTHERS.values(), ids=OF_OTHERS)
def test_everybody_else_goes_on_with_other_tags(aws: Emulator, call: Call) -> None:
    call(*as_role(aws, "developer"))
