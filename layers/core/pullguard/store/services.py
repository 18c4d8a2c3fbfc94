"""Which service runs what, in the ledger's table: kept by the sweep, by events, and by every look at what fails.

A cause names the services that it hits within seconds. To ask ECS then would be a walk through all clusters.

| pk | sk | data |
|---|---|---|
| SERVICES | ARN of a service | a ``Kept``; of one that was kept long ago the ARN of the task definition alone |
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pullguard.aws.answers import asks
from pullguard.checks.next_pull import NextPull, next_pull_of
from pullguard.domain.facts import ServiceUse
from pullguard.domain.records import members_of
from pullguard.store.table import Table, data_of

_ALL = "SERVICES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a service runs (an ARN), and when it pulls next; empty where only an event has told of it."""

    task_definition: str
    next_pull: NextPull | Literal[""] = ""

    @classmethod
    def of(cls, use: ServiceUse) -> "Kept":
        """Return what is kept of a service that was looked at."""
        return cls(task_definition=use.task_definition, next_pull=next_pull_of(use))

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | str) -> "Kept":
        """Return what the ledger holds."""
        return cls(task_definition=data) if isinstance(data, str) else cls(**members_of(cls, data))


class ServiceStore(Table):
    """The services in use. Errors propagate."""

    @asks("dynamodb:Query")
    def known(self) -> dict[str, Kept]:
        """Return what each service runs, by ARN."""
        return dict(self._each(_ALL, lambda service, item: (service, Kept.from_data(data_of(item)))))

    @asks("dynamodb:PutItem")
    def keep(self, service: str, kept: Kept) -> None:
        """Remember what a service runs now."""
        self._put(_ALL, service, asdict(kept))

    @asks("dynamodb:DeleteItem")
    def forget(self, service: str) -> None:
        """Forget a service that there is no more."""
        self._delete(_ALL, service)


def by_task_definition(services: Mapping[str, Kept]) -> dict[str, list[str]]:
    """Return the services that run each task definition."""
    found: dict[str, list[str]] = {}
    for service in sorted(services):
        found.setdefault(services[service].task_definition, []).append(service)
    return found
