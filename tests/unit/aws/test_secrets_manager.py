"""Secrets as AWS Secrets Manager describes them: members, policies, keys, values."""

from collections.abc import Callable
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.lookup import Unreadable
from pullguard.domain.role import NamedPolicy
from pullguard.domain.secret import CrossAccountPrimary, Rotation, ValueShape
from tests.fakes import REGION, secret_arn
from tests.unit.aws.asking import ask, check_errors

OTHERS: Any = {"ResourcePolicies": [{"PolicyName": "default"}, {"PolicyName": "cross-account-replication"}]}
POLICY = '{"Version":"2012-10-17","Statement":[]}'


def test_the_resource_policies_beside_the_default_one_are_read_by_name() -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    arn = str(secret_arn())
    with Stubber(client) as stubber:
        stubber.add_response("list_resource_policies", {**OTHERS, "NextToken": "more"}, {"SecretId": arn})
        last: Any = {"ResourcePolicies": [{"PolicyName": "another"}]}
        stubber.add_response("list_resource_policies", last, {"SecretId": arn, "NextToken": "more"})
        for name in ("another", "cross-account-replication"):
            asked = {"SecretId": arn, "PolicyName": name}
            stubber.add_response("get_resource_policy", {"ResourcePolicy": POLICY}, asked)
        found = SecretsManager(client).other_policies(secret_arn())
        stubber.assert_no_pending_responses()
    assert found == tuple(NamedPolicy(name=each, document=POLICY) for each in ("another", "cross-account-replication"))


@pytest.mark.parametrize("code", ["InvalidAction", "UnknownOperationException"])
def test_nothing_is_certain_if_the_policies_cannot_be_listed(code: str) -> None:
    found = ask(
        "secretsmanager", "list_resource_policies", lambda c: SecretsManager(c).other_policies(secret_arn()), code
    )
    assert isinstance(found, Unreadable)
    assert (found.permission, found.reason) == ("secretsmanager:ListResourcePolicies", "refused")


def test_an_sdk_that_cannot_list_policies_is_a_fact() -> None:
    found = SecretsManager(cast("Any", object())).other_policies(secret_arn())
    assert isinstance(found, Unreadable)
    assert "SDK" in found.detail


DESCRIBED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a-managed-external-secret": ({"Type": "GitLabAccessToken"}, {"type": "GitLabAccessToken"}),
    "a-rotation-by-the-hour": (
        {
            "RotationEnabled": True,
            "RotationRules": {"ScheduleExpression": "rate(4 hours)", "AutomaticallyAfterDays": 1},
        },
        {"rotation": Rotation(enabled=True, interval_days=1, schedule="rate(4 hours)")},
    ),
    "a-cross-account-replica": (
        {
            "CrossAccountPrimary": {
                "PrimarySecretARN": str(secret_arn(account="444455556666")),
                "ReplicationStatus": "Detached",
                "StatusMessage": "stopped",
            }
        },
        {
            "cross_account_primary": CrossAccountPrimary(
                arn=str(secret_arn(account="444455556666")), status="Detached", status_message="stopped"
            )
        },
    ),
    "an-ordinary-secret": ({}, {"type": None, "cross_account_primary": None, "rotation": Rotation(enabled=False)}),
}


@pytest.mark.parametrize(("answer", "expected"), DESCRIBED.values(), ids=DESCRIBED)
def test_the_answer_of_describe_secret_becomes_a_secret(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    with Stubber(client) as stubber:
        described: Any = {"ARN": str(secret_arn()), "Name": "registry/ghcr", **answer}
        stubber.add_response("describe_secret", described)
        found = SecretsManager(client).describe("registry/ghcr")
    assert isinstance(found, tuple)
    assert {name: getattr(found[0], name) for name in expected} == expected


ERRORS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "secret": ("describe_secret", lambda c: SecretsManager(c).describe("x")),
    "resource-policy": ("get_resource_policy", lambda c: SecretsManager(c).resource_policy(secret_arn())),
    "other-resource-policies": ("list_resource_policies", lambda c: SecretsManager(c).other_policies(secret_arn())),
    "value": ("get_secret_value", lambda c: SecretsManager(c).credentials(secret_arn())),
    "current-keys": ("list_secret_version_ids", lambda c: SecretsManager(c).current_keys(secret_arn())),
}


