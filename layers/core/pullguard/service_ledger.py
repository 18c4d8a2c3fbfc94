"""Which service runs what, in the ledger's table: kept by the sweep, by events, and by every look at what fails.

A cause names the services that it hits within seconds. To ask ECS then would be a walk through all clusters.

| pk | sk | data |
|---|---|---|
| SERVICES | ARN of a service | ARN of the task definition that it runs |
"""

from collections.abc import Mapping

from pullguard.aws.answers import asks
from pullguard.table import Table

_ALL = "SERVICES"


class ServiceLedger(Table):
    """The services in use. Errors propagate."""

    @asks("dynamodb:Query")
    def known(self) -> dict[str, str]:
        """Return what each service runs, by ARN."""
        return {service: str(task_definition) for service, task_definition in self._query(_ALL)}

    @asks("dynamodb:PutItem")
    def keep(self, service: str, task_definition: str) -> None:
        """Remember that a service runs a task definition now."""
        self._put(_ALL, service, task_definition)

    @asks("dynamodb:DeleteItem")
    def forget(self, service: str) -> None:
        """Forget a service that there is no more."""
        self._delete(_ALL, service)


def by_task_definition(services: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the services that run each task definition."""
    found: dict[str, list[str]] = {}
    for service, task_definition in sorted(services.items()):
        found.setdefault(task_definition, []).append(service)
    return found
