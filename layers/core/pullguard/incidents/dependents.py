"""The dependents of an incident: services that run its task definitions, or task definitions without a service."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pullguard.incidents.identity import family_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """A service, or a task definition that no service runs.

    ``arn`` names it, ``task_definition`` is the ARN of what it runs. ``found``: the task definition was found failing;
    otherwise it only references what is broken, and has not been found failing so far. ``next_pull`` is what makes a
    service pull next (checks/next_pull.py), if known; it is not stored.
    """

    arn: str
    task_definition: str
    found: bool = True
    next_pull: str = ""

    @property
    def is_service(self) -> bool:
        """Whether it is a service."""
        return self.arn != self.task_definition

    def to_list(self) -> list[object]:
        """Return the compact form for the ledger, where there may be hundreds."""
        return [self.arn, self.task_definition, self.found]

    @classmethod
    def from_list(cls, data: Sequence[object]) -> "Dependent":
        """Return what ``to_list`` described."""
        arn, task_definition, found = data
        return cls(arn=str(arn), task_definition=str(task_definition), found=bool(found))


def dependents_of(
    failing: Iterable[str],
    referencing: Iterable[str],
    services: Mapping[str, Iterable[str]],
    next_pulls: Mapping[str, str] | None = None,
) -> tuple[Dependent, ...]:
    """Join task definitions with the services that run them: those found failing first, then mere references.

    ``failing`` and ``referencing`` are ARNs of task definitions, ``services`` the ARNs of services by the ARN of what
    they run, ``next_pulls`` what makes each service pull next. A revision is left out if nothing runs it, it was not
    found failing, and a newer one of its family is listed: it will not be started.
    """
    pulls = next_pulls or {}
    found = tuple(dict.fromkeys(failing))
    known = set(found)
    others = tuple(arn for arn in dict.fromkeys(referencing) if arn not in known)
    newest: dict[str, str] = {}
    for arn in (*found, *others):
        family = family_name(arn)
        newest[family] = max(newest.get(family, arn), arn, key=_revision)
    hit = [*((arn, True) for arn in found)]
    hit += [(arn, False) for arn in others if arn in services or newest[family_name(arn)] == arn]
    return tuple(
        Dependent(arn=thing, task_definition=arn, found=is_found, next_pull=pulls.get(thing, ""))
        for arn, is_found in hit
        for thing in sorted(services.get(arn, ())) or (arn,)
    )


def together(reported: Iterable[Dependent], others: Iterable[Dependent]) -> tuple[Dependent, ...]:
    """Return ``reported`` and the missing ones of ``others``; found failing if either says so.

    A service is the same one for every revision of a family that it runs.
    """
    joined: dict[tuple[str, str], Dependent] = {}
    for each in (*reported, *others):
        first = joined.setdefault((each.arn, family_name(each.task_definition)), each)
        joined[first.arn, family_name(first.task_definition)] = replace(first, found=first.found or each.found)
    return tuple(joined.values())


def _revision(task_definition: str) -> int:
    number = task_definition.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
