"""The services, schedules and callers that run or start a revision."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Tags


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
    our own re-registration of this one. ``schedules`` are those that start tasks of this revision. ``started_alone``: a
    standalone task of it started or failed to start in the last day. ``ran_alone``: such a task ran.
    """

    newest: bool
    latest: Arn | None = None
    successor: Arn | None = None
    services: tuple[ServiceUse, ...] = ()
    tasks: tuple[TaskUse, ...] = ()
    instances: tuple[Instance, ...] = ()
    failed_starts: tuple[FailedStart, ...] = ()
    schedules: "Lookup[tuple[ScheduleUse, ...]]" = ()
    started_alone: bool = False
    ran_alone: bool = False

    @property
    def has_pulled(self) -> bool:
        """Whether a task of the revision has its images, which it pulled after the revision was registered."""
        return self.ran_alone or any(use.has_pulled for use in self.tasks)

    @property
    def last_started_at(self) -> datetime | None:
        """When the most recently started running task had its image and started; None if unknown."""
        return max((use.started_at for use in self.tasks if use.started_at is not None), default=None)


# --- Everything about one task definition ----------------------------------------------------------------------
