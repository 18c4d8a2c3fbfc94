"""Tasks that failed to start recently enough to describe the present state."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pullguard.checks.check import PullGate
from pullguard.domain.diagnosis import Diagnosis, diagnose, diagnose_one
from pullguard.domain.errors import Malformed, shown
from pullguard.domain.facts import Facts
from pullguard.domain.hidden_text import without_credentials
from pullguard.domain.image import ImageReference, parse_images
from pullguard.domain.lookup import NotAsked
from pullguard.domain.stopped_reason import NamedRole
from pullguard.domain.task_definition import TaskDefinition, role_arn
from pullguard.domain.usage import FailedStart, Reason, Usage

# The time that a service needs for a few more attempts.
_RECENT: Final = timedelta(minutes=15)
_REASON_MAX_CHARS: Final = 500
ROLE_GATES: Final[frozenset[PullGate]] = frozenset({"role", "trust", "secret access", "decrypt"})
"""The gates of the task definition's own execution role: their checks say nothing about another role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRole:
    """The role that a task was started with, if that is not its task definition's execution role.

    ``arn``: None if only the role's name is known; ``role`` names it in either case; ``sentence`` says which role it
    is and what names it.
    """

    arn: str | None
    role: str
    sentence: str


def recent_starts(facts: Facts) -> tuple[FailedStart, ...]:
    """Return the starts that failed within the last minutes; none if they were not read."""
    if not isinstance(facts.usage, Usage) or isinstance(facts.usage.failed_starts, NotAsked):
        return ()
    return tuple(start for start in facts.usage.failed_starts if facts.now - start.stopped_at <= _RECENT)


def diagnosed(start: FailedStart, facts: Facts) -> Diagnosis:
    """Return the diagnosis of ``start``, given the images of its containers or else those of the task definition."""
    return diagnose(start.reasons, _images(start, facts))


def diagnosed_each(start: FailedStart, facts: Facts) -> tuple[tuple[Reason, Diagnosis], ...]:
    """Return the diagnosis of each reason of ``start`` separately."""
    images = _images(start, facts)
    return tuple((reason, diagnose_one(reason, images)) for reason in start.reasons)


def _images(start: FailedStart, facts: Facts) -> tuple[ImageReference, ...]:
    return parse_images(start.images) or tuple(
        container.image for container in facts.task_definition.containers if isinstance(container.image, ImageReference)
    )


def quoted(start: FailedStart) -> str:
    """Return the task and ECS's text about it, shortened, without control characters and credentials."""
    texts = (shown(without_credentials(reason.text), _REASON_MAX_CHARS) for reason in start.reasons)
    return f"{start.task_arn}: {'; '.join(texts)}"


def other_role(start: FailedStart, diagnosis: Diagnosis, definition: TaskDefinition) -> OtherRole | None:
    """Return the role that the task was started with, if it is known not to be the task definition's execution role.

    The role that the text names is the one that was used; otherwise it is the one of the task's overrides.
    """
    own, overriding = (_named(text, definition) for text in (definition.execution_role, start.execution_role))
    if own is None and definition.execution_role is not None:
        return None
    used, where = diagnosis.role, "the text names"
    if overriding is not None and (used is None or used.may_be(overriding)):
        used, where = overriding, "its overrides name"
    if used is None and start.execution_role and start.execution_role != definition.execution_role:
        role = shown(without_credentials(start.execution_role))
        return OtherRole(
            arn=None,
            role=role,
            sentence=f"The task's overrides name the execution role {role}, which is not the ARN or name of a role.",
        )
    if used is None or (own is not None and used.may_be(own)):
        return None
    role = used.arn or f"{used.name} of account {used.account}"
    task_role = _named(definition.raw.get("taskRoleArn"), definition)
    if task_role is not None and used.may_be(task_role):
        what = "the task definition's task role, not its execution role"
    elif own is None:
        what = "not the task definition's: that has no execution role"
    else:
        what = f"not the task definition's execution role ({definition.execution_role})"
    return OtherRole(arn=used.arn, role=role, sentence=f"The task used the role that {where}, {role}: it is {what}.")


def _named(text: object, definition: TaskDefinition) -> NamedRole | None:
    """Read a role as ECS accepts it, by its ARN or its name."""
    if not isinstance(text, str) or not text:
        return None
    try:
        arn = role_arn(text, definition.arn)
    except Malformed:
        return None
    return NamedRole(account=arn.account, name=arn.resource_name.rpartition("/")[2], arn=str(arn))
