"""The task definition that each service runs, in the ledger's table: stored by sweeps, events and validations.

An alert names the affected services within seconds. Asking ECS at that time would mean listing all clusters.

| pk | sk | data |
|---|---|---|
| SERVICES | ARN of a service | a ``Kept``; in the oldest items only the ARN of the task definition |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pullguard.aws.answers import asks
from pullguard.checks.next_pull import NextPull, next_pull_of
from pullguard.domain.records import from_record, to_record
from pullguard.domain.usage import ServiceUse
from pullguard.store.table import Table, data_of

_ALL = "SERVICES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The task definition of a service (ARN) and its next pull; ``next_pull`` is empty if only an event named it."""

    task_definition: str
    next_pull: NextPull | Literal[""] = ""

    @classmethod
    def of(cls, use: ServiceUse) -> "Kept":
        """Return the item data of a service as read from ECS."""
        return cls(task_definition=use.task_definition, next_pull=next_pull_of(use))

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | str) -> "Kept":
        """Parse item data of the ledger, in the current or the oldest form."""
        return cls(task_definition=data) if isinstance(data, str) else from_record(cls, data)


class ServiceStore(Table):
    """The services in use. Errors propagate."""

    PARTITIONS: ClassVar = (_ALL,)

    @asks("dynamodb:Query")
    def known(self) -> dict[str, Kept]:
        """Return all stored services, by ARN."""
        return dict(self._each(_ALL, lambda service, item: (service, Kept.from_data(data_of(item)))))

    @asks("dynamodb:PutItem")
    def keep(self, service: str, kept: Kept) -> None:
        """Store what a service runs now."""
        self._put(_ALL, service, to_record(kept))

    @asks("dynamodb:DeleteItem")
    def forget(self, service: str) -> None:
        """Delete a service that no longer exists."""
        self._delete(_ALL, service)


def by_task_definition(services: Mapping[str, Kept]) -> dict[str, list[str]]:
    """Return the services of each task definition."""
    found: dict[str, list[str]] = {}
    for service in sorted(services):
        found.setdefault(services[service].task_definition, []).append(service)
    return found
