"""The definition of a check, and the small vocabulary in which checks are written."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from pullguard.checks.unread import how_to_read, how_to_read_value
from pullguard.domain import secret_resolution
from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.aws_cli import on_secret
from pullguard.domain.errors import Malformed, shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Remedy, RemedyAction, Severity, Skipped, Subject, Unsure
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.pasted_credentials import hidden
from pullguard.domain.references import reference_text
from pullguard.domain.role import Role
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container
from pullguard.incidents.identity import Breaks

Group: TypeAlias = Literal["reference", "secret", "execution role", "key", "registry", "platform and run time"]
PullGate: TypeAlias = Literal[
    "credentials",
    "reference",
    "secret",
    "value",
    "role",
    "trust",
    "secret access",
    "key",
    "decrypt",
    "registry",
    "platform",
]
Place: TypeAlias = Literal["definition", "assume", "role", "read", "secret", "decrypt", "key", "sign-in", "registry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInfo:
    """The metadata of a gate: its ``group`` in the catalogue, its ``place`` in the report's drawing, what it breaks."""

    group: Group
    place: Place
    breaks: Breaks


GATES: Final[Mapping[PullGate, GateInfo]] = {
    "credentials": GateInfo(group="reference", place="secret", breaks=Breaks.DEFINITION),
    "reference": GateInfo(group="reference", place="secret", breaks=Breaks.DEFINITION),
    "secret": GateInfo(group="secret", place="secret", breaks=Breaks.SECRET),
    "value": GateInfo(group="secret", place="secret", breaks=Breaks.SECRET),
    "role": GateInfo(group="execution role", place="role", breaks=Breaks.ROLE),
    "trust": GateInfo(group="execution role", place="assume", breaks=Breaks.ROLE),
    "secret access": GateInfo(group="execution role", place="read", breaks=Breaks.ACCESS),
    "key": GateInfo(group="key", place="key", breaks=Breaks.KEY),
    "decrypt": GateInfo(group="key", place="decrypt", breaks=Breaks.DECRYPT),
    "registry": GateInfo(group="registry", place="sign-in", breaks=Breaks.REGISTRY),
    "platform": GateInfo(group="platform and run time", place="definition", breaks=Breaks.START),
}
"""The gates of one pull, in the order in which ECS meets them."""

Ask: TypeAlias = Callable[[Facts], Iterable[Answer]]

PRIVATE_REGISTRY: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"
_USER_INFO: Final = re.compile(r"^.*@(?!sha\d+:)", re.DOTALL)  # ci:password@registry.example.com/web


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the catalogue, with everything that the catalogue, ``explain`` and the report say about it.

    ``id`` is public and never changes. ``gate`` is the step of a pull that it is about; ``place`` is its position in
    the report's drawing, if not at the gate's own place. ``fails_when`` completes the sentence "fails when …".
    ``needs`` is the input that has to be readable or switched on. ``remedy`` is the general form of the fix, without a
    full stop; a finding fills in the real names. ``fix`` is what Pullguard itself may do; ``fix_words`` describes it if
    the action does not. ``source`` is the documentation page that the rule rests on. ``ask`` gives one answer for each
    thing that the check examined, and none for things whose earlier gate has failed. ``moot_after`` are the ids of
    checks whose error explains why this one has no answer: whatever is unknown or not checked here is then left to that
    finding. ``breaks`` is what is broken when it fails, if not what its gate says: findings that share it belong
    to one incident. ``at_risk`` is what happened to the broken thing if tasks keep running until their next pull: it
    completes the alert's "… at risk: secret registry/ghcr …".
    """

    id: str
    gate: PullGate
    severity: Severity
    fails_when: str
    needs: str
    remedy: str
    source: str
    ask: Ask
    fix: RemedyAction = "none"
    fix_words: str | None = None
    place: Place | None = None
    breaks: Breaks | None = None
    at_risk: str | None = None
    moot_after: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        """The heading of the catalogue under which the check appears."""
        return GATES[self.gate].group

    @property
    def drawn_at(self) -> Place:
        """The position of the check in the report's drawing of the pull."""
        return self.place or GATES[self.gate].place

    @property
    def broken(self) -> Breaks:
        """The kind of thing that is broken when the check fails."""
        return self.breaks or GATES[self.gate].breaks


# Requirements of checks, and remedies that several checks share: for the catalogue.
NEEDS_DEFINITION: Final = "the task definition alone"
NEEDS_SECRET: Final = "secretsmanager:DescribeSecret"  # noqa: S105 (an action)
NEEDS_VALUE: Final = "secretsmanager:GetSecretValue (kms:Decrypt) on an opted-in secret, or --read-values"
NEEDS_ROLE: Final = "iam:GetRole"
NEEDS_POLICIES: Final = "iam:GetRole and the role's policies, secretsmanager:GetResourcePolicy"
NEEDS_KEY: Final = "kms:DescribeKey, secretsmanager:ListSecretVersionIds"
NEEDS_KEY_POLICY: Final = f"{NEEDS_KEY}, kms:GetKeyPolicy, kms:ListGrants, and the role's policies"
NEEDS_REGISTRY: Final = "live verification (VerifyCredentials, --live-registry)"
NEEDS_RUNNING: Final = "ecs:ListServices, ecs:DescribeServices, ecs:ListTasks, ecs:DescribeTasks"
PUT_VALUE: Final = "aws secretsmanager put-secret-value --secret-id ARN --secret-string file://credentials.json"
MOOT_VALUE: Final = (
    "secret-scheduled-for-deletion", "secret-no-current-version", "key-unusable", "default-key-cross-account",
)  # fmt: skip
"""The checks whose error explains why a value was not read."""
NAME_FULL_ARN: Final = "register a revision that names the secret by its full ARN"


