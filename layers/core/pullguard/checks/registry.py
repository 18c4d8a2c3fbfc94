"""Does the registry itself accept the credentials for the image? Asked only if live verification is on."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pullguard.checks.check import (
    MOOT_VALUE,
    NEEDS_REGISTRY,
    PRIVATE_REGISTRY,
    PUT_VALUE,
    Check,
    image_of,
    image_text,
    put_value,
    secrets_in_use,
    shown_image,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.domain.aws_cli import on_secret
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Remedy, Subject, Unsure
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import VERIFICATION_SWITCHED_OFF, Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container
from pullguard.domain.verification import Verification
from pullguard.incidents.identity import Breaks

# The maximum duration of a rotation function.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_ROTATION_TAKES = timedelta(minutes=15)
_NO_NEW_REVISION: Final = "Tasks that start afterwards use them; no new revision is needed."
_PULL_ERRORS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html"


def _looked_up(facts: Facts) -> Iterable[tuple[Container, Secret, ImageReference, Lookup[Verification]]]:
    for container, secret in secrets_in_use(facts):
        image = image_of(container)
        if image is not None and secret.deleted_at is None and secret.type is None:
            yield container, secret, image, facts.verifications.get(container.name, VERIFICATION_SWITCHED_OFF)


def _verified(facts: Facts) -> Iterable[tuple[Container, Secret, ImageReference, Verification]]:
    for container, secret, image, lookup in _looked_up(facts):
        if isinstance(lookup, Verification):
            yield container, secret, image, lookup


def _rejected(facts: Facts) -> Iterable[Answer]:
    """The only check of its group that also reports what was not checked, and what could not be read."""
    for container, secret, image, lookup in _looked_up(facts):
        subject = subject_of(facts, container)
        match lookup:
            case NotAsked() as not_asked:
                yield skipped(subject, "Does the registry accept the secret's credentials for the image?", not_asked)
            case Unreadable() as unread if not isinstance(secret.value, Unreadable):
                yield unreadable(subject, f"The credentials in the secret {secret.name}", unread, value_of=secret)
            case Missing() | Unreadable():
                continue  # an earlier gate reports it
            case Verification(answer="rejected", pending="ok") if _rotation_is_under_way(facts, secret):
                continue  # its end is reported within minutes, and then the question is asked again
            case Verification(answer="rejected") as refusal:
                yield _refused(subject, container, secret, image, refusal)
            case Verification(answer="ok" | "anonymous-ok"):
                yield Passed(subject=subject)
            case Verification():
                continue  # the check of that name reports it; many registries return 404 for what they deny


def _refused(
    subject: Subject, container: Container, secret: Secret, image: ImageReference, refusal: Verification
) -> Failed:
    """Describe the refusal: of the credentials as such, for any image, or of their access to one repository."""
    detail = refusal.detail
    if refusal.pending == "ok":
        return Failed(
            subject=subject,
            cause=(
                f"The registry {image.host} refuses the current credentials in the secret {secret.name} of container "
                f"{container.name}, and takes the pending ones: a rotation stopped halfway."
            ),
            evidence=f"{detail} It takes those of version {secret.pending_version}, labelled AWSPENDING.",
            remedy=Remedy(
                text="Let the pending version become the current one. Tasks that start afterwards use it.",
                snippet=_make_current(secret),
            ),
        )
    if refusal.refuses == "repository":
        repository = f"{image.host}/{image.repository}"
        text = "Let these credentials read the repository at the registry, or store others that may."
        return Failed(
            subject=subject,
            scope=repository,
            cause=(
                f"The registry {image.host} does not let the credentials in the secret {secret.name} read the "
                f"repository {repository} of container {container.name}, or has none of that name."
            ),
            evidence=detail,
            remedy=put_value(secret, f"{text} {_NO_NEW_REVISION}"),
        )
    version = f" (version {secret.current_version})" if secret.current_version else ""
    return Failed(
        subject=subject,
        cause=(
            f"The registry {image.host} refuses the credentials in the secret {secret.name}{version} of container "
            f"{container.name}."
        ),
        evidence=detail,
        remedy=put_value(secret, f"Store credentials that the registry takes. {_NO_NEW_REVISION}"),
    )


def _rotation_is_under_way(facts: Facts, secret: Secret) -> bool:
    """Whether the registry already has the new credentials and the secret does not yet: seconds of each good rotation.

    A rotation sets the new password at the registry before its version becomes the current one.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
    """
    changed, end = secret.last_changed_at, facts.rotation_ends.get(secret.arn)
    if not secret.rotation.enabled or changed is None or facts.now - changed > _ROTATION_TAKES:
        return False
    return end is None or end.outcome == "succeeded" or end.at < changed.replace(microsecond=0)


def _make_current(secret: Secret) -> str:
    moved = (("--version-stage", "AWSCURRENT"), ("--move-to-version-id", secret.pending_version or ""))
    away = (("--remove-from-version-id", secret.current_version),) if secret.current_version else ()
    return on_secret(secret, "update-secret-version-stage", *moved, *away)


def _not_found(facts: Facts) -> Iterable[Answer]:
    """An image that no runtime can request needs no question to the registry."""
    for container in facts.task_definition.containers:
        if container.reference is not None and isinstance(container.image, Malformed):
            yield Failed(
                subject=subject_of(facts, container),
                cause=f"Container {container.name} runs an image that no registry can have: it {container.image.why}.",
                evidence=f"image is {shown_image(container)}",
                remedy=Remedy(text="Register a revision that names the image as the registry does."),
            )
    for container, _, image, verification in _verified(facts):
        subject = subject_of(facts, container)
        text = image_text(container)
        if verification.answer in {"ok", "anonymous-ok"}:
            yield Passed(subject=subject)
        elif verification.answer == "no-such-image":
            yield Failed(
                subject=subject,
                cause=f"The registry {image.host} has no image {text}, which container {container.name} runs.",
                evidence=verification.detail,
                remedy=Remedy(
                    text="Push the image, or register a revision that names a tag or digest that exists.",
                    snippet=None if image.digest or text != image.text else f"docker push {text}",
                ),
            )


def _rate_limited(facts: Facts) -> Iterable[Answer]:
    for container, secret, image, verification in _verified(facts):
        subject = subject_of(facts, container)
        if verification.answer == "rate-limited":
            yield Failed(
                subject=subject,
                cause=(
                    f"The registry {image.host} answers that there are too many requests with the credentials in the "
                    f"secret {secret.name}: container {container.name} may not get its image."
                ),
                evidence=verification.detail,
                remedy=Remedy(text="Wait, use an account with a higher limit, or pull through a cache (Amazon ECR)."),
            )
        elif verification.answer != "unreachable":
            yield Passed(subject=subject)


_CHECK_THE_NETWORK: Final = (
    "Check the registry, and the network path from Pullguard to it. The task's own network may reach what "
    "Pullguard's does not."
)
_ALLOW_ADDRESS: Final = (
    "Allow Pullguard's address in the registry's firewall, or verify the credentials from an address that it allows. "
    "Other credentials do not help. The tasks' own addresses may be allowed."
)


def _unreachable(facts: Facts) -> Iterable[Answer]:
    for container, _, image, verification in _verified(facts):
        subject = subject_of(facts, container)
        if verification.answer != "unreachable":
            yield Passed(subject=subject)
            continue
        yield Unsure(
            subject=subject,
            cause=(
                f"Could not determine whether the registry {image.host} accepts the credentials of container "
                f"{container.name}."
            ),
            evidence=verification.detail,
            remedy=Remedy(text=_ALLOW_ADDRESS if verification.address_refused else _CHECK_THE_NETWORK),
        )


CHECKS = (
    Check(
        id="credentials-rejected",
        gate="registry",
        breaks=Breaks.CREDENTIALS,
        severity="error",
        fails_when="the registry answers 401 or 403 to these credentials for this image, not by its firewall",
        needs=NEEDS_REGISTRY,
        remedy=f"{PUT_VALUE}, with credentials that the registry takes",
        source=PRIVATE_REGISTRY,
        ask=_rejected,
        moot_after=(
            *MOOT_VALUE,
            "secret-value-binary",
            "secret-value-malformed",
            "secret-value-empty-field",
            "registry-mismatch",
        ),
    ),
    Check(
        id="image-not-found",
        gate="registry",
        breaks=Breaks.IMAGE,
        place="registry",
        severity="error",
        fails_when=(
            "the registry accepts the credentials, but has no such repository, tag or digest; or the image name is "
            "one that no runtime can pull"
        ),
        needs=f"{NEEDS_REGISTRY}; for an invalid image name, the task definition alone",
        remedy="push the image, or register a revision that names one that exists",
        source=_PULL_ERRORS,
        ask=_not_found,
    ),
    Check(
        id="registry-rate-limited",
        gate="registry",
        severity="warning",
        fails_when="the registry answers 429 or toomanyrequests",
        needs=NEEDS_REGISTRY,
        remedy="wait, use an account with a higher limit, or pull through a cache",
        source="https://docs.docker.com/docker-hub/usage/",
        ask=_rate_limited,
    ),
    Check(
        id="registry-unreachable",
        gate="registry",
        severity="warning",
        fails_when="never: the result is unknown if the registry does not answer, or its firewall refuses Pullguard",
        needs=NEEDS_REGISTRY,
        remedy="check the registry, and the network path to it",
        source=_PULL_ERRORS,
        ask=_unreachable,
    ),
)
