"""What a notice names, and whom its cause hits."""

from typing import Final

from pullguard.alerts.foreign import plain_name, plain_word
from pullguard.alerts.notice import Notice
from pullguard.arn import Arn
from pullguard.errors import Malformed

DEPENDENTS_SHOWN: Final = 20


def family_of(notice: Notice) -> str:
    """Return the family of the task definition that the notice names, proved or else as a plain name."""
    about = named(notice, "task_definition")
    arn = proved(about, "ecs", "task-definition")
    return plain_name(arn.resource_name.partition(":")[0] if arn else about)


def dependents_of(notice: Notice) -> tuple[str, ...]:
    """Return everything that the cause hits, each once: services where they are told, else the task definitions."""
    if any(map(is_service, notice.dependents)):
        return tuple(dict.fromkeys(notice.dependents))
    leading = tuple(finding.task_definition for finding in notice.findings)
    return tuple(dict.fromkeys((*leading, *notice.dependents)))


def is_service(thing: str) -> bool:
    """Tell whether ``thing`` is the ARN of an ECS service."""
    return proved(thing, "ecs", "service") is not None


def named(notice: Notice, member: str) -> str | None:
    """Return what the leading finding calls ``member``, or else the deed."""
    found = getattr(notice.findings[0], member) if notice.findings else None
    return found or (getattr(notice.deed, member) if notice.deed else None)


def proved(text: str | None, service: str, resource_type: str) -> Arn | None:
    """Return ``text`` as an ARN of that service and type, None where it is none."""
    try:
        return Arn.parse(text or "", service=service, resource_type=resource_type)
    except Malformed:
        return None


def finding_ids(notice: Notice) -> tuple[str, ...]:
    """Return the ids of the findings that this is about, a few of them at most."""
    ids = [finding.id for finding in notice.findings] or (notice.deed.findings if notice.deed else ())
    return tuple(plain_word(each) for each in list(ids)[:5])
