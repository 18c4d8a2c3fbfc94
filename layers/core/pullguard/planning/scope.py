"""Which revisions Pullguard acts on, and which owners' tags bear on it. Pure."""

from itertools import chain

from pullguard.checks.credentials_missing import to_attach
from pullguard.checks.examine import Examination
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.opt_in import wants_attachment
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.domain.usage import Usage


def is_certain(facts: Facts | Missing | Unreadable) -> bool:
    """Whether everything could be read that decides what the task definition needs, and whether it is in use."""
    if isinstance(facts, Facts):
        return not any(isinstance(each, Unreadable) for each in _deciding(facts))
    return isinstance(facts, Missing)


def not_answered(facts: Facts | Missing | Unreadable, examination: Examination) -> Unreadable | None:
    """Return a question that AWS throttled or did not answer, and that decides something: it may be answered soon."""
    if isinstance(facts, Unreadable):
        asked: tuple[object, ...] = (facts,)
    else:
        asked = (*(_deciding(facts) if isinstance(facts, Facts) else ()), *chain(*examination.unread.values()))
    return next((each for each in asked if isinstance(each, Unreadable) and each.is_passing), None)


def is_gone(facts: Facts | Missing | Unreadable) -> bool:
    """Whether the task definition is gone or no longer in use."""
    return isinstance(facts, Missing) or (isinstance(facts, Facts) and not in_scope(facts))


def _deciding(facts: Facts) -> tuple[object, ...]:
    return (*facts.described, facts.role, facts.registry_secrets, facts.usage)


def in_scope(facts: Facts) -> bool:
    """Whether the revision is in scope: the newest of its family, in use, or its usage is unknown.

    A schedule or a standalone start that runs it counts as use. Unreadable schedules do not count as none, nor do
    tasks that were not listed.
    """
    usage = facts.usage
    if not isinstance(usage, Usage) or usage.newest or usage.services or usage.tasks != ():
        return True
    if isinstance(usage.failed_starts, NotAsked) or any(not each.of_service for each in usage.failed_starts):
        return True
    return usage.started_alone or usage.schedules != ()


def tags_of(facts: Facts) -> tuple[dict[str, str], ...]:
    """Return the tags of everything that may lower the mode: task definition, role, referenced or proposed secrets."""
    bare = facts.task_definition.containers if wants_attachment(facts.task_definition) else ()
    attached = (to_attach(facts, container) for container in bare)
    secrets = (*facts.described, *attached)
    return (
        dict(facts.task_definition.tags),
        *(dict(facts.role.tags) for _ in "x" if isinstance(facts.role, Role)),
        *(dict(secret.tags) for secret in secrets if isinstance(secret, Secret)),
    )
