"""The task definition that each service runs, in the ledger's table: stored by sweeps, events and validations.

An alert names the affected services, and a validation describes only those that may run a revision of its family.
Listing all clusters for each of them would cost calls in proportion to the number of services (docs/adr/0028).

| pk | sk | data |
|---|---|---|
| SERVICES | ARN of a service | a ``Kept``; in the oldest items only the ARN of the task definition |
| SERVICES | FAMILY#family ARN of a service | when an event named it: it runs a revision of the family, or did |
| SERVICES | FAMILY#family ARN of a cluster | when an event named it: tasks of the family were seen in the cluster |
| SERVICES | LISTED | when a sweep last listed all services |
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal, TypeAlias

from pullguard.aws.answers import asks
from pullguard.checks.next_pull import NextPull, next_pull_of
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import NotAsked
from pullguard.domain.records import from_record, to_record
from pullguard.domain.usage import Places, ServiceUse, TaskUse, read_place
from pullguard.store.table import Item, Table, data_of, reading

NOT_LISTED: Final = NotAsked(
    why="what runs the revision is not known, since no sweep has listed the services in the last two days",
    switch="wait for the next sweep, or ask for one: pullguard resume",
)
Rows: TypeAlias = Mapping[str, str | None]
"""The items of the partition: their data, as JSON, by sort key."""

_ALL, _LISTED, _ARN = "SERVICES", "LISTED", "arn:"
# Eight sweeps. Events are lost now and then, and while a former version of Pullguard was deployed all of them were.
_LISTED_FOR: Final = timedelta(days=2)
# The lists of ECS may not show yet what an event has named.
_SHOWS_AFTER: Final = timedelta(minutes=15)
# Reading the whole partition costs less than reading more families or services than this one by one.
_FAMILIES_MAX: Final = 25
_SERVICES_MAX: Final = 100


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
    """The services in use, and where the revisions of a family may run. Errors propagate.

    The items of a family only say what to describe: one that has become wrong does no harm, and the next sweep
    deletes it. Until then it also leads to a service that ECS rolls back to the family, which no event reports.
    """

    PARTITIONS: ClassVar = (_ALL,)

    def __init__(self, client: Any, table: str, *, now: Callable[[], datetime]) -> None:
        super().__init__(client, table)
        self._now = now

    @asks("dynamodb:GetItem")
    def not_listed(self) -> NotAsked | None:
        """Return why the places of families may not be all; None if a sweep has listed them in the last two days."""
        listed = self._or_none(_ALL, _LISTED, lambda data: datetime.fromisoformat(data["at"]))
        return NOT_LISTED if listed is None or self._now() - listed > _LISTED_FOR else None

    @asks("dynamodb:Query")
    def places(self, family: str) -> Places:
        """Return where revisions of ``family`` may run, as of the last sweep and the events since.

        Raises ``MalformedItem`` if an item names no place: what is skipped would count as not there.
        """
        prefix = _sort(family, "")

        def place(item: Item) -> Arn:
            return read_place(item["sk"]["S"].removeprefix(prefix))

        return Places.of(reading(item, place) for item in self._items(_ALL, prefix))

    @asks("dynamodb:Query")
    def known(self) -> dict[str, Kept]:
        """Return what each service runs, by the service's ARN."""
        return dict(self._each(_ALL, lambda rest, item: (_ARN + rest, Kept.from_data(data_of(item))), _ARN))

    @asks("dynamodb:Query", "dynamodb:GetItem")
    def of_families(self, families: Iterable[str]) -> dict[str, Kept]:
        """Return what services run, by ARN: those of ``families`` if these are few, else all."""
        wanted = set(families)
        if len(wanted) > _FAMILIES_MAX or self.not_listed() is not None:
            return self.known()
        services = sorted({str(each) for family in wanted for each in self.places(family).services})
        if len(services) > _SERVICES_MAX:
            return self.known()
        kept = {each: self._or_none(_ALL, each, Kept.from_data) for each in services}
        return {service: each for service, each in kept.items() if each is not None}

    @asks("dynamodb:PutItem")
    def keep(self, service: str, kept: Kept) -> None:
        """Store what a service runs now."""
        self._put(_ALL, service, to_record(kept))

    @asks("dynamodb:PutItem")
    def point(self, family: str, place: Arn, *, now: datetime) -> None:
        """Store that revisions of ``family`` may run in ``place``: a service with its cluster, or a cluster."""
        self._put(_ALL, _sort(family, str(place)), {"at": now.isoformat()})

    @asks("dynamodb:Query")
    def rows(self) -> Rows:
        """Return all items, for ``keep_listed``."""
        return {item["sk"]["S"]: item.get("data", {}).get("S") for item in self._items(_ALL)}

    @asks("dynamodb:PutItem", "dynamodb:DeleteItem")
    def keep_listed(
        self, before: Rows, services: Iterable[ServiceUse], tasks: Iterable[TaskUse], *, now: datetime
    ) -> None:
        """Store all ``services`` and ``tasks`` of a sweep, and delete what was stored ``before`` it and is not there.

        Items that events stored during the sweep stay, and so do those of the last minutes before it.
        """
        wanted = _rows(services, tasks)
        for sort, data in wanted.items():
            if before.get(sort) != json.dumps(data):  # this replaces malformed items too
                self._put(_ALL, sort, data)
        for sort in before.keys() - wanted.keys() - {_LISTED}:
            if not _is_recent(before[sort], now):
                self._delete_unchanged(sort, before[sort])
        self._put(_ALL, _LISTED, {"at": now.isoformat()})

    def _delete_unchanged(self, sort: str, data: str | None) -> None:
        request: dict[str, Any] = {
            **self._deleting(_ALL, sort),
            "ConditionExpression": "attribute_not_exists(#data)" if data is None else "#data = :data",
            "ExpressionAttributeNames": {"#data": "data"},
        }
        if data is not None:
            request["ExpressionAttributeValues"] = {":data": {"S": data}}
        self._made(lambda: self._client.delete_item(**request))


def by_task_definition(services: Mapping[str, Kept]) -> dict[str, list[str]]:
    """Return the services of each task definition."""
    found: dict[str, list[str]] = {}
    for service in sorted(services):
        found.setdefault(services[service].task_definition, []).append(service)
    return found


def _rows(services: Iterable[ServiceUse], tasks: Iterable[TaskUse]) -> dict[str, Any]:
    """Return the data of all items that a sweep stores; a cluster is stored only if no service leads to it."""
    found, led = dict[str, Any](), set[tuple[str, str]]()
    for use in services:
        family = _family(use.task_definition)
        led.add((family, use.cluster_arn))
        found[_sort(family, use.long_arn)] = None
        if not use.beside:
            found[use.long_arn] = to_record(Kept.of(use))
    seen = {(_family(each.task_definition), each.cluster_arn) for each in tasks}
    return found | dict.fromkeys(_sort(family, cluster) for family, cluster in seen - led)


def _is_recent(data: str | None, now: datetime) -> bool:
    """Whether an event stored the item in the last minutes; malformed data has no time."""
    try:
        return now - datetime.fromisoformat(json.loads(data or "")["at"]) < _SHOWS_AFTER
    except (ValueError, TypeError, KeyError):
        return False


def _family(task_definition: str) -> str:
    return task_definition.rpartition("/")[2].rpartition(":")[0]


def _sort(family: str, place: str) -> str:
    return f"FAMILY#{family} {place}"
