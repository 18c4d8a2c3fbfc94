"""A secret is read with its key and policies, and with its value only with consent."""

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.domain.image import parse_image
from pullguard.domain.lookup import NotAsked
from pullguard.domain.opt_in import UNREADABLE_TAG
from pullguard.domain.secret import Key, Secret, ValueShape
from tests.fakes import REGION, secret
from tests.unit.aws.readers.scene import MOTO, PASSWORD, Session, build, secret_as_read

# Members that DescribeSecret returns for a replica, for another account's secret, or for one without read access.
MORE: dict[str, tuple[dict[str, Any], int, int]] = {
    "an-ordinary-secret": ({}, 0, 1),
    "a-cross-account-replica": ({"CrossAccountPrimary": {"ReplicationStatus": "InSync"}}, 1, 1),
    "a-managed-external-secret": ({"Type": "GitLabAccessToken"}, 0, 0),
}


@pytest.mark.parametrize(("more", "lists", "reads"), MORE.values(), ids=MORE)
def test_the_kind_of_a_secret_decides_which_reads_follow(
    session: Session, more: dict[str, Any], lists: int, reads: int
) -> None:
    build(session[0])

    def answered(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(more)

    def listed(**_: Any) -> Any:
        session[1].append("ListResourcePolicies")
        return AWSResponse("", 200, HTTPHeaders(), None), {"ResourcePolicies": [{"PolicyName": "default"}]}

    session[0].events.register("after-call.secretsmanager.DescribeSecret", answered)
    session[0].events.register_first("before-call.secretsmanager.ListResourcePolicies", listed)
    session[1].clear()
    found = secret_as_read(session, "opted-in")
    assert found.other_policies == ()
    assert (session[1].count("ListResourcePolicies"), session[1].count("GetSecretValue")) == (lists, reads)


LEFT_OUT = {
    "any": ("*", ""),
    "it-matches": ("gh*", ""),
    "another": ("registry/*", "registry/*"),
    "the-name": ("ghcr", "ghcr"),
}


@pytest.mark.parametrize(("pattern", "outside"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_the_value_of_a_secret_outside_the_deployments_pattern_is_not_read(
    session: Session, pattern: str, outside: str
) -> None:
    """IAM compares the pattern with the ARN, which ends in more than the name; so do we."""
    build(session[0])
    session[1].clear()
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="opted-in", secret_pattern=pattern)
    found, listed = readers.secret("ghcr", REGION), readers.registry_secrets(REGION)
    assert isinstance(found, Secret)
    assert isinstance(listed, tuple)
    assert {found.outside, *(each.outside for each in listed)} == {outside}
    assert session[1].count("GetSecretValue") == (0 if outside else 1)
    assert isinstance(found.value, NotAsked) is bool(outside)


def test_a_registry_is_never_asked_with_credentials_outside_the_deployments_pattern() -> None:
    clients: Any = None
    readers = AwsReaders(clients, account=MOTO, values="opted-in", verify=True, secret_pattern="registry/*")
    said = readers.verification(secret("x", registry="ghcr.io", outside="registry/*"), parse_image("ghcr.io/acme/x:1"))
    assert isinstance(said, NotAsked)
    assert "RegistrySecretPattern" in said.switch


VALUES = {
    "never": ("never", "ghcr.io", False),
    "opted-in": ("opted-in", "ghcr.io", True),
    "not-opted-in": ("opted-in", None, False),
    "opted-in-by-a-tag-that-does-not-parse": ("opted-in", "https://ghcr.io/acme", False),
    "opted-in-by-another-spelling": ("opted-in", "https://ghcr.io/", True),
    "by-the-callers-own-wish": ("all", None, True),
}


@pytest.mark.parametrize(("values", "registry", "read"), VALUES.values(), ids=VALUES)
def test_a_value_is_read_where_its_owner_or_the_caller_wants_it(
    session: Session, values: str, registry: str | None, read: bool
) -> None:
    build(session[0], registry=registry)
    found = secret_as_read(session, values)
    assert isinstance(found.value, ValueShape if read else NotAsked)
    assert ("GetSecretValue" in session[1]) is read
    if isinstance(found.value, NotAsked):
        assert (found.value == UNREADABLE_TAG) is (registry == "https://ghcr.io/acme")
    assert PASSWORD not in repr(found)


def test_the_key_of_a_secret_is_read_with_it(session: Session) -> None:
    build(session[0])
    found = secret_as_read(session, "never")
    assert isinstance(found.key, Key)
    assert (found.key.manager, found.key.state) == ("CUSTOMER", "Enabled")


def test_a_secret_under_awss_own_key_has_none_to_read(session: Session) -> None:
    build(session[0], keyed=False)
    assert secret_as_read(session, "never").key is None
    assert "DescribeKey" not in session[1]


def test_only_opted_in_secrets_are_listed(session: Session) -> None:
    build(session[0])
    session[0].client("secretsmanager").create_secret(Name="prod/db-password", SecretString="x")
    found = AwsReaders(Clients(session[0]), account=MOTO, values="never").registry_secrets(REGION)
    assert isinstance(found, tuple)
    assert [each.name for each in found] == ["ghcr"]
