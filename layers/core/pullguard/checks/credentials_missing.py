"""Does a container need credentials that it does not give?

Anyone may tag a secret for any registry, and an instance may log in by itself: a secret that is kept for a registry
proves nothing about an image. So it is an error in two cases only. The registry refused this image to anonymous callers
and served it to an opted-in secret's credentials, and no task of the revision has pulled it. Or a task could not start
because it was refused this image. Pullguard acts on the first case only; see docs/adr/0017.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from pullguard.checks.check import (
    NEEDS_REGISTRY,
    NEEDS_RUNNING,
    PRIVATE_REGISTRY,
    Check,
    image_of,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.failed_starts import diagnosed_each, quoted, recent_starts
from pullguard.checks.gather import is_refusal
from pullguard.checks.role_steps import naming
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Remedy
from pullguard.domain.image import ImageReference, parse_images
from pullguard.domain.lookup import VERIFICATION_SWITCHED_OFF, NotAsked, Unreadable
from pullguard.domain.opt_in import ATTACH_TAG, REGISTRY_TAG, ROLES_TAG, secrets_for, wants_attachment
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container, lacks_credentials
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import Accepted, Verification

ACCEPTED_FOR: Final = timedelta(minutes=15)
"""The time for which a registry's answers are believed; a command that finds older ones requests another validation."""
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_REFUSALS = frozenset({"no-credentials-used", "pull-denied"})


def _missing(facts: Facts) -> Iterable[Answer]:
    for container in filter(lacks_credentials, facts.task_definition.containers):
        subject, image = subject_of(facts, container), image_of(container)
        if image is None:
            continue
        if isinstance(facts.registry_secrets, Unreadable):
            yield unreadable(subject, f"Whether a secret is meant for {image.host}", facts.registry_secrets)
        elif isinstance(facts.registry_secrets, NotAsked):
            yield skipped(subject, f"Does a pull from {image.host} need credentials?", facts.registry_secrets)
        elif not (candidates := candidates_for(facts, container)):
            yield Passed(subject=subject)
        else:
            yield from _judged(facts, container, image, candidates)


def candidates_for(facts: Facts, container: Container) -> tuple[Secret, ...]:
    """Return the live opted-in secrets for the registry that the container pulls from, sorted by ARN."""
    image = image_of(container)
    if image is None or not isinstance(facts.registry_secrets, tuple):
        return ()
    return secrets_for(image, facts.registry_secrets)


def _judged(
    facts: Facts, container: Container, image: ImageReference, candidates: tuple[Secret, ...]
) -> Iterable[Answer]:
    subject = subject_of(facts, container)
    said = facts.verifications.get(container.name, VERIFICATION_SWITCHED_OFF)
    if isinstance(said, Verification) and said.answer in {"ok", "anonymous-ok"}:
        yield Passed(subject=subject)
    elif (proof := proof_of(facts, container)) is not None:
        yield _proved(facts, container, image, candidates, proof)
    elif (start := _refused_start(facts, container, image)) is not None:
        yield _refused(facts, container, image, candidates, start)
    elif isinstance(said, Unreadable):
        yield unreadable(subject, f"Whether {image.host} serves the image without credentials", said)
    elif isinstance(facts.usage, Unreadable) and container.name in facts.accepted:
        yield unreadable(
            subject, f"Whether a task of {facts.task_definition.arn.resource_name} has pulled", facts.usage
        )
    else:
        question = f"Does the pull need the credentials that are kept for {image.host}?"
        yield skipped(subject, question, _not_proved(facts, container))
        if isinstance(facts.usage, Usage) and (started := facts.usage.last_started_at) is not None:
            yield Passed(subject=subject, proved_at=started)  # it ends findings that are older than that start


def proof_of(facts: Facts, container: Container) -> Accepted | None:
    """Return the proof that ``container`` needs a secret's credentials; None if there is no proof.

    A short time ago the registry refused this image to anonymous callers, and served it to credentials that are still
    the current ones of a live, opted-in secret. If these facts include a newer answer, it is still a refusal. No task
    of the revision has pulled the image.
    """
    accepted, usage = facts.accepted.get(container.name), facts.usage
    said = facts.verifications.get(container.name, VERIFICATION_SWITCHED_OFF)
    if accepted is None or not (is_refusal(said) or isinstance(said, NotAsked)):
        return None
    if not isinstance(usage, Usage) or isinstance(usage.tasks, NotAsked) or usage.has_pulled or facts.had_pulled:
        return None
    if not -_CLOCKS_DIFFER <= facts.now - accepted.at <= ACCEPTED_FOR or accepted.image != container.image.text:
        return None
    current = {secret.arn: secret.current_version for secret in candidates_for(facts, container)}
    return accepted if current.get(accepted.secret) == accepted.version else None


def to_attach(facts: Facts, container: Container) -> Secret | None:
    """Return the secret that a proven ``container`` must mean: the only one that is kept for the host."""
    candidates = candidates_for(facts, container)
    return candidates[0] if len(candidates) == 1 and proof_of(facts, container) is not None else None