@pytest.mark.parametrize(("operation", "call"), ERRORS.values(), ids=ERRORS)
def test_missing_denied_and_broken_differ(operation: str, call: Callable[[Any], Any]) -> None:
    check_errors("secretsmanager", operation, call, missing="ResourceNotFoundException")


VERSIONS: dict[str, tuple[list[dict[str, Any]], tuple[str, ...] | None]] = {
    "one-key": ([{"VersionStages": ["AWSCURRENT"], "KmsKeyIds": ["key-1"]}], ("key-1",)),
    "two-keys-after-a-change": (
        [{"VersionStages": ["AWSCURRENT"], "KmsKeyIds": ["key-1", "key-2"]}],
        ("key-1", "key-2"),
    ),
    "no-key-named": ([{"VersionStages": ["AWSCURRENT"]}], None),
    "only-another-stage": ([{"VersionStages": ["AWSPREVIOUS"], "KmsKeyIds": ["key-1"]}], None),
}


@pytest.mark.parametrize(("versions", "expected"), VERSIONS.values(), ids=VERSIONS)
def test_the_keys_of_the_current_version_are_read_from_all_pages(
    versions: list[dict[str, Any]], expected: tuple[str, ...] | None
) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    arn = str(secret_arn())
    first: Any = {"Versions": [{"VersionStages": ["AWSPENDING"], "KmsKeyIds": ["key-9"]}], "NextToken": "more"}
    last: Any = {"Versions": versions}
    with Stubber(client) as stubber:
        stubber.add_response("list_secret_version_ids", first, {"SecretId": arn})
        stubber.add_response("list_secret_version_ids", last, {"SecretId": arn, "NextToken": "more"})
        assert SecretsManager(client).current_keys(secret_arn()) == expected


@pytest.mark.parametrize("version", [None, "1" * 32], ids=["the-current-one", "one-by-its-id"])
def test_a_value_is_read_by_the_exact_request_and_stays_hidden(version: str | None) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    request = {"SecretId": str(secret_arn()), **({"VersionId": version} if version else {})}
    answer: Any = {"SecretString": '{"username": "bot", "password": "hunter2-hunter2"}', "VersionId": "v" * 32}
    with Stubber(client) as stubber:
        stubber.add_response("get_secret_value", answer, request)
        found = SecretsManager(client).credentials(secret_arn(), version)
    assert isinstance(found, tuple)
    assert isinstance(found[0], ValueShape)
    assert (found[0].form, found[0].username, found[0].password) == ("json-object", "ok", "ok")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("code", ["DecryptionFailure", "InvalidRequestException", "KMSInvalidStateException"])
def test_an_unreadable_state_of_a_secret_refuses_its_value(code: str) -> None:
    found = ask("secretsmanager", "get_secret_value", lambda c: SecretsManager(c).credentials(secret_arn()), code)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.detail) == ("refused", code)


def test_secrets_are_listed_by_the_opt_in_tag_and_a_substring_of_it_does_not_count() -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    tagged = [("a", "pullguard:registry"), ("b", "pullguard:registry-old")]
    answer: Any = {
        "SecretList": [
            {"ARN": str(secret_arn(name)), "Name": name, "Tags": [{"Key": key, "Value": "ghcr.io"}]}
            for name, key in tagged
        ]
    }
    by_tag = {"MaxResults": 100, "Filters": [{"Key": "tag-key", "Values": ["pullguard:registry"]}]}
    with Stubber(client) as stubber:
        stubber.add_response("list_secrets", answer, by_tag)
        stubber.add_response("list_secrets", answer, {"MaxResults": 100})
        opted_in, every = SecretsManager(client).opted_in(), SecretsManager(client).every_secret()
        stubber.assert_no_pending_responses()
    assert isinstance(opted_in, tuple)
    assert isinstance(every, tuple)
    assert ([each.name for each in opted_in], [each.name for each in every]) == (["a"], ["a", "b"])
