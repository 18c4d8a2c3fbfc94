"""A cached listing of clusters, shared by a batch of task definitions: ECS is asked once for what runs where.

ECS can list the tasks of one family, but not the services of one revision. Services are therefore listed by cluster,
and so are tasks once the batch has more than ``FAMILIES_MAX`` families. Then one listing costs less than one per
family, and a broken secret with hundreds of dependents stays within the rate limit of ECS reads.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

from collections.abc import Iterable
from typing import Final

from pullguard.aws.ecs import Ecs
from pullguard.aws.once import Once
from pullguard.domain.lookup import Lookup
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import FailedStart, ServiceUse, TaskUse

FAMILIES_MAX: Final = 2


class Walk:
    """The lookups of ``Ecs.usage``, each made once. Create one per batch, together with its cache."""

    def __init__(self, ecs: Ecs, once: Once) -> None:
        self._ecs = ecs
        self._once = once
        self._families: set[str] = set()

    def describe(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe a revision, or the newest ACTIVE one of a family."""
        return self._once(("task-definition", reference), lambda: self._ecs.describe(reference))

    def clusters(self) -> tuple[str, ...]:
        """Return the ARNs of all clusters."""
        return self._once("clusters", lambda: tuple(self._ecs.clusters()))

    def services(self, cluster: str) -> tuple[ServiceUse, ...]:
        """Return the services of ``cluster``."""
        return self._once(("services", cluster), lambda: tuple(self._ecs.services(cluster)))

    def tasks(self, cluster: str, family: str) -> tuple[TaskUse, ...]:
        """Return running tasks of ``cluster``, those of ``family`` among them."""
        if self._alone(family):
            return self._once(("tasks", cluster, family), lambda: tuple(self._ecs.tasks(cluster, family)))
        return self._once(("tasks", cluster), lambda: tuple(self._ecs.tasks(cluster)))

    def failed_starts(self, cluster: str, task_definition: TaskDefinition) -> Iterable[FailedStart]:
        """Return the tasks of a revision that stopped before they ran."""
        if self._alone(task_definition.family):
            return tuple(self._ecs.failed_starts(cluster, task_definition))
        starts = self._once(("failed-starts", cluster), lambda: tuple(self._ecs.all_failed_starts(cluster)))
        return tuple(start for arn, start in starts if arn == str(task_definition.arn))

    def _alone(self, family: str) -> bool:
        """Whether the batch has few enough families to list each on its own."""
        self._families.add(family)
        return len(self._families) <= FAMILIES_MAX
