"""The uses of revisions: the ledger names the services and clusters of a family, and ECS describes only those.

ECS cannot list the services of a revision, and listing the services of all clusters costs calls in proportion to their
number. Only a sweep does that (docs/adr/0028). Tasks are listed where something depends on them, by family.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from threading import Lock
from typing import Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from pullguard.aws.answers import error_code, looked_up
from pullguard.aws.ecs import SERVICES_A_CALL, Ecs
from pullguard.aws.once import Once
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.lookup import NO_PERMISSION, TASKS_NOT_ASKED, Lookup, NotAsked, Unreadable
from pullguard.domain.task_definition import TaskDefinition, lacks_credentials
from pullguard.domain.usage import FailedStart, Places, ServiceUse, TaskUse, Usage, cluster_of
from pullguard.planning.successor import is_newest, latest_of, successor_of

T = TypeVar("T")
_NO_CLUSTER: Final = "ClusterNotFoundException"


class KnownPlaces(Protocol):
    """The places in which the revisions of a family may run, as reported by sweeps and events."""

    def not_listed(self) -> NotAsked | None:
        """Return why the places of families may not be all; None if they are."""

    def places(self, family: str) -> Places:
        """Return the services and clusters of ``family``. Raises ``MalformedItem``."""


@dataclass
class _Described:
    """The services of a cluster that the batch has described so far; one call at a time."""

    uses: dict[Arn, tuple[ServiceUse, ...]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class LedgerUsage:
    """The uses of the revisions of a batch. Create one per batch, together with its cache."""

    def __init__(self, ecs: Ecs, known: KnownPlaces, once: Once) -> None:
        self._ecs = ecs
        self._known = known
        self._once = once
        self._expected: tuple[str, ...] = ()
        self._described: dict[Arn, _Described] = {}

    def expect(self, families: Iterable[str]) -> None:
        """Name the families of the batch: a call that describes services has room for those of several families."""
        self._expected = tuple(dict.fromkeys(families))

    def of(
        self, definition: TaskDefinition, newest: Callable[[], Lookup[TaskDefinition]], *, tasks: bool
    ) -> Lookup[Usage]:
        """Find what runs a revision, and whether it is the ``newest`` ACTIVE one of its family.

        Tasks and failed starts are listed if ``tasks`` says so, if a container may need credentials that it does not
        give, and if the revision is an older one that no service runs: they decide whether it is in use. Before a sweep
        has listed what runs, its tasks are not known: those in the known places may not be all.
        """
        self._once("services-listed", self._known.not_listed)  # before any place is read
        latest = newest()
        if isinstance(latest, Unreadable):  # it may be the newest, and then it is in scope
            return latest
        try:
            return looked_up("ecs:DescribeServices", str(definition.arn), lambda: self._of(definition, latest, tasks))
        except MalformedItem as error:
            return Unreadable(
                permission=NO_PERMISSION, resource=str(definition.arn), reason="refused", detail=str(error)
            )

    def _of(self, definition: TaskDefinition, newest: Lookup[TaskDefinition], tasks: bool) -> Usage:
        family, arn = definition.family, str(definition.arn)
        services = tuple(use for use in self._services(family) if use.task_definition == arn)
        is_first = is_newest(newest, definition)
        unknown = self._once("services-listed", self._known.not_listed)
        lists = tasks or any(map(lacks_credentials, definition.containers)) or not (is_first or services)
        return Usage(
            newest=is_first,
            latest=latest_of(newest, definition),
            successor=successor_of(newest, definition),
            services=services,
            tasks=unknown or (self._tasks(definition) if lists else TASKS_NOT_ASKED),
            failed_starts=self._failed_starts(definition) if lists else TASKS_NOT_ASKED,
        )

    def _places(self, family: str) -> Places:
        return self._once(("places", family), lambda: self._known.places(family))

    def _tasks(self, definition: TaskDefinition) -> tuple[TaskUse, ...]:
        found = self._each(definition.family, "tasks", self._ecs.tasks)
        return tuple(use for use in found if use.task_definition == str(definition.arn))

    def _failed_starts(self, definition: TaskDefinition) -> tuple[FailedStart, ...]:
        found = self._each(definition.family, "failed-starts", self._ecs.failed_starts)
        return tuple(start for arn, start in found if arn == str(definition.arn))

    def _each(self, family: str, what: str, ask: Callable[[str, str], Iterable[T]]) -> tuple[T, ...]:
        """Ask once about each cluster of ``family``, and return all answers."""

        def answers() -> tuple[T, ...]:
            clusters = sorted(map(str, self._places(family).clusters))
            return tuple(each for cluster in clusters for each in _in_cluster(partial(ask, cluster, family)))

        return self._once((what, family), answers)

    def _services(self, family: str) -> tuple[ServiceUse, ...]:
        return self._once(("services", family), lambda: self._describe(family))

    def _describe(self, family: str) -> tuple[ServiceUse, ...]:
        """Describe the services of ``family``; the last call for a cluster is filled with others of the batch."""
        uses: list[ServiceUse] = []
        for cluster, group in groupby(sorted(self._places(family).services), cluster_of):
            services, known = tuple(group), self._described.setdefault(cluster, _Described())
            with known.lock:  # a thread that waits finds its services described; other clusters wait for none
                wanted = iter([each for each in services if each not in known.uses])
                while some := tuple(islice(wanted, SERVICES_A_CALL)):
                    others = self._others(cluster, {*services, *known.uses})
                    known.uses |= self._describe_in(cluster, (*some, *islice(others, SERVICES_A_CALL - len(some))))
                uses += (use for each in services for use in known.uses[each])
        return tuple(uses)

    def _others(self, cluster: Arn, seen: set[Arn]) -> Iterator[Arn]:
        for family in self._expected:
            try:
                places = self._places(family)
            except MalformedItem:
                continue  # this is for the validation of that family to say
            for each in sorted(places.services - seen):
                if cluster_of(each) == cluster:
                    seen.add(each)
                    yield each

    def _describe_in(self, cluster: Arn, services: tuple[Arn, ...]) -> dict[Arn, tuple[ServiceUse, ...]]:
        names = {each.resource_name.partition("/")[2]: each for each in services}
        found: dict[Arn, list[ServiceUse]] = {each: [] for each in services}
        for use in _in_cluster(partial(self._ecs.described, str(cluster), tuple(names))):
            if use.name in names:
                found[names[use.name]].append(use)
        return {service: tuple(uses) for service, uses in found.items()}


def _in_cluster(ask: Callable[[], Iterable[T]]) -> tuple[T, ...]:
    """Return the answers about a cluster; none if it was deleted: then it has neither services nor tasks."""
    try:
        return tuple(ask())
    except ClientError as error:
        if error_code(error) != _NO_CLUSTER:
            raise
        return ()
