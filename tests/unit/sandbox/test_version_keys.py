"""Under which keys the versions of a secret are, as the embedded AWS is made to remember it."""

from typing import Any

import pytest

from sandbox.other_accounts import owner_of, works_across_accounts
from sandbox.version_keys import encrypt_anew, keys_of, remember, with_keys


def secret(key: str | None, **stages: list[str]) -> dict[str, Any]:
    return {"KmsKeyId": key, "Versions": {version: {"Stages": labels} for version, labels in stages.items()}}


def test_a_change_of_the_key_adds_it_to_the_versions_in_use() -> None:
    its = secret("old", v1=["AWSPREVIOUS"], v2=["AWSCURRENT"], v0=["mine"])
    remember(its)
    its["KmsKeyId"] = "new"
    encrypt_anew(its)
    its["Versions"]["v3"] = {"Stages": ["AWSPENDING"]}
    remember(its)
    assert {version: keys_of(its, version) for version in its["Versions"]} == {
        "v0": ["old"],
        "v1": ["new", "old"],
        "v2": ["new", "old"],
        "v3": ["new"],
    }
    encrypt_anew(its)
    assert keys_of(its, "v2") == ["new", "old"]


@pytest.mark.parametrize("key", [None, "", "alias/aws/secretsmanager"])
def test_the_key_of_aws_has_a_name_of_its_own(key: str | None) -> None:
    its = secret(key, v1=["AWSCURRENT"])
    answered = {"ARN": "arn", "Versions": [{"VersionId": "v1", "VersionStages": ["AWSCURRENT"]}]}
    assert with_keys(answered, its)["Versions"][0]["KmsKeyIds"] == ["DefaultEncryptionKey"]


@pytest.mark.parametrize(
    ("named", "owner"),
    [
        ("arn:aws:kms:us-east-1:444455556666:key/x", "444455556666"),
        ("arn:aws:secretsmanager:us-east-1:444455556666:secret:x-AbCdEf", "444455556666"),
        ("alias/x", None),
        ("registry/x", None),
        ("arn:aws", None),
        (None, None),
    ],
)
def test_only_an_arn_names_an_account(named: object, owner: str | None) -> None:
    assert owner_of(named) == owner


def test_a_key_policy_is_answered_at_home_only() -> None:
    answers = {each: works_across_accounts("kms", each) for each in ("DescribeKey", "ListGrants", "GetKeyPolicy")}
    assert answers == {"DescribeKey": True, "ListGrants": True, "GetKeyPolicy": False}
    assert works_across_accounts("secretsmanager", "GetResourcePolicy")
