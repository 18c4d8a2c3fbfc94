"""The services, schedules and callers that run or start a revision."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.lookup import Lookup, NotAsked, Tags

# The names of clusters and services: CreateCluster and CreateService.
_PLACE = re.compile(r"(?:cluster|service/[A-Za-z0-9_-]{1,255})/[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUse:
    """A service that runs a task definition. ``controller``: ``ECS``, ``CODE_DEPLOY`` or ``EXTERNAL``.

    ``deployed_at`` is when its newest deployment began. ``beside``: the revision belongs to a task set or deployment
    beside the service's own task definition, and the counts are those of that set. ``capacity_providers`` are the names
    in its strategy, ``constraints`` its placement constraints in readable form. ``tags`` are the service's own.
    """

    cluster_arn: str
    service_arn: str
    name: str
    task_definition: str
    controller: str = "ECS"
    launch_type: str | None = None
    platform_version: str | None = None
    desired_count: int = 0
    running_count: int = 0
    deployed_at: datetime | None = None
    beside: bool = False
    capacity_providers: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    tags: Tags = field(default_factory=dict)

    @property
    def long_arn(self) -> str:
        """Its ARN with the cluster; the ARNs of old services lack it.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids
        """
        return f"{self.cluster_arn.replace(':cluster/', ':service/', 1)}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUse:
    """A running or starting task. ``has_pulled``: it is past its pull, or ECS does not say.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
    """

    cluster_arn: str
    task_arn: str
    task_definition: str
    has_pulled: bool = True
    launch_type: str | None = None
    platform_version: str | None = None
    capacity_provider: str | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places in which the revisions of a family may run.

    ``services`` are ARNs with the cluster. ``clusters`` are those of the services, and others with tasks of the family.
    """

    services: frozenset[Arn] = frozenset()
    clusters: frozenset[Arn] = frozenset()

    @classmethod
    def of(cls, places: Iterable[Arn]) -> "Places":
        """Return the places that ``read_place`` returned, and the clusters of the services."""
        found = frozenset(places)
        services = frozenset(each for each in found if each.resource.startswith("service/"))
        return cls(services=services, clusters=(found - services).union(map(cluster_of, services)))


def read_place(text: str) -> Arn:
    """Parse the ARN of a service, with its cluster, or of a cluster; raises ``Malformed``."""
    arn = Arn.parse(text, service="ecs")
    if not _PLACE.fullmatch(arn.resource):
        raise Malformed("the ARN", text, "is neither a cluster nor a service with its cluster")
    return arn


def cluster_of(service: Arn) -> Arn:
    """Return the cluster of a service, from an ARN that names it."""
    return replace(service, resource=f"cluster/{service.resource_name.partition('/')[0]}")


def service_in(cluster: Arn, name: str) -> Arn:
    """Return the ARN of the service ``name`` in ``cluster``; raises ``Malformed``."""
    return read_place(str(replace(cluster, resource=f"service/{cluster.resource_name}/{name}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleUse:
    """An EventBridge rule or a schedule of EventBridge Scheduler that starts tasks of exactly one revision.

    ``within`` is the id of the rule's target, or the schedule's group. ``in_input``: the schedule has a universal
    target, and names the revision in the text of its input.
    """

    kind: Literal["rule", "schedule"]
    name: str
    within: str
    task_definition: Arn
    in_input: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A text in which ECS states why a task stopped.

    ``image`` and ``container`` (a name) belong to the container that gave it; None if the text is the task's own.
    """

    text: str
    image: str | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStart:
    """A task that stopped before it ran: ``reasons`` are the task's own text and its containers', as ECS gives them.

    ``of_service`` says whether a service started it; a service's revisions are read from the service itself. ``images``
    are those of its containers. ``execution_role`` is that of the task's overrides, None if they give none.
    """

    task_arn: str
    stopped_at: datetime
    reasons: tuple[Reason, ...]
    of_service: bool = False
    images: tuple[str, ...] = ()
    execution_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A container instance and the version of its agent (``1.18.0``).

    ``capacity_provider``: None if the instance belongs to no capacity provider.
    """

    cluster_arn: str
    instance_arn: str
    agent_version: str
    attributes: frozenset[str] = frozenset()
    capacity_provider: str | None = None

    @property
    def is_external(self) -> bool:
        """Whether it is an external instance (ECS Anywhere), which never runs tasks of the EC2 launch type.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
        """
        return "ecs.capability.external" in self.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The current uses of a revision, and whether it is the newest ACTIVE one of its family.

    ``latest`` is the newest ACTIVE revision of the family if that is another one; ``successor`` is the same if it is
    our own re-registration of this one. ``tasks`` and ``failed_starts`` are not listed where nothing depends on them.
    ``schedules`` are those that start tasks of this revision. ``started_alone``: a standalone task of it started or
    failed to start in the last day. ``ran_alone``: such a task ran.
    """

    newest: bool
    latest: Arn | None = None
    successor: Arn | None = None
    services: tuple[ServiceUse, ...] = ()
    tasks: tuple[TaskUse, ...] | NotAsked = ()
    instances: tuple[Instance, ...] = ()
    failed_starts: tuple[FailedStart, ...] | NotAsked = ()
    schedules: "Lookup[tuple[ScheduleUse, ...]]" = ()
    started_alone: bool = False
    ran_alone: bool = False

    @property
    def listed_tasks(self) -> tuple[TaskUse, ...]:
        """Its running tasks, none if they were not listed."""
        return () if isinstance(self.tasks, NotAsked) else self.tasks

    @property
    def has_pulled(self) -> bool:
        """Whether a task is known that has the revision's images, which it pulled after the registration."""
        return self.ran_alone or any(use.has_pulled for use in self.listed_tasks)

    @property
    def last_started_at(self) -> datetime | None:
        """When the most recently started running task had its image and started; None if unknown."""
        return max((use.started_at for use in self.listed_tasks if use.started_at is not None), default=None)


# --- Everything about one task definition ----------------------------------------------------------------------
