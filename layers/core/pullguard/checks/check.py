"""What a check is, and the small vocabulary in which checks are written."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pullguard.arn import MalformedReference, SecretReference
from pullguard.aws_cli import on_secret
from pullguard.errors import Malformed, shown
from pullguard.findings import Answer, Remedy, RemedyAction, Severity, Skipped, Subject, Unsure
from pullguard.image import ImageReference
from pullguard.model import Container, Facts, Key, NotLooked, Role, Secret, Unreadable

Group: TypeAlias = Literal["reference", "secret", "execution role", "key", "registry", "platform and run time"]
PRIVATE_REGISTRY: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"
_USER_INFO: Final = re.compile(r"^.*@(?!sha\d+:)", re.DOTALL)  # ci:password@registry.example.com/web


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the catalogue.

    ``id`` is public and never changes. ``fails_when`` completes the sentence "fails when …". ``fix`` is what
    Pullguard itself may do. ``source`` is the documentation page that the rule rests on. ``ask`` gives one answer
    for each thing that the check looked at; it says nothing about things whose earlier gate has failed.
    """

    id: str
    group: Group
    severity: Severity
    fails_when: str
    fix: RemedyAction
    source: str
    ask: Callable[[Facts], Iterable[Answer]]


def for_people(
    check_id: str,
    severity: Severity,
    fails_when: str,
    source: str,
    ask: Callable[[Facts], Iterable[Answer]],
    *,
    group: Group,
) -> Check:
    """Return a check whose findings only people mend."""
    return Check(id=check_id, group=group, severity=severity, fails_when=fails_when, fix="none", source=source, ask=ask)


def subject_of(facts: Facts, container: Container | None = None) -> Subject:
    """Name everything that an answer about ``container`` (or the whole task definition) touches."""
    secret = facts.secrets.get(reference_text(container)) if container else None
    role = facts.role
    key = secret.key if isinstance(secret, Secret) else None
    return Subject(
        task_definition=str(facts.task_definition.arn),
        container=container.name if container else None,
        image=image_text(container) if container else None,
        secret=str(secret.arn) if isinstance(secret, Secret) else (reference_text(container) or None),
        role=str(role.arn) if isinstance(role, Role) else facts.task_definition.execution_role,
        key=str(key.arn) if isinstance(key, Key) else None,
    )


def reference_text(container: Container | None) -> str:
    """Return the text under which the container's secret was looked up; empty where none was."""
    match container.reference if container else None:
        case SecretReference(text=text):
            return text
        case MalformedReference(meant=SecretReference(text=text)):
            return text
        case _:
            return ""


def told_reference(container: Container) -> str | None:
    """Return what may be shown of the container's reference; None where it gives none."""
    match container.reference:
        case SecretReference(text=text):
            return text
        case MalformedReference() as malformed:
            return malformed.told
        case None:
            return None


def image_text(container: Container) -> str:
    """Return the image as it stands in the task definition, without what is no image and may be a password."""
    text = container.image.text
    return _USER_INFO.sub("…@", text) if isinstance(container.image, Malformed) else text


def told_image(container: Container) -> str:
    """Return the image quoted for a sentence."""
    return shown(image_text(container))


def referring(facts: Facts) -> Iterable[tuple[Container, SecretReference]]:
    """Yield the containers with a reference that can be looked up and an image to which it applies."""
    for container in facts.task_definition.containers:
        if isinstance(container.reference, SecretReference) and not is_ecr(container):
            yield container, container.reference


def gives_credentials(facts: Facts) -> bool:
    """Whether any container gives credentials for its image, be they badly named: a role has to read them."""
    return any(each.reference is not None and not is_ecr(each) for each in facts.task_definition.containers)


def secrets_in_use(facts: Facts) -> Iterable[tuple[Container, Secret]]:
    """Yield the containers whose secret was found, with the secret."""
    for container, reference in referring(facts):
        secret = facts.secrets.get(reference.text)
        if isinstance(secret, Secret):
            yield container, secret


def is_ecr(container: Container) -> bool:
    """Whether the container's image lies in Amazon ECR."""
    return isinstance(container.image, ImageReference) and container.image.is_ecr


def image_of(container: Container) -> ImageReference | None:
    """Return the container's image, None where its text is none."""
    return None if isinstance(container.image, Malformed) else container.image


def unreadable(subject: Subject, what: str, unread: Unreadable) -> Unsure:
    """Say that ``what`` could not be read, and which permission would make it readable."""
    if unread.reason == "denied":
        text = f"Allow Pullguard (or whoever runs the audit) {unread.permission} on {unread.resource}."
    else:
        text = "Look again later; the next validation or sweep does so by itself."
    return Unsure(
        subject=subject,
        cause=f"{what} could not be read.",
        evidence=str(unread),
        remedy=Remedy(text=text),
        unread=(unread,),
    )


def reference_snippet(secret: Secret) -> str:
    """Return the member to paste into the container definition."""
    return f'"repositoryCredentials": {{"credentialsParameter": "{secret.arn}"}}'


CREDENTIALS_FILE: Final = 'credentials.json holds {"username": "...", "password": "..."}.'


def put_value(secret: Secret, text: str) -> Remedy:
    """Return the remedy that stores a new value from a file; ``text`` says which, and what the file holds is added."""
    command = on_secret(secret, "put-secret-value", "--secret-string", "file://credentials.json")
    return Remedy(text=f"{text} {CREDENTIALS_FILE}", snippet=command)


def skipped(subject: Subject, not_looked: NotLooked) -> Skipped:
    """Say that something was not looked at, and how to switch it on."""
    return Skipped(subject=subject, why=not_looked.why, switch=not_looked.switch)
