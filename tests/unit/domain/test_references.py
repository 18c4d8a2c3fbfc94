from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.references import references_of, role_name, secret_name
from pullguard.domain.role import NamedPolicy
from pullguard.domain.secret import Secret
from tests.fakes import ACCOUNT, REGION, World, container, denied, key, role, secret, secret_arn, task_definition

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
ROLE = {f"arn:aws:iam::{ACCOUNT}:role/web-execution", f"role {ACCOUNT} web-execution"}


def references(*containers: dict[str, Any], **changes: Any) -> set[str]:
    """The references of a task definition without its role, in a world of these two secrets."""
    here = World(task_definitions=(task_definition(*containers),), roles=(role(),), secrets=(GHCR, KEYED), **changes)
    return set(references_of(here.facts())) - ROLE


def names(of: Secret) -> set[str]:
    return {str(of.arn), f"secret {REGION} {ACCOUNT} {of.name}", f"registry ghcr.io {of.arn}"}


GONE = secret_arn("registry/gone", "GoneGo")
CASES: dict[str, tuple[object, set[str]]] = {
    "by-arn": (GHCR, names(GHCR)),
    "by-name": ("registry/ghcr", names(GHCR)),
    "by-arn-without-its-suffix": (str(GHCR.arn)[:-7], names(GHCR)),
    "with-a-suffix-that-is-cut-off": (f"{GHCR.arn}:password::", names(GHCR)),
    "its-key-too": (KEYED, names(KEYED) | {str(key().arn)}),
    "a-secret-that-is-gone-by-both-names-that-it-may-have": (
        GONE,
        {
            str(GONE),
            f"secret {REGION} {ACCOUNT} registry/gone",
            f"secret {REGION} {ACCOUNT} registry/gone-GoneGo",
        },
    ),
    "a-name-of-nothing-yet": ("not-yet", {f"secret {REGION} {ACCOUNT} not-yet"}),
    "another-services-arn-can-never-become-a-secret": ("arn:aws:s3:::bucket", set()),
    "half-an-arn": ("arn:x", set()),
    "a-wildcard": ("registry/*", set()),
    "longer-than-any-key-of-the-table": ("x" * 3000, set()),
    "nothing-at-all": ("", set()),
    "none": (None, set()),
}


@pytest.mark.parametrize(("reference", "expected"), CASES.values(), ids=CASES)
def test_a_container_references(reference: object, expected: set[str]) -> None:
    assert references(container(reference)) == expected


def test_containers_are_taken_together() -> None:
    assert references(container(GHCR, name="a"), container(KEYED, name="b")) == (
        names(GHCR) | names(KEYED) | {str(key().arn)}
    )


def test_a_secret_that_cannot_be_read_is_known_by_what_the_reference_says() -> None:
    assert references(container(GHCR), unreadable={str(GHCR.arn): denied()}) >= names(GHCR) - {
        f"registry ghcr.io {GHCR.arn}"
    }


@pytest.mark.parametrize(
    ("named", "roles", "expected"),
    [
        ("web-execution", (role(),), ROLE),
        ("web-execution", (), {f"role {ACCOUNT} web-execution"}),
        ("path/to/web-execution", (), {f"role {ACCOUNT} web-execution"}),
        (None, (), set()),
    ],
    ids=["found", "gone", "gone-with-a-path", "none"],
)
def test_a_role_is_known_by_its_arn_and_by_the_name_in_iams_events(
    named: str | None, roles: Any, expected: set[str]
) -> None:
    here = World(task_definitions=(task_definition(role_name=named),), roles=roles)
    assert references_of(here.facts()) == expected


def test_names_keep_accounts_and_regions_apart() -> None:
    assert secret_name("us-east-1", ACCOUNT, "a") != secret_name("eu-west-1", ACCOUNT, "a")
    assert role_name(ACCOUNT, "a") != role_name("444455556666", "a")


@given(st.text() | st.text().map(lambda text: f"arn:{text}") | st.text().map(lambda text: f"{GHCR.arn}:{text}"))
def test_no_text_of_a_task_definition_breaks_the_ledgers_keys(text: str) -> None:
    # A partition key has 2048 bytes at most.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    assert all(len(f"REF#{thing}".encode()) <= 2048 for thing in references(container(text)))


def test_a_role_brings_the_accounts_own_managed_policies() -> None:
    """AWS changes its own policies without any event, and another account's can be neither attached nor a boundary."""

    def policy(account: str, name: str) -> NamedPolicy:
        return NamedPolicy(name=name, document={}, arn=f"arn:aws:iam::{account}:policy/{name}")

    its = role(
        attached_policies=(policy(ACCOUNT, "reads"), policy("aws", "service-role/AmazonECSTaskExecutionRolePolicy")),
        boundary=policy(ACCOUNT, "bounds"),
        inline_policies=(NamedPolicy(name="inline", document={}),),
    )
    here = World((task_definition(container(GHCR)),), (its,), (GHCR,))
    policies = {thing for thing in references_of(here.facts()) if ":policy/" in thing}
    assert policies == {f"arn:aws:iam::{ACCOUNT}:policy/reads", f"arn:aws:iam::{ACCOUNT}:policy/bounds"}


def test_policies_that_could_not_be_read_are_no_references() -> None:
    unread = denied("iam:GetPolicy", "*")
    its = role(attached_policies=unread, boundary=unread)
    here = World((task_definition(container(GHCR)),), (its,), (GHCR,))
    assert not {thing for thing in references_of(here.facts()) if ":policy/" in thing}
