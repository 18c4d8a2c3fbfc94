"""How a secret that does not exist is created: name, tags and key, so that nothing else is wrong with it."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.manual_policies import Future
from pullguard.checks.new_secret import beside, create_command, future_of
from pullguard.domain.arn import SecretReference
from pullguard.domain.facts import Facts
from pullguard.domain.opt_in import REGISTRY_TAG, ROLES_TAG
from pullguard.domain.secret import Secret
from tests.fakes import World, container, key, revision_arn, role, secret, secret_arn, task_definition

GONE = str(secret_arn("registry/gone", "Xy12Zq"))


def facts(*containers: dict[str, Any], secrets: tuple[Secret, ...] = (), **definition: Any) -> Facts:
    return World((task_definition(*containers, **definition),), (role(),), secrets).facts()


def reference(given: Facts) -> SecretReference:
    found = given.task_definition.containers[0].reference
    assert isinstance(found, SecretReference)
    return found


NAMES: dict[str, tuple[str, str]] = {
    "by-name": ("registry/gone", "registry/gone"),
    "by-arn": (GONE, "registry/gone"),
    "by-an-arn-that-ends-in-a-word": (str(secret_arn("registry", "docker")), "registry-docker"),
    "by-an-arn-without-a-suffix": (GONE[:-7], "registry/gone"),
}


@pytest.mark.parametrize(("text", "name"), NAMES.values(), ids=NAMES)
def test_the_new_secret_has_the_likelier_name(text: str, name: str) -> None:
    given = facts(container(text))
    assert future_of(given, reference(given)).name == name


def test_it_is_opted_in_for_the_hosts_of_all_images_that_name_it() -> None:
    given = facts(
        container(GONE),
        container(GONE, name="side", image="quay.io/acme/side:1"),
        container("other", name="other", image="docker.io/acme/other"),
        container(GONE, name="ecr", image="111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"),
    )
    assert future_of(given, reference(given)).tags == {REGISTRY_TAG: "ghcr.io quay.io"}


def test_a_role_under_which_containers_run_is_named() -> None:
    shared = str(role().arn)
    given = facts(container(GONE), task_role=shared)
    assert future_of(given, reference(given)).tags == {REGISTRY_TAG: "ghcr.io", ROLES_TAG: "web-execution"}


def test_an_invalid_image_opts_nothing_in() -> None:
    given = facts(container(GONE, image="not an image"))
    assert future_of(given, reference(given)).tags == {}


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ({}, None),
        ({secret_arn("registry/gone", "QwErTy"): key().arn}, key().arn),
        ({secret_arn("registry/gone", "QwErTy"): None}, None),
        ({secret_arn("registry/else", "QwErTy"): key().arn}, None),
        ({secret_arn("registry/gone", "QwErTy", account="444455556666"): key().arn}, None),
    ],
    ids=["nothing-granted", "granted-with-a-key", "without-a-key", "another-name", "another-account"],
)
def test_its_key_is_the_one_that_it_was_granted_with(granted: dict[Any, Any], expected: object) -> None:
    given = facts(container(GONE)).with_granted_keys(granted)
    assert future_of(given, reference(given)).key == expected


FUTURE = Future(home=revision_arn(), name="registry/gone", tags={}, key=None)


def test_the_command_creates_it_from_a_file_and_prints_its_arn() -> None:
    assert create_command(FUTURE) == (
        "aws secretsmanager create-secret --region us-east-1 --name registry/gone "
        "--secret-string file://credentials.json --query ARN --output text"
    )
    whole = create_command(replace(FUTURE, tags={REGISTRY_TAG: "ghcr.io"}, key=key().arn))
    assert f"--kms-key-id {key().arn}" in whole
    assert f"--tags Key={REGISTRY_TAG},Value=ghcr.io" in whole


@pytest.mark.parametrize(
    ("name", "expected"),
    [("registry/new", "registry/new"), ("registry-abc123", "registry-abc123/pull"), ("registry-abc", "registry-abc")],
)
def test_a_name_does_not_end_as_a_suffix_does(name: str, expected: str) -> None:
    own = secret(key=key(), tags={ROLES_TAG: "web-execution", "team": "web"})
    future = beside(facts(container(own), secrets=(own,)), own, name)
    assert future == Future(
        home=own.arn,
        name=expected,
        tags={REGISTRY_TAG: "ghcr.io", ROLES_TAG: "web-execution"},
        key=key().arn,
    )


def test_in_the_place_of_another_accounts_secret_it_is_created_at_home() -> None:
    theirs = replace(secret(key=key()), arn=secret_arn(account="444455556666"))
    future = beside(facts(container(theirs)), theirs, "registry/new")
    assert (future.home, future.key) == (revision_arn(), None)
