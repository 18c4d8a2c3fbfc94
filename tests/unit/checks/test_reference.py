"""Is the reference well-formed, complete and alive, and does it belong to this image?"""

from typing import Any

import pytest

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import NotAsked
from pullguard.domain.secret import Secret
from tests.fakes import World, container, denied, role, secret, secret_arn, task_definition
from tests.unit.checks.answers import answers, failed, said

OWN = secret()
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"
STALE = str(secret_arn("registry/ghcr", "Xy12Zq"))
HYPHENATED = secret("app-docker", "AbCdEf")


def facts(*containers: dict[str, Any], secrets: tuple[Secret, ...] = (OWN,), **unreadable: Any) -> Facts:
    world = World((task_definition(*containers),), (role(reads=secrets),), secrets)
    world.unreadable.update(unreadable.pop("unreadable", {}))
    return world.facts()


def offline(reference: str) -> Facts:
    found = facts(container(reference))
    not_asked = NotAsked(why="offline", switch="--live")
    return Facts(task_definition=found.task_definition, now=found.now, secrets={reference: not_asked})


FULL, SHORT = str(OWN.arn), str(OWN.arn)[:-7]
ANSWERS: dict[str, tuple[str, Facts, str | None]] = {
    "an-arn": ("reference-malformed", facts(container(OWN)), "Passed"),
    "a-name": ("reference-malformed", facts(container("registry/ghcr")), "Passed"),
    "another-service": ("reference-malformed", facts(container("arn:aws:s3:::bucket")), "Failed"),
    "a-json-key-after-it": ("reference-malformed", facts(container(f"{FULL}:username::")), "Failed"),
    "none": ("reference-malformed", facts(container()), None),
    "malformed-on-an-ecr-image": ("reference-malformed", facts(container("arn:aws:s3:::b", image=ECR)), None),
    "full": ("reference-not-full-arn", facts(container(OWN)), "Passed"),
    "by-name": ("reference-not-full-arn", facts(container("registry/ghcr")), "Failed"),
    "without-a-suffix": ("reference-not-full-arn", facts(container(SHORT)), "Failed"),
    "taken-for-complete": (
        "reference-not-full-arn",
        facts(container(str(HYPHENATED.arn)[:-7]), secrets=(HYPHENATED,)),
        "Failed",
    ),
    "nothing-of-that-name": ("reference-not-full-arn", facts(container(STALE), secrets=()), "Inapplicable"),
    "offline-name": ("reference-not-full-arn", offline("registry/ghcr"), "Failed"),
    "offline-full": ("reference-not-full-arn", offline(FULL), None),
    "offline-that-ends-in-a-word": ("reference-not-full-arn", offline(str(HYPHENATED.arn)[:-7]), "Failed"),
    "alive": ("reference-stale", facts(container(OWN)), "Passed"),
    "created-again": ("reference-stale", facts(container(STALE)), "Failed"),
    "gone-for-good": ("reference-stale", facts(container(STALE), secrets=()), "Inapplicable"),
    "found": ("secret-not-found", facts(container(OWN)), "Passed"),
    "not-found": ("secret-not-found", facts(container(STALE), secrets=()), "Failed"),
    "not-found-by-name": ("secret-not-found", facts(container("registry/gone")), "Failed"),
    "found-under-another-arn": ("secret-not-found", facts(container(STALE)), "Inapplicable"),
    "not-described": ("secret-not-found", facts(container(OWN), unreadable={FULL: denied()}), "Unsure"),
    "not-asked": ("secret-not-found", offline(FULL), "Skipped"),
    "ecr-without-credentials": ("credentials-on-ecr-image", facts(container(image=ECR)), "Passed"),
    "ecr-with-credentials": ("credentials-on-ecr-image", facts(container(OWN, image=ECR)), "Failed"),
    "no-ecr-image": ("credentials-on-ecr-image", facts(container(OWN)), None),
    "the-registry-of-the-tag": ("registry-mismatch", facts(container(OWN)), "Passed"),
    "another-registry": ("registry-mismatch", facts(container(OWN, image="quay.io/acme/web:1")), "Failed"),
    "no-image": ("registry-mismatch", facts(container(OWN, image="not an image")), None),
}


@pytest.mark.parametrize(("check", "given", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_a_check_of_a_reference_answers(check: str, given: Facts, kind: str | None) -> None:
    assert said(check, given) == ([] if kind is None else [(kind, "app")])


@pytest.mark.parametrize("tag", [None, "http://ghcr.io"], ids=["no-tag", "unreadable-tag"])
def test_without_a_readable_tag_no_registry_is_the_wrong_one(tag: str | None) -> None:
    own = secret(registry=tag)
    assert said("registry-mismatch", facts(container(own), secrets=(own,))) == [("Inapplicable", "app")]


@pytest.mark.parametrize(
    ("reference", "severity"),
    [
        pytest.param("registry/ghcr", "warning", id="by-name-at-home"),
        pytest.param(SHORT, "warning", id="without-a-suffix-at-home"),
        pytest.param(str(HYPHENATED.arn)[:-7], "error", id="taken-for-complete"),
    ],
)
def test_a_partial_reference_that_works_is_a_warning(reference: str, severity: str) -> None:
    answer = failed("reference-not-full-arn", facts(container(reference), secrets=(OWN, HYPHENATED)))
    assert answer.severity == severity


def test_a_partial_reference_to_another_account_is_an_error() -> None:
    theirs = str(secret_arn(account="444455556666"))[:-7]
    assert failed("reference-not-full-arn", offline(theirs)).severity == "error"


def test_each_container_has_its_own_answer() -> None:
    given = facts(container(OWN), container("registry/gone", name="side"), container(name="open"))
    assert said("secret-not-found", given) == [("Passed", "app"), ("Failed", "side")]


def test_a_stale_reference_is_registered_again_with_the_new_arn() -> None:
    answer = failed("reference-stale", facts(container(STALE)))
    assert answer.remedy.action == "reregister"
    assert answer.evidence.endswith(f"DescribeSecret of registry/ghcr answers {OWN.arn}")
    assert FULL in (answer.remedy.snippet or "")


def test_credentials_of_an_ecr_image_are_removed() -> None:
    (answer,) = answers("credentials-on-ecr-image", facts(container(OWN, image=ECR)))
    assert answer == failed("credentials-on-ecr-image", facts(container(OWN, image=ECR)))
    assert failed("credentials-on-ecr-image", facts(container(OWN, image=ECR))).remedy.action == "reregister"


def test_a_secret_of_another_account_is_created_by_its_owner() -> None:
    theirs = str(secret_arn("gone", account="444455556666"))
    remedy = failed("secret-not-found", facts(container(theirs))).remedy
    assert remedy.snippet is None
    assert "the owner of account 444455556666 creates it" in remedy.text
