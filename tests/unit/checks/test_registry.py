"""From a secret and an image to a verification, and from a verification to findings."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn

import pytest

from pullguard.checks.check import Check
from pullguard.checks.registry import CHECKS
from pullguard.domain.arn import Arn, parse_reference
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Skipped, Unsure
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.secret import Rotation, RotationEnd, Secret, ValueShape
from pullguard.domain.secret_value import Credentials, HiddenText, read_value
from pullguard.domain.task_definition import Container, TaskDefinition
from pullguard.domain.verification import RegistryAnswer, Verification
from pullguard.registry import verification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = Secret(
    arn=Arn.parse("arn:aws:secretsmanager:eu-west-1:111122223333:secret:hub-AbCdEf"),
    name="hub",
    tags={"pullguard:registry": "docker.io ghcr.io"},
)
IMAGE = parse_image("acme/app:1.0")
DENIED = Unreadable(permission="secretsmanager:GetSecretValue", resource=str(SECRET.arn), reason="denied")


def read(_: Arn, version: str | None) -> Credentials:
    return read_value({"SecretString": '{"username": "u", "password": "p"}', "VersionId": "v1"})


def never_read(_: Arn, version: str | None) -> NoReturn:
    raise AssertionError("the value was read")


def never_ask(*_: object, **__: object) -> NoReturn:
    raise AssertionError("the registry was asked")


# --- verification ------------------------------------------------------------------------------------------------


def test_the_credentials_of_the_secret_are_verified_within_the_hosts_of_its_tag() -> None:
    asked: list[object] = []

    def ask(
        image: ImageReference, username: HiddenText, password: HiddenText, *, allowed_hosts: frozenset[str]
    ) -> Verification:
        asked.append((image, username.reveal(), password.reveal(), allowed_hosts))
        return Verification(answer="ok")

    assert verification(SECRET, IMAGE, read, ask=ask) == Verification(answer="ok")
    assert asked == [(IMAGE, "u", "p", frozenset({"docker.io", "ghcr.io"}))]


@pytest.mark.parametrize(
    ("tags", "how_to"),
    [
        ({}, "docker.io"),
        ({"pullguard:registry": "ghcr.io"}, "docker.io"),
        ({"pullguard:registry": ""}, "correct the secret's tag pullguard:registry"),
        ({"pullguard:registry": "docker.io *"}, "correct the secret's tag pullguard:registry"),
    ],
)
def test_the_value_of_a_secret_that_is_not_for_the_registry_is_not_read(tags: dict[str, str], how_to: str) -> None:
    looked = verification(replace(SECRET, tags=tags), IMAGE, never_read, ask=never_ask)
    assert isinstance(looked, NotAsked)
    assert how_to in looked.switch


def test_a_secret_that_is_to_be_deleted_is_not_read() -> None:
    assert isinstance(verification(replace(SECRET, deleted_at=NOW), IMAGE, never_read, ask=never_ask), NotAsked)


@pytest.mark.parametrize("unread", [DENIED, Missing(resource=str(SECRET.arn))])
def test_an_unreadable_value_is_reported_as_such(unread: Missing | Unreadable) -> None:
    assert verification(SECRET, IMAGE, lambda *_: unread, ask=never_ask) == unread


@pytest.mark.parametrize("value", ["{}", "no", '{"username": "u", "password": ""}', '{"username": "u", "password": 1}'])
def test_a_value_without_credentials_is_not_sent(value: str) -> None:
    looked = verification(SECRET, IMAGE, lambda *_: read_value({"SecretString": value}), ask=never_ask)
    assert isinstance(looked, NotAsked)


# --- a rotation that has begun -----------------------------------------------------------------------------------

BEGUN = replace(
    SECRET,
    stages={"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)},
    rotation=Rotation(enabled=True, interval_days=30),
    last_changed_at=NOW - timedelta(minutes=1),
)
VALUES = {None: "old", "v2": "new"}


def read_version(_: Arn, version: str | None) -> Credentials:
    return read_value({"SecretString": json.dumps({"username": "u", "password": VALUES[version]})})


def takes(*passwords: str) -> Callable[..., Verification]:
    """A registry that takes these passwords."""

    def ask(_: ImageReference, __: HiddenText, password: HiddenText, **___: object) -> Verification:
        return Verification(answer="ok" if password.reveal() in passwords else "rejected")

    return ask


@pytest.mark.parametrize(
    ("secret", "taken", "expected"),
    [
        (BEGUN, ("old",), ("ok", None)),
        (BEGUN, ("new",), ("rejected", "ok")),
        (BEGUN, (), ("rejected", "rejected")),
        (SECRET, ("new",), ("rejected", None)),
        (replace(BEGUN, stages={"v1": ("AWSCURRENT", "AWSPENDING")}), ("new",), ("rejected", None)),
    ],
    ids=["before setSecret", "after setSecret", "both refused", "no rotation", "after finishSecret"],
)
def test_the_pending_credentials_are_asked_about_where_the_current_ones_are_refused(
    secret: Secret, taken: tuple[str, ...], expected: tuple[str, str | None]
) -> None:
    verified = verification(secret, IMAGE, read_version, ask=takes(*taken))
    assert isinstance(verified, Verification)
    assert (verified.answer, verified.pending) == expected


def test_a_pending_value_that_cannot_be_read_changes_nothing() -> None:
    def read_current(_: Arn, version: str | None) -> Lookup[Credentials]:
        return DENIED if version else read_version(_, None)

    verified = verification(BEGUN, IMAGE, read_current, ask=takes("new"))
    assert verified == Verification(answer="rejected")


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
    given = answers(replace(facts(found, secret=secret), rotation_ends=ends))
    assert "credentials-rejected" not in given


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
    (failed,) = (each for check in CHECKS[:1] for each in check.ask(about))
    assert isinstance(failed, Failed)
    assert "stopped halfway" in failed.cause
    assert failed.remedy.snippet is not None
    assert "--move-to-version-id v2 --remove-from-version-id v1" in failed.remedy.snippet


def test_refusal_of_both_versions_is_reported_as_any_refusal() -> None:
    found = Verification(answer="rejected", pending="rejected")
    (failed,) = CHECKS[0].ask(facts(found, secret=BEGUN))
    assert isinstance(failed, Failed)
    assert "halfway" not in failed.cause


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


def answers(about: Facts) -> dict[str, type[Answer]]:
    return {check.id: type(answer) for check in CHECKS for answer in check.ask(about)}


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
    found = answers(facts(Verification(answer=answer, detail="the evidence")))
    assert tuple(found.get(check.id) for check in CHECKS) == expected
    for check in CHECKS:
        for each in check.ask(facts(Verification(answer=answer, detail="the evidence"))):
            if isinstance(each, Failed | Unsure):
                assert each.evidence == "the evidence"
                assert "web" in each.cause
                assert each.remedy.text


def test_a_firewall_is_to_allow_an_address_and_no_credentials_are_blamed() -> None:
    about = facts(Verification(answer="unreachable", detail="the evidence", address_refused=True))
    (answer,) = [each for check in CHECKS for each in check.ask(about)]
    assert isinstance(answer, Unsure)
    assert answer.remedy.text.startswith("Allow Pullguard's address in the registry's firewall")


def test_the_checks_are_those_of_the_catalogue() -> None:
    assert [(check.id, check.severity, check.fix, check.group) for check in CHECKS] == [
        ("credentials-rejected", "error", "none", "registry"),
        ("image-not-found", "error", "none", "registry"),
        ("registry-rate-limited", "warning", "none", "registry"),
        ("registry-unreachable", "warning", "none", "registry"),
    ]


@pytest.mark.parametrize("found", [None, NotAsked(why="w", switch="s")], ids=["absent", "not-verified"])
def test_an_unverified_question_is_counted_once_with_how_to_switch_it_on(found: NotAsked | None) -> None:
    given = [answer for check in CHECKS for answer in check.ask(facts(found))]
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
    assert answers(about) == {}


def test_credentials_that_could_not_be_read_are_unknown_once() -> None:
    about = facts(DENIED, secret=replace(SECRET, value=ValueShape(form="json-object", username="ok", password="ok")))
    assert answers(about) == {"credentials-rejected": Unsure}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_check_shows_more_than_the_detail(check: Check) -> None:
    for each in check.ask(facts(Verification(answer="rejected", detail="d"))):
        assert "{" not in getattr(each, "cause", "")
