"""From a secret and an image to a verification: what is read, and what the registry is asked."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.secret import Rotation, Secret
from pullguard.domain.secret_value import Credentials, HiddenText, read_value
from pullguard.domain.verification import Verification
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
    verified = verification(replace(SECRET, tags=tags), IMAGE, never_read, ask=never_ask)
    assert isinstance(verified, NotAsked)
    assert how_to in verified.switch


def test_a_secret_that_is_to_be_deleted_is_not_read() -> None:
    assert isinstance(verification(replace(SECRET, deleted_at=NOW), IMAGE, never_read, ask=never_ask), NotAsked)


@pytest.mark.parametrize("unread", [DENIED, Missing(resource=str(SECRET.arn))])
def test_an_unreadable_value_is_reported_as_such(unread: Missing | Unreadable) -> None:
    assert verification(SECRET, IMAGE, lambda *_: unread, ask=never_ask) == unread


@pytest.mark.parametrize("value", ["{}", "no", '{"username": "u", "password": ""}', '{"username": "u", "password": 1}'])
def test_a_value_without_credentials_is_not_sent(value: str) -> None:
    verified = verification(SECRET, IMAGE, lambda *_: read_value({"SecretString": value}), ask=never_ask)
    assert isinstance(verified, NotAsked)


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
