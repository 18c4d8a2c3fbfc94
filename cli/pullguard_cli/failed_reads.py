"""Failed AWS reads and their consequences: an audit that lacks a permission is incomplete."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Unreadable

# A retry, later or with more permissions, can succeed. Refusals because of a resource's state are permanent.
_NOT_SEEN: Final = {"denied": "was denied", "throttled": "was throttled", "unreachable": "got no answer"}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Lack:
    """A kind of failed read: a call that was denied, throttled or not answered."""

    permission: str
    reason: str

    def __str__(self) -> str:
        return f"{self.permission} {_NOT_SEEN[self.reason]}"


def lacks_in(unread: Iterable[Unreadable]) -> tuple[Lack, ...]:
    """Return the distinct failures that a retry, or another permission, could resolve."""
    found = (Lack(permission=each.permission, reason=each.reason) for each in unread if each.reason in _NOT_SEEN)
    return tuple(sorted(set(found)))


def gaps_of(unread: Mapping[str, tuple[Unreadable, ...]], findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return one sentence for each kind of failed read. ``unread`` is keyed by finding id."""
    resources: dict[Lack, set[str]] = {}
    definitions: dict[Lack, set[str]] = {}
    for finding in findings:
        for each in unread.get(finding.id, ()):
            for lack in lacks_in((each,)):
                resources.setdefault(lack, set()).add(each.resource)
                definitions.setdefault(lack, set()).add(finding.task_definition)
    return tuple(
        f"{lack} on {_listed(resources[lack])}, so {_count(len(definitions[lack]))} checked only in part"
        for lack in sorted(resources)
    )


def _listed(resources: set[str]) -> str:
    return min(resources) if len(resources) == 1 else f"{len(resources):,} resources"


def _count(definitions: int) -> str:
    return "1 task definition was" if definitions == 1 else f"{definitions:,} task definitions were"
