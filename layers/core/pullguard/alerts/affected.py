"""The names in a notice, and the dependents of its incident."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from pullguard.alerts.foreign import plain_name, plain_word
from pullguard.alerts.notice import Notice
from pullguard.domain.arn import ARN_MAX_CHARS, Arn
from pullguard.domain.errors import Malformed
from pullguard.incidents import Dependent

DEPENDENTS_SHOWN: Final = 20


def family_of(notice: Notice) -> str:
    """Return the family of the task definition that the notice names, from its ARN or else as a plain name."""
    if notice.held_back:
        return families_of(notice)[0]
    return _family(named(notice, "task_definition"))


def concerns_several(notice: Notice) -> bool:
    """Whether the notice is about more than one family."""
    return len(families_of(notice)) > 1


def families_of(notice: Notice) -> tuple[str, ...]:
    """Return the distinct families that the notice is about, in the order of its dependents, grants or alerts."""
    if notice.held_back:
        return tuple(dict.fromkeys(family for each in notice.held_back for family in families_of(each)))
    leading = family_of(notice)
    arns = (*(each.task_definition for each in notice.dependents), *_granted_to(notice))
    hit = dict.fromkeys(map(_family, arns))
    return tuple(hit) if leading in hit else (leading, *hit)


def _granted_to(notice: Notice) -> tuple[str, ...]:
    """Return the task definitions of all grants of the write that is reported; none for a notice about an incident."""
    grants = notice.deed.grants if notice.deed and not notice.findings else ()
    return tuple(each.task_definition for each in grants)


def _family(task_definition: str | None) -> str:
    return _family_in((task_definition or "")[: ARN_MAX_CHARS + 1])  # what is longer is no ARN


@lru_cache(maxsize=4_096)  # an alert asks for its families half a dozen times, of which there may be thousands
def _family_in(text: str) -> str:
    arn = proved(text, "ecs", "task-definition")
    return plain_name(arn.resource_name.partition(":")[0] if arn else text)


def dependents_of(notice: Notice) -> tuple[Dependent, ...]:
    """Return the distinct dependents of the notice's incident."""
    if notice.dependents:
        return tuple(dict.fromkeys(notice.dependents))
    arns = dict.fromkeys(finding.task_definition for finding in notice.findings)
    return tuple(Dependent(arn=arn, task_definition=arn) for arn in arns)


def counted(dependents: Iterable[Dependent]) -> str:
    """Return the counts in words: ``3 services and 1 task definition``."""
    kinds = [each.is_service for each in dependents]
    counts = ((kinds.count(True), "service"), (kinds.count(False), "task definition"))
    return " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)


def named(notice: Notice, member: str) -> str | None:
    """Return the value of ``member`` in the leading finding, or else in the deed."""
    found = getattr(notice.findings[0], member) if notice.findings else None
    return found or (getattr(notice.deed, member) if notice.deed else None)


def proved(text: str | None, service: str, resource_type: str) -> Arn | None:
    """Return ``text`` as an ARN of that service and type, None if it is not one."""
    try:
        return Arn.parse(text or "", service=service, resource_type=resource_type)
    except Malformed:
        return None


def finding_ids(notice: Notice) -> tuple[str, ...]:
    """Return the ids of the findings that this is about, limited in number."""
    ids = [finding.id for finding in notice.findings] or (notice.deed.findings if notice.deed else ())
    return tuple(plain_word(each) for each in list(ids)[:5])
