"""Worlds in which the secret's kind, its tags or its credentials are wrong, and ones in which they only look odd."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from pullguard.domain.facts import Facts
from pullguard.domain.secret import CrossAccountPrimary, Rotation, ValueShape
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.parts import CREDENTIALS, OPTED_IN, healthy
from tests.worlds.catalogue.scene import Case, Scene

HEALTHY = Scene(world=healthy())
Severity = Literal["error", "warning"]


def _facts(
    check: str,
    way: str,
    broken: by_hand.Change,
    near_miss: by_hand.Change,
    *,
    severity: Severity = "warning",
    status: Literal["fail", "unknown"] = "fail",
    world: Scene = HEALTHY,
) -> Case:
    return Case(
        check=check,
        way=way,
        severity=severity,
        status=status,
        broken=replace(world, facts=broken),
        near_miss=replace(world, facts=near_miss),
    )


# --- tags --------------------------------------------------------------------------------------------------------


def _tagged(way: str, broken: str, near_miss: str) -> Case:
    def scene(tag: str) -> Scene:
        return Scene(world=healthy(secret={"tags": {"pullguard:registry": tag}}))

    return Case(
        check="registry-tag-unreadable", way=way, severity="warning", broken=scene(broken), near_miss=scene(near_miss)
    )


TAGS = (
    _tagged("a repository", "docker.io/acme", "https://index.docker.io/v1/"),
    _tagged("a path in an address", "https://index.docker.io/v1/acme", "HTTPS://Index.Docker.IO/"),
    _tagged("plain HTTP", "http://docker.io", "docker.io/"),
    _tagged("one of two items", "docker.io ghcr.io/acme", "https://ghcr.io/ DOCKER.IO"),
    _tagged("a product's name", "dockerhub", "hub.docker.com"),
    _tagged("a wildcard", "*", "registry-1.docker.io"),
    _tagged("a wildcard beside a host", "docker.io *", "docker.io ghcr.io"),
    _tagged("an empty tag", "", "index.docker.io"),
)


def _expiring(text: str | int, stored: int = 400) -> by_hand.Change:
    """Set the owner's tag to this text, or to that many days ahead; the value was stored so many days ago."""

    def change(facts: Facts) -> Facts:
        own = by_hand.the_secret(facts)
        day = text if isinstance(text, str) else f"{facts.now + timedelta(days=text):%Y-%m-%d}"
        assert isinstance(own.value, ValueShape)
        value = replace(own.value, created_at=facts.now - timedelta(days=stored))
        return by_hand.with_secret(facts, replace(own, tags={**own.tags, "pullguard:expires": day}, value=value))

    return change


EXPIRING = (
    _facts("credentials-expiring", "in two weeks", _expiring(14), _expiring(15)),
    _facts("credentials-expiring", "today", _expiring(0), _expiring(365)),
    _facts("credentials-expiring", "yesterday", _expiring(-1), _expiring(16), severity="error"),
    _facts("credentials-expiring", "a date that new credentials outlived", _expiring(-90, stored=1), _expiring(90)),
    _facts("credentials-expiring", "not a date", _expiring("31.12.2099"), _expiring("2099-12-31")),
    _facts("credentials-expiring", "an empty tag", _expiring(""), _expiring("2099-12-31T12:00:00Z")),
)

# --- kinds of secrets --------------------------------------------------------------------------------------------

_PRIMARY = "arn:aws:secretsmanager:us-east-1:444455556666:secret:registry/web-AbCdEf"


def _replica(status: str, changed: timedelta = timedelta(minutes=1)) -> by_hand.Change:
    def change(facts: Facts) -> Facts:
        primary = CrossAccountPrimary(arn=_PRIMARY, status=status)
        return by_hand.secret(cross_account_primary=primary, last_changed_at=facts.now - changed)(facts)

    return change


