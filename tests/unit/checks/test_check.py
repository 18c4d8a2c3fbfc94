"""The vocabulary of checks: what an answer is about, and what may be shown of an image or a reference."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.check import (
    GATES,
    Check,
    gives_credentials,
    image_of,
    image_text,
    is_ecr,
    primary_of,
    put_value,
    reference_snippet,
    referring,
    secrets_in_use,
    shown_reference,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.domain.findings import Skipped, Subject
from pullguard.domain.lookup import NotAsked
from pullguard.domain.secret import CrossAccountPrimary, Secret
from pullguard.incidents.identity import Breaks
from tests.fakes import World, container, denied, key, role, secret, secret_arn, task_definition

OWN = secret(key=key())
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"
THEIRS = str(secret_arn(account="444455556666"))


def world(*containers: dict[str, Any], role_name: str | None = "web-execution") -> World:
    return World((task_definition(*containers, role_name=role_name),), (role(reads=[OWN]),), (OWN,))


def test_an_answer_is_about_everything_that_the_pull_touches() -> None:
    facts = world(container(OWN)).facts()
    (only,) = facts.task_definition.containers
    assert isinstance(facts.role, type(role()))
    whole = Subject(task_definition=str(facts.task_definition.arn), role=str(facts.role.arn))
    assert subject_of(facts) == whole
    assert subject_of(facts, only) == replace(
        whole, container="app", image="ghcr.io/acme/web:1", secret=str(OWN.arn), key=str(key().arn)
    )


def test_a_missing_secret_is_named_as_in_the_task_definition() -> None:
    facts = replace(world(container("registry/gone")).facts(), role=denied())
    subject = subject_of(facts, facts.task_definition.containers[0])
    assert (subject.secret, subject.role, subject.key) == (
        "registry/gone",
        facts.task_definition.execution_role,
        None,
    )


IMAGES: dict[str, tuple[str, str, bool, bool]] = {
    # the image as it is written, as it is shown, whether it is one, whether it is Amazon ECR's
    "plain": ("ghcr.io/acme/web:1", "ghcr.io/acme/web:1", True, False),
    "amazon-ecr": (ECR, ECR, True, True),
    "a-password": ("ci:hunter2@registry.example.com/web", "…@registry.example.com/web", False, False),
    "a-digest-is-none": (f"ghcr.io/acme/web@sha256:{'a' * 64}", f"ghcr.io/acme/web@sha256:{'a' * 64}", True, False),
}


@pytest.mark.parametrize(("text", "shown", "is_image", "of_ecr"), IMAGES.values(), ids=IMAGES)
def test_an_image_is_shown_without_a_password(text: str, shown: str, is_image: bool, of_ecr: bool) -> None:
    (only,) = task_definition(container(image=text)).containers
    assert (image_text(only), image_of(only) is not None, is_ecr(only)) == (shown, is_image, of_ecr)


@pytest.mark.parametrize(
    ("reference", "shown"),
    [(None, None), ("registry/ghcr", "registry/ghcr"), (str(OWN.arn), str(OWN.arn))],
    ids=["none", "name", "arn"],
)
def test_a_reference_is_shown_as_it_is(reference: str | None, shown: str | None) -> None:
    assert shown_reference(task_definition(container(reference)).containers[0]) == shown


def test_a_malformed_reference_that_resembles_a_token_is_not_shown() -> None:
    token = "ghp_" + "a1B2" * 9
    assert token not in (shown_reference(task_definition(container(token)).containers[0]) or "")


GIVES: dict[str, tuple[list[dict[str, Any]], list[str], bool]] = {
    "no-container": ([], [], False),
    "no-reference": ([container()], [], False),
    "a-reference": ([container(OWN)], ["app"], True),
    "on-an-ecr-image": ([container(OWN, image=ECR)], [], False),
    "malformed": ([container("arn:aws:s3:::bucket")], [], True),
    "one-of-two": ([container(name="side"), container(OWN)], ["app"], True),
}


@pytest.mark.parametrize(("containers", "names", "gives"), GIVES.values(), ids=GIVES)
def test_which_containers_refer_to_a_secret(containers: list[dict[str, Any]], names: list[str], gives: bool) -> None:
    facts = world(*containers).facts()
    assert [each.name for each, _ in referring(facts)] == names
    assert [each.name for each, _ in secrets_in_use(facts)] == names
    assert gives_credentials(facts) is gives


def replica(**changes: Any) -> Secret:
    return replace(secret(), **changes)


PRIMARIES: dict[str, tuple[Secret, str, str]] = {
    "no-replica": (secret(), str(secret_arn()), ""),
    "of-another-region": (
        replica(primary_region="eu-west-1"),
        str(secret_arn()).replace("us-east-1", "eu-west-1"),
        " The secret is a replica: its value is stored in the primary, in eu-west-1.",
    ),
    "of-another-account": (
        replica(cross_account_primary=CrossAccountPrimary(arn=THEIRS, status="InSync")),
        THEIRS,
        " The secret is a replica: its value is stored in the primary, in account 444455556666.",
    ),
    "of-what-is-no-arn": (
        replica(cross_account_primary=CrossAccountPrimary(arn="?", status="InSync")),
        str(secret_arn()),
        "",
    ),
}


@pytest.mark.parametrize(("own", "primary", "where"), PRIMARIES.values(), ids=PRIMARIES)
def test_a_value_is_stored_in_the_primary(own: Secret, primary: str, where: str) -> None:
    assert str(primary_of(own).arn) == primary
    remedy = put_value(own, "Store it.")
    assert remedy.text.startswith(f"Store it.{where} credentials.json holds")
    assert primary in (remedy.snippet or "")


def test_an_unread_or_unasked_fact_keeps_its_reason() -> None:
    subject = Subject(task_definition="web:7")
    unread = denied("secretsmanager:DescribeSecret")
    unsure = unreadable(subject, "The secret", unread)
    assert (unsure.cause, unsure.evidence, unsure.unread) == ("The secret could not be read.", str(unread), (unread,))
    assert skipped(subject, "Is it?", NotAsked(why="off", switch="--on")) == Skipped(
        subject=subject, question="Is it?", why="off", switch="--on"
    )


def test_the_member_to_paste_names_the_full_arn() -> None:
    assert reference_snippet(OWN) == f'"repositoryCredentials": {{"credentialsParameter": "{OWN.arn}"}}'


def test_a_check_is_drawn_and_grouped_by_its_gate_unless_it_says_otherwise() -> None:
    plain = Check(
        id="x", gate="secret", severity="error", fails_when="", needs="", remedy="", source="", ask=lambda _: ()
    )
    assert (plain.group, plain.drawn_at, plain.broken) == ("secret", "secret", Breaks.SECRET)
    moved = replace(plain, place="sign-in", breaks=Breaks.ROLE)
    assert (moved.group, moved.drawn_at, moved.broken) == ("secret", "sign-in", Breaks.ROLE)
    assert list(GATES)[:3] == ["credentials", "reference", "secret"]
