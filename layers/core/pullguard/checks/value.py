"""Will the credentials in the secret be accepted, and for how long? The registry's own answer takes precedence."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from pullguard.checks.check import (
    NEEDS_SECRET,
    NEEDS_VALUE,
    PRIVATE_REGISTRY,
    PUT_VALUE,
    Check,
    primary_of,
    put_value,
    subject_of,
)
from pullguard.checks.secret import live_secrets, shapes, unless_external
from pullguard.domain.aws_cli import in_order, on_secret
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Inapplicable, Passed, Remedy, Severity, Subject, Unsure
from pullguard.domain.opt_in import EXPIRES_TAG
from pullguard.domain.secret import Oddity, Rotation, Secret, ShortLived, ValueShape
from pullguard.domain.task_definition import Container
from pullguard.domain.verification import Verification

_ROTATION: Final = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html"
_TAGS: Final = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html"
_WARNED_BEFORE: Final = timedelta(days=14)
_RATE: Final = re.compile(r"rate\(\s*([0-9]{1,4})\s+(hour|day)s?\s*\)")


def _accepted(facts: Facts, container: Container) -> bool:
    """Whether the registry accepted the secret's credentials for the container's image just now."""
    found = facts.verifications.get(container.name)
    return isinstance(found, Verification) and found.answer == "ok"


def _usable(facts: Facts) -> Iterable[tuple[Container, Secret, ValueShape]]:
    for container, secret, shape in shapes(facts):
        if shape.form == "json-object" and (shape.username, shape.password) == ("ok", "ok"):
            yield container, secret, shape


# --- Not issued by a registry ------------------------------------------------------------------------------------

_ODDITIES: Final[Mapping[Oddity, str]] = {
    "blank": "is blank",
    "placeholder": "is a placeholder that nothing replaced",
    "white-space-around": "begins or ends with white space",
    "quotes-around": "is enclosed in quotation marks",
}


def _suspicious(facts: Facts) -> Iterable[Answer]:
    for container, secret, shape in _usable(facts):
        subject = subject_of(facts, container)
        fields = (("username", shape.username_oddity), ("password", shape.password_oddity))
        odd = [f"its {name} {_ODDITIES[oddity]}" for name, oddity in fields if oddity is not None]
        if not odd or _accepted(facts, container):
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"The secret {secret.name} of container {container.name} seems not to hold what the registry issued: "
                f"{' and '.join(odd)}."
            ),
            evidence=f"GetSecretValue of version {shape.version_id or '(unnamed)'}; the value is not shown",
            remedy=put_value(
                secret, "Store the username and the password exactly as the registry issued them, without a line break."
            ),
        )


# --- Expires by itself -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A password that expires by itself: ``what`` it is, its ``lifetime``, and what to use ``instead``."""

    what: str
    lifetime: timedelta
    instead: str


_TOKENS: Final[Mapping[ShortLived, _Token]] = {
    "ecr-token": _Token(
        what="an Amazon ECR token",
        lifetime=timedelta(hours=12),
        instead="credentials of the registry itself; an image in Amazon ECR is pulled without a secret",
    ),
    "google-token": _Token(
        what="a Google access token",
        lifetime=timedelta(hours=1),
        instead="a service account key, with the username _json_key",
    ),
    "acr-token": _Token(
        what="an Azure Container Registry token",
        lifetime=timedelta(hours=3),
        instead="a repository-scoped token, or a service principal and its password",
    ),
    "gitlab-job-token": _Token(
        what="a GitLab job token, which ends with its job",
        lifetime=timedelta(hours=1),
        instead="a deploy token with the scope read_registry",
    ),
}


def _short_lived(facts: Facts) -> Iterable[Answer]:
    for container, secret, shape in _usable(facts):
        subject = subject_of(facts, container)
        token = None if shape.short_lived is None else _TOKENS[shape.short_lived]
        if token is None or _outlived(facts, container, shape, token):
            yield Passed(subject=subject)
            continue
        interval = _interval(secret.rotation)
        if secret.rotation.enabled and interval is None:
            yield _unknown_interval(subject, container, secret, token)
        elif secret.rotation.enabled and interval is not None and interval <= token.lifetime:
            yield Passed(subject=subject)
        else:
            yield Failed(
                subject=subject,
                cause=(
                    f"The password in the secret {secret.name} of container {container.name} is {token.what}: it "
                    f"expires within {_hours(token.lifetime)}, and rotation does not replace it in time."
                ),
                evidence=f"its username goes with such tokens; {_rotates(secret.rotation, interval)}",
                remedy=put_value(
                    secret,
                    f"Store {token.instead}; or rotate the secret at least {_every(token.lifetime)}.",
                ),
            )


def _outlived(facts: Facts, container: Container, shape: ValueShape, token: _Token) -> bool:
    """Whether the registry accepts a password that is older than such a token can be, so that it is not one."""
    return (
        shape.created_at is not None and facts.now - shape.created_at > token.lifetime and _accepted(facts, container)
    )


def _interval(rotation: Rotation) -> timedelta | None:
    """Return the time between two rotations; None if unknown."""
    if rotation.schedule is not None:
        rate = _RATE.fullmatch(rotation.schedule.strip())
        if rate is not None:
            return int(rate[1]) * (timedelta(hours=1) if rate[2] == "hour" else timedelta(days=1))
        if rotation.last_rotated_at is not None and rotation.next_rotation_at is not None:
            return rotation.next_rotation_at - rotation.last_rotated_at
        return None
    return timedelta(days=rotation.interval_days) if rotation.interval_days else None


