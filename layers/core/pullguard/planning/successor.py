"""Decide whether a newer revision is a copy of an older one with different references.

A tag names the revision that it was registered from, but any principal that may register task definitions can write
that tag. The tag alone therefore never moves a service: the revision must match it (docs/threat-model.md).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.reregister import DESCRIBE_ONLY, REREGISTERED_TAG

_CREDENTIALS: Final = "repositoryCredentials"


def differences(
    source: Mapping[str, Any], copy: Mapping[str, Any], changes: tuple[ReferenceChange, ...] | None = None
) -> tuple[str, ...]:
    """Return the sorted paths in which ``copy`` differs from ``source`` with ``changes`` applied.

    Both are ``taskDefinition`` members of DescribeTaskDefinition's response. Without ``changes``, references are not
    compared. Empty strings, lists and objects, zeros, false and null count as absent: ECS fills in some of them at
    registration, and not the same ones as for older revisions.
    """
    ours, theirs = _comparable(source), _comparable(copy)
    for definition in (ours, theirs) if changes is None else ():
        for container in _containers(definition):
            container.pop(_CREDENTIALS, None)
    for change in changes or ():
        _apply(change, ours)
    return tuple(sorted(_different(ours, theirs, "")))


def is_newest(newest: Lookup[TaskDefinition], source: TaskDefinition) -> bool:
    """Whether ``source`` is the newest ACTIVE revision of its family; ``newest`` is the answer about the family.

    ECS may still answer with an earlier revision, or none, right after ``source`` was registered: a revision that was
    described as ACTIVE is the newest unless a later one is known.
    """
    if source.status != "ACTIVE" or isinstance(newest, Unreadable | NotAsked):
        return False
    return isinstance(newest, Missing) or newest.revision <= source.revision


def latest_of(newest: Lookup[TaskDefinition], source: TaskDefinition) -> Arn | None:
    """Return the newest ACTIVE revision of the family if it is newer than ``source``, or None."""
    if not isinstance(newest, TaskDefinition) or newest.status != "ACTIVE" or newest.revision <= source.revision:
        return None
    return newest.arn


def successor_of(newest: Lookup[TaskDefinition], source: TaskDefinition) -> Arn | None:
    """Return the newest revision if its tag says that Pullguard registered it in place of ``source``, or None.

    Anyone can write the tag, so the revision must also equal ``source`` except for its references.
    """
    if not isinstance(newest, TaskDefinition) or newest.revision <= source.revision:
        return None
    says_so = newest.tags.get(REREGISTERED_TAG) == str(source.arn)
    return newest.arn if says_so and not differences(source.raw, newest.raw) else None


def _comparable(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _without_empties(value) for name, value in definition.items() if name not in DESCRIBE_ONLY and value}


def _without_empties(value: Any) -> Any:
    match value:
        case Mapping():
            lean = {name: _without_empties(each) for name, each in value.items()}
            return {name: each for name, each in lean.items() if each}
        case list() | tuple():
            return [_without_empties(each) for each in value]
        case _:
            return value


def _containers(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (each for each in definition.get("containerDefinitions", ()) if isinstance(each, dict))


def _apply(change: ReferenceChange, definition: Mapping[str, Any]) -> None:
    for container in _containers(definition):
        if container.get("name") == change.container:
            container.pop(_CREDENTIALS, None)
            if change.after is not None:
                container[_CREDENTIALS] = {"credentialsParameter": str(change.after)}


def _different(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in one.keys() | other.keys():
            yield from _different(one.get(name), other.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (ours, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _different(ours, theirs, f"{path}[{index}]")
    elif one != other or type(one) is not type(other):
        yield path
