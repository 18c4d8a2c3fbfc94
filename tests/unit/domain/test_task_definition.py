from typing import Any

import pytest

from pullguard.domain.arn import MalformedReference, SecretReference
from pullguard.domain.errors import Malformed
from pullguard.domain.image import ImageReference
from pullguard.domain.task_definition import read_task_definition, role_arn_of
from tests.fakes import revision_arn, secret_arn, task_definition

RAW: dict[str, Any] = {"taskDefinitionArn": str(revision_arn()), "family": "web", "revision": 7, "status": "ACTIVE"}


def read(**members: Any) -> Any:
    return read_task_definition({**RAW, **members}, {"team": "shop"})


def test_a_described_task_definition_is_read() -> None:
    definition = read(
        status="INACTIVE",
        executionRoleArn="arn:aws:iam::111122223333:role/web",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "app", "image": "ghcr.io/acme/web:1"}],
    )
    assert (definition.family, definition.revision, definition.status) == ("web", 7, "INACTIVE")
    assert definition.execution_role == "arn:aws:iam::111122223333:role/web"
    assert definition.requires_compatibilities == ("FARGATE",)
    assert definition.tags == {"team": "shop"}
    assert isinstance(definition.containers[0].image, ImageReference)
    assert definition.containers[0].reference is None


ABSENT: dict[str, dict[str, Any]] = {
    "no-containers": {},
    "null-containers": {"containerDefinitions": None},
    "no-role": {"executionRoleArn": ""},
}


@pytest.mark.parametrize("members", ABSENT.values(), ids=ABSENT)
def test_absent_members_are_empty(members: dict[str, Any]) -> None:
    definition = read(**members)
    assert definition.containers == ()
    assert definition.execution_role is None


REFERENCES: dict[str, tuple[dict[str, Any], type]] = {
    "an-arn": ({"repositoryCredentials": {"credentialsParameter": str(secret_arn())}}, SecretReference),
    "a-name": ({"repositoryCredentials": {"credentialsParameter": "ghcr"}}, SecretReference),
    "an-empty-text": ({"repositoryCredentials": {"credentialsParameter": ""}}, MalformedReference),
    "no-parameter": ({"repositoryCredentials": {}}, MalformedReference),
    "a-number": ({"repositoryCredentials": {"credentialsParameter": 7}}, MalformedReference),
    "a-text-for-the-object": ({"repositoryCredentials": "ghcr"}, SecretReference),
    "null": ({"repositoryCredentials": None}, type(None)),
    "a-file-systems-parameter-is-something-else": ({"credentialsParameter": str(secret_arn())}, type(None)),
}


@pytest.mark.parametrize(("members", "kind"), REFERENCES.values(), ids=REFERENCES)
def test_a_reference(members: dict[str, Any], kind: type) -> None:
    (container,) = read(containerDefinitions=[{"name": "app", "image": "ghcr.io/a/b", **members}]).containers
    assert type(container.reference) is kind


@pytest.mark.parametrize("image", [None, 7, "", "ghcr.io/UPPER", "a b"], ids=repr)
def test_an_invalid_image_is_kept_as_it_is(image: object) -> None:
    (container,) = read(containerDefinitions=[{"name": "app", "image": image}]).containers
    assert isinstance(container.image, Malformed)


def test_a_container_without_a_name_is_known_by_its_place() -> None:
    assert [each.name for each in read(containerDefinitions=[{"name": "a"}, {}]).containers] == ["a", "#1"]


@pytest.mark.parametrize(
    "arn",
    ["", "web:7", str(secret_arn()), str(revision_arn())[:-2], f"{revision_arn()}x", str(revision_arn())[:-1] + "٣"],
    ids=["nothing", "short", "a-secret", "no-revision", "no-number", "digits-of-another-script"],
)
def test_an_answer_without_a_revisions_arn_is_malformed(arn: str) -> None:
    with pytest.raises(Malformed):
        read(taskDefinitionArn=arn)


ROLES: dict[str, tuple[str | None, str | None]] = {
    "none": (None, None),
    "an-arn": ("arn:aws:iam::444455556666:role/svc/exec", "arn:aws:iam::444455556666:role/svc/exec"),
    "a-short-name-is-of-the-own-account": ("exec", "arn:aws:iam::111122223333:role/exec"),
}


@pytest.mark.parametrize(("text", "arn"), ROLES.values(), ids=ROLES)
def test_the_execution_role(text: str | None, arn: str | None) -> None:
    found = role_arn_of(read(executionRoleArn=text))
    assert (str(found) if found else None) == arn


@pytest.mark.parametrize("text", ["arn:aws:iam::111122223333:user/x", "a b", "*", "arn:aws:s3:::x"])
def test_a_text_that_names_no_role_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        role_arn_of(read(executionRoleArn=text))


def test_the_builders_of_these_tests_read_the_same_way() -> None:
    assert task_definition(role_name="web").execution_role == "arn:aws:iam::111122223333:role/web"