_DAY = timedelta(days=1)
KINDS = (
    _facts(
        "secret-type-unusable",
        "a token that a partner rotates",
        by_hand.secret(type="GitLabAccessToken"),
        by_hand.secret(owning_service="gitlab"),
        severity="error",
    ),
    _facts(
        "secret-type-unusable",
        "whose value would be wrong as well",
        by_hand.secret(type="SnowflakePat", value=ValueShape(form="json-object", lookalike="token-alone")),
        by_hand.secret(type=None),
        severity="error",
    ),
    _facts("secret-replica-failed", "of another account, failed", _replica("Failed"), _replica("InSync")),
    _facts("secret-replica-failed", "of another account, detached", _replica("Detached"), _replica("InSync", _DAY)),
    _facts(
        "secret-replica-failed",
        "of another account, pending for a day",
        _replica("Pending", _DAY),
        by_hand.together(_replica("Pending"), _replica("InSync")),
    ),
)

# --- credentials -------------------------------------------------------------------------------------------------

USERNAME, PASSWORD = CREDENTIALS["username"], CREDENTIALS["password"]


def _value(check: str, way: str, broken: Mapping[str, Any], near_miss: Mapping[str, Any]) -> Case:
    def scene(changes: Mapping[str, Any]) -> Scene:
        return Scene(world=healthy(secret={"value": {**CREDENTIALS, **changes}, "tags": OPTED_IN}))

    return Case(check=check, way=way, severity="warning", broken=scene(broken), near_miss=scene(near_miss))


SUSPICIOUS = (
    _value("secret-value-suspicious", "a line break after the password", {"password": f"{PASSWORD}\n"}, {}),
    _value("secret-value-suspicious", "a space before the username", {"username": f" {USERNAME}"}, {"email": " x "}),
    _value("secret-value-suspicious", "a blank password", {"password": " \t"}, {"password": f"{PASSWORD} {PASSWORD}"}),
    _value("secret-value-suspicious", "CHANGE_ME", {"password": "CHANGE_ME"}, {"password": f"{PASSWORD}$CHANGE_ME"}),
    _value(
        "secret-value-suspicious",
        "a variable",
        {"password": "${DOCKERHUB_TOKEN}"},
        {"password": f"${{{PASSWORD}"},
    ),
    _value(
        "secret-value-suspicious",
        "a dynamic reference",
        {"password": "{{resolve:secretsmanager:registry/web:SecretString:password}}"},
        {"password": f"{{{{{PASSWORD}"},
    ),
    _value("secret-value-suspicious", "a hint", {"username": "<username>"}, {"password": f"<{PASSWORD}"}),
    _value("secret-value-suspicious", "a mask", {"password": "xxxxxxxx"}, {"password": f"xxx{PASSWORD}"}),
)

_HOURLY = Rotation(enabled=True, schedule="rate(1 hour)", interval_days=1)
_GOOGLE = Scene(world=healthy(secret={"value": {**CREDENTIALS, "username": "oauth2accesstoken"}}))
SHORT_LIVED = (
    _value("credentials-short-lived", "of Amazon ECR", {"username": "AWS"}, {"username": "aws"}),
    _value("credentials-short-lived", "of Google", {"username": "oauth2accesstoken"}, {"username": "_json_key"}),
    _value(
        "credentials-short-lived",
        "of Azure",
        {"username": "00000000-0000-0000-0000-000000000000"},
        {"username": "10000000-0000-0000-0000-000000000000"},
    ),
    _value(
        "credentials-short-lived", "of a job", {"username": "gitlab-ci-token"}, {"username": "gitlab+deploy-token-1"}
    ),
    _facts(
        "credentials-short-lived",
        "rotated too seldom",
        by_hand.secret(rotation=replace(_HOURLY, schedule="rate(2 hours)")),
        by_hand.secret(rotation=_HOURLY),
        world=_GOOGLE,
    ),
    _facts(
        "credentials-short-lived",
        "rotated by the day",
        by_hand.secret(rotation=replace(_HOURLY, schedule=None)),
        by_hand.secret(rotation=_HOURLY),
        world=_GOOGLE,
    ),
    _facts(
        "credentials-short-lived",
        "rotated by a calendar that nothing was rotated by yet",
        by_hand.secret(rotation=replace(_HOURLY, schedule="cron(0 * * * ? *)", interval_days=None)),
        by_hand.secret(rotation=_HOURLY),
        status="unknown",
        world=_GOOGLE,
    ),
)

CASES = (*TAGS, *EXPIRING, *KINDS, *SUSPICIOUS, *SHORT_LIVED)