def _not_proved(facts: Facts, container: Container) -> NotAsked:
    """Return why it is unknown whether the pull needs credentials."""
    said = facts.verifications.get(container.name)
    if not isinstance(said, Verification):
        return said if isinstance(said, NotAsked) else VERIFICATION_SWITCHED_OFF
    if not is_refusal(said):
        return NotAsked(why=f"the registry's answer proves nothing ({said.detail.rstrip('.')})", switch=_ASK_AGAIN)
    if isinstance(facts.usage, Usage) and (facts.usage.has_pulled or facts.had_pulled):
        return NotAsked(why=_HAS_PULLED, switch=_IF_PRIVATE)
    tasks = facts.usage.tasks if isinstance(facts.usage, Usage) else facts.usage
    if container.name in facts.accepted and isinstance(tasks, NotAsked):
        return tasks
    return NotAsked(why=_NONE_ACCEPTED, switch=_IF_PRIVATE)


_ASK_AGAIN: Final = "ask again later"
_HAS_PULLED: Final = "a task of the revision has pulled the image without them"
_NONE_ACCEPTED: Final = (
    "the registry refuses it without credentials, and accepted no opted-in credentials for it either"
)
_IF_PRIVATE: Final = "name the secret that is meant for the image, if it needs one"


def _refused_start(facts: Facts, container: Container, image: ImageReference) -> FailedStart | None:
    """Return a recent task that could not start because ``container`` was refused its image; else None."""
    for start in recent_starts(facts):
        for reason, diagnosis in diagnosed_each(start, facts):
            is_refusal = diagnosis.explanation.kind in _REFUSALS
            if is_refusal and _is_about(reason, diagnosis.images, facts, container, image):
                return start
    return None


def _is_about(
    reason: Reason, named: tuple[ImageReference, ...], facts: Facts, container: Container, image: ImageReference
) -> bool:
    """Whether ``reason``, which names the images ``named``, is about the pull of ``container``.

    A container's reason is about that container, unless its text names another image. A task's reason is about the
    image that it names; if that may also belong to another container, which gives credentials for it, either may have
    failed.
    """
    if reason.container is not None and reason.container != container.name:
        return False
    own = parse_images((reason.image,) if reason.image else ())
    known = [images for images in (own, named) if images]
    if not known or not all(any(map(image.is_beside, images)) for images in known):
        return False
    return reason.container is not None or not any(
        other.reference is not None and (pulled := image_of(other)) is not None and image.is_beside(pulled)
        for other in facts.task_definition.containers
    )


def _proved(
    facts: Facts, container: Container, image: ImageReference, candidates: tuple[Secret, ...], proof: Accepted
) -> Failed:
    said = facts.verifications.get(container.name)
    name = next(secret.name for secret in candidates if secret.arn == proof.secret)
    asked = said.detail if isinstance(said, Verification) else f"{image.host} refused the image without credentials."
    evidence = f"{asked} It serves it to the credentials in the secret {name} (version {proof.version})."
    return _failed(facts, container, image, candidates, evidence, is_asked_for=wants_attachment(facts.task_definition))


def _refused(
    facts: Facts, container: Container, image: ImageReference, candidates: tuple[Secret, ...], start: FailedStart
) -> Failed:
    return _failed(facts, container, image, candidates, f"A task failed to start: {quoted(start)}.", is_asked_for=None)


def _failed(
    facts: Facts,
    container: Container,
    image: ImageReference,
    candidates: tuple[Secret, ...],
    evidence: str,
    *,
    is_asked_for: bool | None,
) -> Failed:
    """Describe the fault; ``is_asked_for`` is whether Pullguard is to fix it, None if it must not."""
    names = ", ".join(str(secret.arn) for secret in candidates)
    if len(candidates) > 1:
        remedy = Remedy(text="Choose one of the secrets, and name it.")
    else:
        remedy = naming(facts, container, candidates[0], "register a revision that names the secret.")
        if is_asked_for is None:
            remedy = replace(remedy, action="none", text=f"If the secret is meant for this image: {remedy.text}")
        elif not is_asked_for:
            remedy = replace(remedy, action="none", text=f"{remedy.text} {_OR_ATTACH}")
    host = image.host
    return Failed(
        subject=subject_of(facts, container),
        cause=f"Container {container.name} pulls from {host} without credentials, though a secret is kept for it.",
        evidence=f"{evidence} Tagged {REGISTRY_TAG} for {host}: {names}",
        remedy=remedy,
    )


_OR_ATTACH: Final = (
    f"Pullguard does so by itself where the task definition is tagged {ATTACH_TAG}=true and the secret's tag "
    f"{ROLES_TAG} names the role."
)


CHECK = Check(
    id="credentials-missing",
    gate="credentials",
    severity="error",
    fails_when=(
        "the container gives no repositoryCredentials, the registry refuses the image without credentials and serves "
        "it to an opted-in secret's credentials, and no task of the revision has pulled it; or a task could not start "
        "because it was refused the image, and a secret is opted in for its registry"
    ),
    fix="reregister",
    fix_words="re-register, with the tag pullguard:attach",
    needs=f"secretsmanager:ListSecrets; {NEEDS_REGISTRY}; {NEEDS_RUNNING}",
    remedy="register a revision that names the secret that is kept for the registry",
    source=PRIVATE_REGISTRY,
    ask=_missing,
)
