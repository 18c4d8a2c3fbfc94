"""Does a container need credentials that it does not give?

That a secret is kept for a registry does not say that the registry keeps everything behind it: on Docker Hub most
images are anybody's. So it is an error only where the registry itself refuses to serve the image to anybody, or where
something else proves it; see docs/adr/0017.
"""

import re
from collections.abc import Iterable

from pullguard.checks.check import (
    NEEDS_REGISTRY,
    PRIVATE_REGISTRY,
    Check,
    image_of,
    secrets_in_use,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.failed_starts import diagnosed, quoted, recent_starts
from pullguard.checks.role_steps import naming
from pullguard.eligibility import REGISTRY_TAG, secrets_for
from pullguard.findings import Answer, Failed, Passed, Remedy, Subject, Unsure
from pullguard.gather import lacks_credentials
from pullguard.image import ImageReference, serves_the_public
from pullguard.model import (
    VERIFICATION_SWITCHED_OFF,
    Container,
    Facts,
    Missing,
    NotLooked,
    Secret,
    Unreadable,
    Verification,
)

_REFUSALS = frozenset({"no-credentials-used", "pull-denied"})
_OFFICIAL = "library/"  # the images that Docker itself publishes, for everybody


def _missing(facts: Facts) -> Iterable[Answer]:
    for container in filter(lacks_credentials, facts.task_definition.containers):
        subject, image = subject_of(facts, container), image_of(container)
        if image is None:
            continue
        if isinstance(facts.registry_secrets, Unreadable):
            yield unreadable(subject, f"Whether a secret is meant for {image.host}", facts.registry_secrets)
        elif isinstance(facts.registry_secrets, NotLooked):
            yield skipped(subject, f"Does a pull from {image.host} need credentials?", facts.registry_secrets)
        elif not (candidates := candidates_for(facts, container)):
            yield Passed(subject=subject)
        else:
            yield _judged(facts, container, image, candidates)


def candidates_for(facts: Facts, container: Container) -> tuple[Secret, ...]:
    """Return the live opted-in secrets for the registry that the container pulls from, sorted by ARN."""
    image = image_of(container)
    if image is None or not isinstance(facts.registry_secrets, tuple):
        return ()
    return secrets_for(image, facts.registry_secrets)


def _judged(facts: Facts, container: Container, image: ImageReference, candidates: tuple[Secret, ...]) -> Answer:
    subject = subject_of(facts, container)
    match facts.verifications.get(container.name, VERIFICATION_SWITCHED_OFF):
        case Verification(answer="ok" | "anonymous-ok"):
            return Passed(subject=subject)
        case Verification(answer="rejected", detail=detail):
            return _failed(facts, container, image, candidates, detail)
        case Verification(detail=detail):
            return _not_told(subject, container, image, detail)
        case Unreadable() as unread:
            return unreadable(subject, f"Whether {image.host} serves the image to anybody", unread)
        case NotLooked() | Missing() as not_asked:
            proof = _proof(facts, image)
            if proof is not None:
                return _failed(facts, container, image, candidates, proof)
            off = not_asked if isinstance(not_asked, NotLooked) else VERIFICATION_SWITCHED_OFF
            question = f"Does the pull need the credentials that are kept for {image.host}?"
            return skipped(subject, question, off)


def _proof(facts: Facts, image: ImageReference) -> str | None:
    """Return what tells without asking the registry that the image is not served to anybody; None if nothing does."""
    for start in recent_starts(facts):
        if diagnosed(start, facts).explanation.kind in _REFUSALS and any(
            _names(reason.text, image) for reason in start.reasons
        ):
            return f"A task failed to start: {quoted(start)}."
    for other, secret in secrets_in_use(facts):
        its = image_of(other)
        if its is not None and (its.host, its.repository) == (image.host, image.repository) and not _official(image):
            return f"Container {other.name} pulls the same repository with the secret {secret.name}."
    if not serves_the_public(image.host):
        return f"{image.host} is not one of the registries at which anybody keeps public images."
    return None


def _names(reason: str, image: ImageReference) -> bool:
    """Whether a reason names the image's repository, as a whole word."""
    repository = image.repository.removeprefix(_OFFICIAL)
    return re.search(rf"(?<![\w.-]){re.escape(repository)}(?![\w/-]|\.\w)", reason) is not None


def _official(image: ImageReference) -> bool:
    return image.repository.startswith(_OFFICIAL)


def _failed(
    facts: Facts, container: Container, image: ImageReference, candidates: tuple[Secret, ...], proof: str
) -> Failed:
    names = ", ".join(str(secret.arn) for secret in candidates)
    host = image.host
    return Failed(
        subject=subject_of(facts, container),
        cause=f"Container {container.name} pulls from {host} without credentials, though a secret is kept for it.",
        evidence=f"{proof} Tagged {REGISTRY_TAG} for {host}: {names}",
        remedy=naming(facts, container, candidates[0], "register a revision that names the secret.")
        if len(candidates) == 1
        else Remedy(text="Choose one of the secrets, and name it."),
    )


def _not_told(subject: Subject, container: Container, image: ImageReference, detail: str) -> Unsure:
    return Unsure(
        subject=subject,
        cause=f"Whether {image.host} serves the image of container {container.name} without credentials is not told.",
        evidence=detail,
        remedy=Remedy(text="If the image is private, name the secret; if it is public, look at the registry's answer."),
    )


CHECK = Check(
    id="credentials-missing",
    gate="credentials",
    severity="error",
    fails_when=(
        "a secret is opted in for the image's registry, the container gives no repositoryCredentials, and the "
        "registry does not serve the image to anybody: it was asked, or a task that could not start or a container "
        "with credentials for the same repository tells, or it is no registry of public images"
    ),
    fix="reregister",
    needs=f"secretsmanager:ListSecrets; {NEEDS_REGISTRY} for registries at which anybody keeps public images",
    remedy="register a revision that names the secret that is kept for the registry",
    source=PRIVATE_REGISTRY,
    ask=_missing,
)