def _unknown_interval(subject: Subject, container: Container, secret: Secret, token: _Token) -> Unsure:
    return Unsure(
        subject=subject,
        cause=(
            f"Whether rotation replaces the password in the secret {secret.name} of container {container.name} in time "
            f"is unknown: it is {token.what}, which expires within {_hours(token.lifetime)}."
        ),
        evidence=f"RotationRules: {shown(secret.rotation.schedule or 'none')}; no rotation has been recorded yet",
        remedy=Remedy(text=f"Rotate it at least {_every(token.lifetime)}, or store {token.instead}."),
    )


def _rotates(rotation: Rotation, interval: timedelta | None) -> str:
    return "it does not rotate" if not rotation.enabled or interval is None else f"it rotates {_every(interval)}"


def _hours(span: timedelta) -> str:
    hours = round(span / timedelta(hours=1))
    return "an hour" if hours == 1 else f"{hours} hours"


def _every(span: timedelta) -> str:
    hours = _hours(span)
    return "every hour" if hours == "an hour" else f"every {hours}"


# --- Expiry dates given by the owner -----------------------------------------------------------------------------


def _expiring(facts: Facts) -> Iterable[Answer]:
    for container, secret in live_secrets(facts):
        subject = subject_of(facts, container)
        text = secret.tags.get(EXPIRES_TAG)
        if text is None or secret.type is not None:
            yield Inapplicable(subject=subject)
        elif (expires := _span_of(text)) is None:
            yield _unreadable_date(subject, container, secret, text)
        elif expires[0] - facts.now > _WARNED_BEFORE:
            yield Passed(subject=subject)
        else:
            yield _expires(facts, subject, container, secret, expires[1])


def _span_of(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and last instant of the day in the tag (UTC), twice the time if it gives one; else None.

    The credentials may expire at any time of the day: they have certainly expired at its end.
    """
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        return datetime.combine(day, time.min, UTC), datetime.combine(day, time.max, UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment, moment


def _unreadable_date(subject: Subject, container: Container, secret: Secret, text: str) -> Failed:
    return Failed(
        subject=subject,
        cause=(
            f"The tag {EXPIRES_TAG} of the secret {secret.name} of container {container.name} is not a date, so "
            "nothing warns before the credentials expire."
        ),
        evidence=f"tag {EXPIRES_TAG} is {shown(text)}",
        remedy=Remedy(
            text=(
                "Remove the tag by the command, since it warns of nothing. The secret's owner, who knows the date, "
                "tags it with the day on which the credentials expire, in the form 2027-03-31."
            ),
            snippet=_untag(secret),
        ),
    )


def _expires(facts: Facts, subject: Subject, container: Container, secret: Secret, expires: datetime) -> Failed:
    """Report that the credentials expire, have expired, or are certainly no longer those that the tag is about."""
    over = facts.now > expires
    newer = isinstance(secret.value, ValueShape) and (secret.value.created_at or expires) > expires
    severity: Severity = "warning"
    remedy = _renew(secret)
    if over and (newer or _accepted(facts, container)):
        remedy = _retag(secret)
        proof = "they were stored after that" if newer else "the registry still accepts them"
        cause = f"should have expired on {expires:%Y-%m-%d}, but {proof}: the tag is out of date"
    elif over:
        severity, cause = "error", f"expired on {expires:%Y-%m-%d}"
    else:
        cause = f"expire on {expires:%Y-%m-%d}"
    return Failed(
        subject=subject,
        severity=severity,
        cause=f"The credentials in the secret {secret.name} of container {container.name} {cause}.",
        evidence=f"tag {EXPIRES_TAG} is {shown(secret.tags[EXPIRES_TAG])}",
        remedy=remedy,
    )


def _renew(secret: Secret) -> Remedy:
    """The old date goes with the old credentials; only people know the new one."""
    stored = put_value(
        secret, "Store new credentials. The command also removes the old date: tag the secret with the new one."
    )
    return Remedy(text=stored.text, snippet=in_order(stored.snippet, _untag(secret)))


def _retag(secret: Secret) -> Remedy:
    """The credentials are already new; only the date is not."""
    return Remedy(
        text="Remove the old date by the command, and tag the secret with the day on which its new credentials expire.",
        snippet=_untag(secret),
    )


def _untag(secret: Secret) -> str:
    return on_secret(primary_of(secret), "untag-resource", ("--tag-keys", EXPIRES_TAG))


CHECKS = (
    Check(
        id="secret-value-suspicious",
        gate="value",
        severity="warning",
        fails_when=(
            "username or password is blank, begins or ends with white space, is enclosed in quotation marks, or "
            "is a placeholder that nothing "
            "replaced, and the registry has not accepted it"
        ),
        needs=NEEDS_VALUE,
        remedy=PUT_VALUE,
        source=PRIVATE_REGISTRY,
        ask=unless_external(_suspicious),
    ),
    Check(
        id="credentials-short-lived",
        gate="value",
        severity="warning",
        fails_when=(
            "the username goes with a password that expires by itself within hours (AWS, oauth2accesstoken, the zero "
            "GUID of Azure Container Registry, gitlab-ci-token), and rotation is slower than that"
        ),
        needs=NEEDS_VALUE,
        remedy=f"{PUT_VALUE}, with credentials that do not expire within hours; or rotate more often",
        source=_ROTATION,
        ask=unless_external(_short_lived),
    ),
    Check(
        id="credentials-expiring",
        gate="value",
        severity="warning",
        fails_when=(
            f"the owner's tag {EXPIRES_TAG} gives a date that is at most 14 days ahead (an error once it has passed), "
            "or is not a date"
        ),
        needs=NEEDS_SECRET,
        remedy=f"{PUT_VALUE}, and tag it with the new date; the tag alone where that is what is out of date",
        source=_TAGS,
        ask=_expiring,
    ),
)