def subject_of(facts: Facts, container: Container | None = None) -> Subject:
    """Name everything that an answer about ``container`` (or the whole task definition) concerns."""
    secret = _secret_of(facts, container) if container else None
    role = facts.role
    key = secret.key if secret is not None else None
    return Subject(
        task_definition=str(facts.task_definition.arn),
        container=container.name if container else None,
        image=image_text(container) if container else None,
        secret=str(secret.arn) if secret is not None else (reference_text(container) or None),
        role=str(role.arn) if isinstance(role, Role) else facts.task_definition.execution_role,
        key=str(key.arn) if isinstance(key, Key) else None,
    )


def _secret_of(facts: Facts, container: Container) -> Secret | None:
    """Return the secret that the container names, even by an ARN that AWS reads as another's; never a replacement."""
    reference = container.reference
    reference = reference.meant if isinstance(reference, MalformedReference) else reference
    return secret_resolution.named(facts, reference) if reference is not None else None


def shown_reference(container: Container) -> str | None:
    """Return the part of the container's reference that may be shown; None if it gives no reference."""
    match container.reference:
        case SecretReference(text=text):
            return text
        case MalformedReference() as malformed:
            return malformed.reported
        case None:
            return None


def image_text(container: Container) -> str:
    """Return the image as the task definition names it, without anything that may be a password or a token."""
    text = _hidden(container.image.text)
    return _USER_INFO.sub("…@", text) if isinstance(container.image, Malformed) else text


@lru_cache(maxsize=256)
def _hidden(image: str) -> str:
    """Remember what each of the checks asks about the same containers."""
    return hidden(image)


def shown_image(container: Container) -> str:
    """Return the image quoted for a sentence."""
    return shown(image_text(container))


def referring(facts: Facts) -> Iterable[tuple[Container, SecretReference]]:
    """Yield the containers with a reference that can be looked up and an image to which it applies."""
    for container in facts.task_definition.containers:
        if isinstance(container.reference, SecretReference) and not is_ecr(container):
            yield container, container.reference


def gives_credentials(facts: Facts) -> bool:
    """Whether any container gives credentials for its image, even an invalid reference: a role has to read them."""
    return any(each.reference is not None and not is_ecr(each) for each in facts.task_definition.containers)


def secrets_in_use(facts: Facts) -> Iterable[tuple[Container, Secret]]:
    """Yield the containers whose secret was found, with the secret."""
    for container, reference in referring(facts):
        secret = facts.secrets.get(reference.text)
        if isinstance(secret, Secret):
            yield container, secret


def is_ecr(container: Container) -> bool:
    """Whether the container's image is in Amazon ECR."""
    return isinstance(container.image, ImageReference) and container.image.is_ecr


def image_of(container: Container) -> ImageReference | None:
    """Return the container's image, None if its text is not an image reference."""
    return None if isinstance(container.image, Malformed) else container.image


def unreadable(subject: Subject, what: str, unread: Unreadable, *, value_of: Secret | None = None) -> Unsure:
    """Report that ``what`` could not be read, and how to make it readable; ``value_of`` is the secret of a value."""
    return Unsure(
        subject=subject,
        cause=f"{what} could not be read.",
        evidence=str(unread),
        remedy=Remedy(text=how_to_read((unread,)) if value_of is None else how_to_read_value(unread, value_of)),
        unread=(unread,),
    )


def reference_snippet(secret: Secret) -> str:
    """Return the member to paste into the container definition."""
    return f'"repositoryCredentials": {{"credentialsParameter": "{secret.arn}"}}'


CREDENTIALS_FILE: Final = 'credentials.json holds {"username": "...", "password": "..."}.'


def put_value(secret: Secret, text: str) -> Remedy:
    """Return the remedy that stores a new value from a file; ``text`` names the value, and the file's format is added.

    A replica takes no value of its own: the command is for its primary.
    """
    primary = primary_of(secret)
    where = ""
    if primary.arn.account != secret.arn.account:
        where = f" The secret is a replica: its value is stored in the primary, in account {primary.arn.account}."
    elif primary.arn != secret.arn:
        where = f" The secret is a replica: its value is stored in the primary, in {primary.arn.region}."
    command = on_secret(primary, "put-secret-value", ("--secret-string", "file://credentials.json"))
    return Remedy(text=f"{text}{where} {CREDENTIALS_FILE}", snippet=command)


def primary_of(secret: Secret) -> Secret:
    """Return the primary in which the secret's value is stored; the secret itself if it is not a replica."""
    elsewhere = secret.cross_account_primary
    if elsewhere is not None:
        try:
            arn = Arn.parse(elsewhere.arn, service="secretsmanager", resource_type="secret")
        except Malformed:
            return secret
        return replace(secret, arn=arn)
    return replace(secret, arn=replace(secret.arn, region=secret.primary_region or secret.arn.region))


def skipped(subject: Subject, question: str, not_asked: NotAsked) -> Skipped:
    """Report that a question was not asked, why, and how to switch it on."""
    return Skipped(subject=subject, question=question, why=not_asked.why, switch=not_asked.switch)
