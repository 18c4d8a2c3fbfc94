from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.gather import gather
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Missing, Unreadable
from pullguard.domain.secret import Secret
from pullguard.domain.usage import Usage
from tests.fakes import NOW, World, container, denied, key, revision_arn, role, secret, secret_arn, task_definition

GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret(key=key())
GONE = secret_arn("registry/ghcr", "OldOld")
ENDS_SO, ITS_BEGINNING = secret("app-docker", "DocDoc", registry=None), secret("app", "AppApp", registry=None)
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"


def world(*containers: dict[str, Any], **changes: Any) -> World:
    whole = World((task_definition(*containers),), (role(),), (GHCR, HUB, ITS_BEGINNING, ENDS_SO))
    return replace(whole, **changes)


def facts(here: World, **options: Any) -> Facts:
    found = gather(str(revision_arn()), here, now=NOW, **options)
    assert isinstance(found, Facts)
    return found


def test_each_thing_is_asked_for_and_nothing_else() -> None:
    here = world(container(GHCR, name="a"), container(HUB, name="b"), container(GHCR, name="c"))
    found = facts(here)
    assert dict(found.secrets) == {str(GHCR.arn): GHCR, str(HUB.arn): HUB}
    # Readers remember their answers, so that what is asked twice costs once.
    assert Counter(kind for kind, _ in set(here.asked)) == {"task-definition": 1, "role": 1, "secret": 2}


def test_its_services_and_tasks_are_read_on_demand() -> None:
    assert not isinstance(facts(world(container(GHCR))).usage, Usage)
    assert isinstance(facts(world(container(GHCR)), usage=True).usage, Usage)


@pytest.mark.parametrize(
    ("here", "kind"),
    [(World(), Missing), (world(unreadable={"task-definition": denied()}), Unreadable)],
    ids=["gone", "denied"],
)
def test_a_missing_task_definition_is_reported_as_such(here: World, kind: type) -> None:
    assert isinstance(gather(str(revision_arn()), here, now=NOW), kind)


ROLES: dict[str, tuple[str | None, tuple[tuple[str, str], ...]]] = {
    "none": (None, ()),
    "by-name": ("web-execution", (("role", str(role().arn)),)),
    "malformed": ("a b", ()),
}


@pytest.mark.parametrize(("name", "asked"), ROLES.values(), ids=ROLES)
def test_the_role_is_asked_for_where_there_can_be_one(name: str | None, asked: tuple[Any, ...]) -> None:
    definition = replace(task_definition(container(GHCR)), execution_role=name)
    here = world(task_definitions=(definition,))
    found = facts(here)
    assert tuple(each for each in here.asked if each[0] == "role") == asked
    assert isinstance(found.role, Missing) is (name == "a b")


REFERENCES: dict[str, tuple[object, list[str]]] = {
    "an-arn": (GHCR, [str(GHCR.arn)]),
    "a-name": ("registry/ghcr", ["registry/ghcr"]),
    "a-suffix-is-cut-off": (f"{GHCR.arn}:password::", [str(GHCR.arn)]),
    "a-malformed-one-is-not-asked-for": ("registry/*", []),
    "another-services-arn-is-not-asked-for": ("arn:aws:s3:::x", []),
    "both-names-of-one-that-is-gone-are-asked-for": (GONE, [str(GONE), GONE.resource_name, "registry/ghcr"]),
    "a-partial-arn-of-nothing-has-no-other-name": (
        f"{str(GONE)[:-7]}/of/somewhere/else",
        [f"{str(GONE)[:-7]}/of/somewhere/else"],
    ),
    "the-whole-name-decides": (str(ENDS_SO.arn)[:-7], [str(ENDS_SO.arn)[:-7], "app-docker"]),
    "a-name-that-is-gone-has-no-other-name": ("nowhere", ["nowhere"]),
    "another-accounts-name-is-none-of-ours": (
        secret_arn("theirs", "Theirs", account="444455556666"),
        ["arn:aws:secretsmanager:us-east-1:444455556666:secret:theirs-Theirs"],
    ),
}


@pytest.mark.parametrize(("reference", "asked"), REFERENCES.values(), ids=REFERENCES)
def test_a_reference_is_asked_for(reference: object, asked: list[str]) -> None:
    here = world(container(reference))
    facts(here)
    assert [about for kind, about in here.asked if kind == "secret"] == asked


def test_a_secret_that_is_gone_may_have_a_replacement() -> None:
    found = facts(world(container(GONE)))
    assert isinstance(found.secrets[str(GONE)], Missing)
    assert isinstance(found.namesakes[str(GONE)], Missing)
    assert found.replacements == {str(GONE): GHCR}


def test_a_secret_that_cannot_be_read_has_none() -> None:
    found = facts(world(container(GHCR), unreadable={str(GHCR.arn): denied()}))
    assert isinstance(found.secrets[str(GHCR.arn)], Unreadable)
    assert (found.namesakes, found.replacements) == ({}, {})


def test_no_replacement_is_searched_for_if_a_secret_has_the_whole_name() -> None:
    found = facts(world(container(str(ENDS_SO.arn)[:-7])))
    assert (found.namesakes, found.replacements) == ({str(ENDS_SO.arn)[:-7]: ENDS_SO}, {})


# --- Containers without credentials ------------------------------------------------------------------------------

BARE: dict[str, tuple[dict[str, Any], tuple[Secret, ...]]] = {
    "the-secrets-of-its-registry": (container(), (GHCR,)),
    "of-another-registry": (container(image="quay.io/a/b"), ()),
    "docker-hub-by-its-short-name": (container(image="nginx"), (HUB,)),
    "an-ecr-image-needs-none": (container(image=ECR), ()),
    "one-with-credentials-needs-none": (container(HUB), ()),
    "an-image-that-is-none-needs-none": (container(image="ghcr.io/UPPER"), ()),
}


@pytest.mark.parametrize(("definition", "expected"), BARE.values(), ids=BARE)
def test_a_container_may_be_missing(definition: dict[str, Any], expected: tuple[Secret, ...]) -> None:
    assert facts(world(definition)).registry_secrets == expected


class Listing(World):
    """A world whose list of secrets says as little of them as AWS's does."""

    def registry_secrets(self, region: str) -> Any:
        return tuple(replace(each, key=None) for each in self.secrets)


def test_a_secret_that_may_be_missing_is_described_with_its_key() -> None:
    here = Listing((task_definition(container()),), (role(),), (KEYED,))
    assert facts(here).registry_secrets == (KEYED,)


def test_an_unreadable_list_is_reported_as_such() -> None:
    assert isinstance(facts(world(container(), unreadable={"registry-secrets": denied()})).registry_secrets, Unreadable)


def test_an_unreadable_member_of_the_list_is_reported_as_such() -> None:
    here = Listing((task_definition(container()),), (role(),), (GHCR, HUB), unreadable={str(GHCR.arn): denied()})
    assert isinstance(facts(here).registry_secrets, Unreadable)
    here.unreadable = {str(HUB.arn): denied()}  # of another registry
    assert facts(here).registry_secrets == (GHCR,)
