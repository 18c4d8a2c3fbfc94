"""A survey of what runs in an account and Region now, cluster by cluster, for many task definitions at once.

Asking for the usage of each task definition would list all clusters each time; one survey answers for all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from pullguard.aws.answers import looked_up
from pullguard.aws.ecs import Ecs
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import FailedStart, Instance, ServiceUse, TaskUse, Usage
from pullguard.planning.successor import latest_of, successor_of

T = TypeVar("T")
_NO_CLUSTER = frozenset({"ClusterNotFoundException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSurvey:
    """One cluster; ``failed_starts`` are pairs of a task definition's ARN and a failed start."""

    cluster: str
    services: Lookup[tuple[ServiceUse, ...]]
    tasks: Lookup[tuple[TaskUse, ...]]
    instances: Lookup[tuple[Instance, ...]]
    failed_starts: Lookup[tuple[tuple[str, FailedStart], ...]]

    @property
    def unread(self) -> tuple[Unreadable, ...]:
        """The lookups about the cluster that failed."""
        lookups = (self.services, self.tasks, self.instances, self.failed_starts)
        return tuple(lookup for lookup in lookups if isinstance(lookup, Unreadable))

    @property
    def exists(self) -> bool:
        """Whether AWS knows the cluster."""
        return not isinstance(self.services, Missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Uses:
    """The uses of one revision; ``failed_in`` are the clusters of ``failed_starts``, one for each."""

    services: list[ServiceUse] = field(default_factory=list)
    tasks: list[TaskUse] = field(default_factory=list)
    failed_starts: list[FailedStart] = field(default_factory=list)
    failed_in: list[str] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether a service or a task runs it."""
        return bool(self.services or self.tasks)

    @property
    def matters(self) -> bool:
        """Whether it runs, or a schedule or a program just failed to start it; a service's starts count as running."""
        return self.runs or any(not start.of_service for start in self.failed_starts)

    @property
    def on_instances_of(self) -> frozenset[str]:
        """The clusters on whose own instances it runs: only Fargate has a platform version."""
        uses: tuple[ServiceUse | TaskUse, ...] = (*self.services, *self.tasks)
        return frozenset(
            use.cluster_arn for use in uses if use.launch_type != "FARGATE" and use.platform_version is None
        )


_NOWHERE = _Uses()


class Running:
    """Everything found running, by the ARN of the task definition."""

    def __init__(self, clusters: Iterable[ClusterSurvey] = (), *, unlisted: Unreadable | None = None) -> None:
        self._clusters = tuple(clusters)
        self._unlisted = unlisted
        self._uses: dict[str, _Uses] = {}
        for cluster in self._clusters:
            for service in _found(cluster.services):
                self._of(service.task_definition).services.append(service)
            for task in _found(cluster.tasks):
                self._of(task.task_definition).tasks.append(task)
            for arn, start in _found(cluster.failed_starts):
                self._of(arn).failed_starts.append(start)
                self._of(arn).failed_in.append(cluster.cluster)
        self._revisions: dict[str, dict[Arn, tuple[str, ...]]] = {}
        for text, uses in sorted(self._uses.items()):
            if text and uses.matters:
                revision = Arn.parse(text, service="ecs", resource_type="task-definition")
                family = revision.resource_name.rpartition(":")[0]
                self._revisions.setdefault(family, {})[revision] = tuple(_places(uses))

    def _of(self, arn: str) -> _Uses:
        return self._uses.setdefault(arn, _Uses())

    @property
    def clusters(self) -> tuple[ClusterSurvey, ...]:
        """The surveyed clusters."""
        return self._clusters

    @property
    def unread(self) -> tuple[Unreadable, ...]:
        """All lookups that failed."""
        unlisted = () if self._unlisted is None else (self._unlisted,)
        return (*unlisted, *(unread for cluster in self._clusters for unread in cluster.unread))

    @property
    def revisions(self) -> Mapping[str, Mapping[Arn, tuple[str, ...]]]:
        """The revisions in use, by family, each with descriptions of its places: its services, or else its clusters.

        A revision is in use if a service or a running task uses it, or a schedule or a program just failed to start it.
        """
        return self._revisions

    def places(self, revision: Arn) -> tuple[str, ...]:
        """Return the places of one revision; empty if it is not in use."""
        family = revision.resource_name.rpartition(":")[0]
        return self._revisions.get(family, {}).get(revision, ())

    def usage(self, task_definition: TaskDefinition, newest: Lookup[TaskDefinition]) -> Lookup[Usage]:
        """Return the usage of a revision; ``newest`` is the result of describing its family.

        If a lookup failed that may affect this revision, the result is that failure, not a guess.
        """
        uses = self._uses.get(str(task_definition.arn), _NOWHERE)
        if (unreadable := self._failure(uses)) is not None:
            return unreadable
        return Usage(
            newest=isinstance(newest, TaskDefinition) and newest.arn == task_definition.arn,
            latest=latest_of(newest, task_definition),
            successor=successor_of(newest, task_definition),
            services=tuple(uses.services),
            tasks=tuple(uses.tasks),
            instances=tuple(
                instance
                for cluster in self._clusters
                if cluster.cluster in uses.on_instances_of
                for instance in _found(cluster.instances)
            ),
            failed_starts=tuple(uses.failed_starts),
        )

    def _failure(self, uses: _Uses) -> Unreadable | None:
        if self._unlisted is not None:
            return self._unlisted
        for cluster in self._clusters:
            for lookup in (cluster.services, cluster.tasks, cluster.failed_starts):
                if isinstance(lookup, Unreadable):
                    return lookup
            if isinstance(cluster.instances, Unreadable) and cluster.cluster in uses.on_instances_of:
                return cluster.instances
        return None


def survey_running(ecs: Ecs, threads: Executor, clusters: tuple[str, ...] = ()) -> Running:
    """Survey ``clusters`` (ARNs or names; default: all), several at a time."""
    listed = clusters or looked_up("ecs:ListClusters", "*", lambda: tuple(ecs.clusters()), outlasts_faults=True)
    if isinstance(listed, Unreadable):
        return Running(unlisted=listed)
    return Running(threads.map(lambda cluster: _survey(ecs, cluster), _found(listed)))


def _survey(ecs: Ecs, cluster: str) -> ClusterSurvey:
    def ask(permission: str, question: Callable[[str], Iterator[T]]) -> Lookup[tuple[T, ...]]:
        return looked_up(
            permission, cluster, lambda: tuple(question(cluster)), missing=_NO_CLUSTER, outlasts_faults=True
        )

    return ClusterSurvey(
        cluster=cluster,
        services=ask("ecs:ListServices", ecs.services),
        tasks=ask("ecs:ListTasks", ecs.tasks),
        instances=ask("ecs:ListContainerInstances", ecs.instances),
        failed_starts=ask("ecs:ListTasks", ecs.failed_starts),
    )


def _found(lookup: Lookup[tuple[T, ...]]) -> tuple[T, ...]:
    return () if isinstance(lookup, Missing | Unreadable | NotAsked) else lookup


def _places(uses: _Uses) -> Iterator[str]:
    for service in sorted(uses.services, key=lambda each: (each.cluster_arn, each.name)):
        yield f"service {service.name} in cluster {_name(service.cluster_arn)}"
    if not uses.services:
        yield from _counted("task", (task.cluster_arn for task in uses.tasks))
    if not uses.runs:
        yield from _counted("failed start", uses.failed_in)


def _counted(what: str, clusters: Iterable[str]) -> Iterator[str]:
    for cluster, count in sorted(Counter(map(_name, clusters)).items()):
        yield f"{count} {what if count == 1 else what + 's'} in cluster {cluster}"


def _name(cluster: str) -> str:
    return cluster.rpartition("/")[2]
