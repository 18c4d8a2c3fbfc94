"""From a verification to findings: the checks that ask the registry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from pullguard.domain.arn import Arn, parse_reference
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Skipped, Unsure
from pullguard.domain.image import parse_image
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.secret import Rotation, RotationEnd, Secret, ValueShape
from pullguard.domain.task_definition import Container, TaskDefinition
from pullguard.domain.verification import RegistryAnswer, Verification
from tests.unit.checks.answers import answers, failed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = Secret(
    arn=Arn.parse("arn:aws:secretsmanager:eu-west-1:111122223333:secret:hub-AbCdEf"),
    name="hub",
    tags={"pullguard:registry": "docker.io ghcr.io"},
)
DENIED = Unreadable(permission="secretsmanager:GetSecretValue", resource=str(SECRET.arn), reason="denied")
CHECKS = ("credentials-rejected", "image-not-found", "registry-rate-limited", "registry-unreachable")
BEGUN = replace(
    SECRET,
    stages={"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)},
    rotation=Rotation(enabled=True, interval_days=30),
    last_changed_at=NOW - timedelta(minutes=1),
)
HALFWAY = Verification(answer="rejected", detail="d", pending="ok")


def ended(outcome: Literal["succeeded", "failed"], at: datetime) -> dict[Arn, RotationEnd]:
    return {SECRET.arn: RotationEnd(outcome=outcome, at=at)}


@pytest.mark.parametrize(
    ("secret", "ends", "found"),
    [
        (BEGUN, {}, HALFWAY),
        (BEGUN, ended("failed", NOW - timedelta(hours=1)), HALFWAY),
        (BEGUN, ended("succeeded", NOW), HALFWAY),
    ],
    ids=["just begun", "the one before failed", "just succeeded"],
)
def test_nothing_is_said_in_the_seconds_between_the_registry_and_the_secret(
    secret: Secret, ends: dict[Arn, RotationEnd], found: Verification
) -> None:
    assert answers("credentials-rejected", replace(facts(found, secret=secret), rotation_ends=ends)) == []


@pytest.mark.parametrize(
    ("secret", "ends"),
    [
        (replace(BEGUN, last_changed_at=NOW - timedelta(minutes=16)), {}),
        (BEGUN, ended("failed", NOW)),
        (replace(BEGUN, rotation=Rotation(enabled=False)), {}),
    ],
    ids=["a quarter of an hour ago", "it failed", "not by rotation"],
)
def test_a_rotation_that_stopped_halfway_is_reported_with_the_command_that_ends_it(
    secret: Secret, ends: dict[Arn, RotationEnd]
) -> None:
    about = replace(facts(HALFWAY, secret=secret), rotation_ends=ends)
    (found,) = answers("credentials-rejected", about)
    assert isinstance(found, Failed)
    assert "stopped halfway" in found.cause
    assert found.remedy.snippet is not None
    assert "--move-to-version-id v2 --remove-from-version-id v1" in found.remedy.snippet


def test_refusal_of_both_versions_is_reported_as_any_refusal() -> None:
    found = Verification(answer="rejected", pending="rejected")
    assert "halfway" not in failed("credentials-rejected", facts(found, secret=BEGUN)).cause


# --- checks ------------------------------------------------------------------------------------------------------


def facts(
    found: Lookup[Verification] | None = None,
    *,
    image: str = "acme/app:1.0",
    secret: Lookup[Secret] = SECRET,
    reference: bool = True,
) -> Facts:
    parsed = parse_reference(str(SECRET.arn), region="eu-west-1") if reference else None
    container = Container(index=0, name="web", image=parse_image(image), reference=parsed)
    arn = Arn.parse("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7")
    return Facts(
        task_definition=TaskDefinition(
            arn=arn, family="web", revision=7, status="ACTIVE", execution_role=None, containers=(container,)
        ),
        now=NOW,
        secrets={str(SECRET.arn): secret},
        verifications={} if found is None else {"web": found},
    )


def kinds(about: Facts) -> dict[str, type[Answer]]:
    """Return the kind of answer that each check gives about the one container; a check that gives none is left out."""
    return {check: type(answer) for check in CHECKS for answer in answers(check, about)}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("ok", (Passed, Passed, Passed, Passed)),
        ("anonymous-ok", (Passed, Passed, Passed, Passed)),
        ("rejected", (Failed, None, Passed, Passed)),
        ("no-such-image", (None, Failed, Passed, Passed)),
        ("rate-limited", (None, None, Failed, Passed)),
        ("unreachable", (None, None, None, Unsure)),
    ],
)
def test_each_answer_of_a_registry_is_said_by_the_check_of_that_name(
    answer: RegistryAnswer, expected: tuple[type[Answer] | None, ...]
) -> None:
    about = facts(Verification(answer=answer, detail="the evidence"))
    found = kinds(about)
    assert tuple(found.get(check) for check in CHECKS) == expected
    for check in CHECKS:
        for each in answers(check, about):
            if isinstance(each, Failed | Unsure):
                assert each.evidence == "the evidence"
                assert "web" in each.cause
                assert each.remedy.text


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "no-answer"])
def test_a_firewall_is_to_allow_a_refused_address_and_no_credentials_are_blamed(is_refused: bool) -> None:
    about = facts(Verification(answer="unreachable", detail="the evidence", address_refused=is_refused))
    (answer,) = [each for check in CHECKS for each in answers(check, about)]
    assert isinstance(answer, Unsure)
    assert answer.remedy.text.startswith("Allow Pullguard's address in the registry's firewall") == is_refused


@pytest.mark.parametrize("found", [None, NotAsked(why="w", switch="s")], ids=["absent", "not-verified"])
def test_an_unverified_question_is_counted_once_with_how_to_switch_it_on(found: NotAsked | None) -> None:
    given = [answer for check in CHECKS for answer in answers(check, facts(found))]
    (skipped,) = given
    assert isinstance(skipped, Skipped)
    assert skipped.switch == "s" if found else "--live-registry" in skipped.switch


@pytest.mark.parametrize(
    "about",
    [
        facts(image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/app"),
        facts(reference=False),
        facts(secret=Missing(resource="x")),
        facts(secret=DENIED),
        facts(secret=replace(SECRET, deleted_at=NOW)),
        facts(Missing(resource="x")),
        facts(DENIED, secret=replace(SECRET, value=DENIED)),
    ],
    ids=["ecr", "no-credentials", "secret-gone", "secret-denied", "secret-deleted", "value-gone", "value-denied"],
)
def test_a_question_that_an_earlier_gate_answers_is_not_repeated(about: Facts) -> None:
    assert kinds(about) == {}


def test_credentials_that_could_not_be_read_are_unknown_once() -> None:
    about = facts(DENIED, secret=replace(SECRET, value=ValueShape(form="json-object", username="ok", password="ok")))
    assert kinds(about) == {"credentials-rejected": Unsure}


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_shows_more_than_the_detail(check: str) -> None:
    for each in answers(check, facts(Verification(answer="rejected", detail="d"))):
        assert "{" not in getattr(each, "cause", "")
