"""Amazon EventBridge: the rules and schedules that start tasks, with their revisions."""

import json
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pullguard.aws.answers import asks, error_code, looked_up
from pullguard.domain.arn import Arn, parse_task_definition
from pullguard.domain.errors import Malformed
from pullguard.domain.lookup import Lookup
from pullguard.domain.usage import ScheduleUse

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# The ECS calls of a universal target that start tasks.
_STARTING: Final = ("runTask", "startTask")
_NO_SUCH = frozenset({"ResourceNotFoundException"})


class Rules:
    """The rules on the default bus, on which all scheduled rules are."""

    def __init__(self, client: "EventBridgeClient") -> None:
        self._client = client

    @asks("events:ListRuleNamesByTarget", "events:ListTargetsByRule")
    def starting(self, clusters: Iterable[Arn]) -> Lookup[tuple[ScheduleUse, ...]]:
        """Find the rules that start tasks of a fixed revision in one of ``clusters``.

        The target of a rule that starts tasks is their cluster.
        Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
        """

        def call() -> tuple[ScheduleUse, ...]:
            names = {name: cluster for cluster in clusters for name in self._names(cluster)}
            return tuple(use for name, cluster in sorted(names.items()) for use in self._of(name, cluster))

        return looked_up("events:ListRuleNamesByTarget", "*", call, refused=_NO_SUCH)

    def _names(self, cluster: Arn) -> Iterator[str]:
        for page in self._client.get_paginator("list_rule_names_by_target").paginate(TargetArn=str(cluster)):
            yield from page["RuleNames"]

    def _of(self, rule: str, cluster: Arn) -> Iterator[ScheduleUse]:
        with _gone_is_none():
            for page in self._client.get_paginator("list_targets_by_rule").paginate(Rule=rule):
                for target in page["Targets"]:
                    revision = _revision(target.get("EcsParameters", {}).get("TaskDefinitionArn"), cluster)
                    if revision is not None:
                        yield ScheduleUse(kind="rule", name=rule, within=target["Id"], task_definition=revision)


class Schedules:
    """The schedules of EventBridge Scheduler, of all groups."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @asks("scheduler:ListSchedules", "scheduler:GetSchedule")
    def starting(self, clusters: Iterable[Arn]) -> Lookup[tuple[ScheduleUse, ...]]:
        """Find the schedules that start tasks of a fixed revision in one of ``clusters``.

        Schedules with a universal target, which calls ECS according to its input, are found for any cluster.
        Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html
        """
        homes = {str(cluster): cluster for cluster in clusters}
        home = next(iter(homes.values()), None)

        def call() -> tuple[ScheduleUse, ...]:
            if home is None:
                return ()  # no cluster, no task
            found = (self._use(name, group, home) for name, group in sorted(self._named(homes.keys())))
            return tuple(use for use in found if use is not None)

        return looked_up("scheduler:ListSchedules", "*", call, refused=_NO_SUCH)

    def _named(self, clusters: Set[str]) -> Iterator[tuple[str, str]]:
        """Yield name and group of each schedule that starts tasks."""
        for page in self._client.get_paginator("list_schedules").paginate():
            for schedule in page["Schedules"]:
                target = str(schedule.get("Target", {}).get("Arn"))
                service, _, operation = target.rpartition(":")
                if target in clusters or (service.endswith(":::aws-sdk:ecs") and operation in _STARTING):
                    yield schedule["Name"], schedule["GroupName"]

    def _use(self, name: str, group: str, home: Arn) -> ScheduleUse | None:
        target: dict[str, Any] = {}
        with _gone_is_none():
            target = self._client.get_schedule(Name=name, GroupName=group)["Target"]
        of_target = _revision(target.get("EcsParameters", {}).get("TaskDefinitionArn"), home)
        revision = of_target or _revision(_named_in(target.get("Input")), home)
        if revision is None:
            return None
        return ScheduleUse(
            kind="schedule", name=name, within=group, in_input=of_target is None, task_definition=revision
        )


def started_by(rules: Rules, schedules: Schedules, clusters: Iterable[str]) -> Lookup[tuple[ScheduleUse, ...]]:
    """Return every rule and schedule that starts tasks of a fixed revision in ``clusters`` (ARNs).

    If rules or schedules cannot be read, the result is that Unreadable: then it is unknown for every revision.
    """
    homes = tuple(Arn.parse(cluster, service="ecs", resource_type="cluster") for cluster in clusters)
    found = (rules.starting(homes), schedules.starting(homes))
    unreadable = next((each for each in found if not isinstance(each, tuple)), None)
    return unreadable or tuple(chain.from_iterable(each for each in found if isinstance(each, tuple)))


@contextmanager
def _gone_is_none() -> Iterator[None]:
    """Skip a rule or a schedule that was deleted after it was listed: it no longer starts anything."""
    try:
        yield
    except ClientError as error:
        if error_code(error) not in _NO_SUCH:
            raise


def _revision(text: object, home: Arn) -> Arn | None:
    """Return the revision that ``text``, an ARN or ``family:revision``, names in the account and Region of ``home``.

    Return None for a family alone (its newest revision is always in use), and for another account or Region.
    """
    if not isinstance(text, str):
        return None
    if not text.startswith("arn:"):
        text = f"arn:{home.partition}:ecs:{home.region}:{home.account}:task-definition/{text}"
    try:
        arn = parse_task_definition(text)
    except Malformed:
        return None
    return arn if (arn.account, arn.region) == (home.account, home.region) else None


def _named_in(request: object) -> object:
    """Return the task definition that a universal target's input names: an ARN, ``family:revision``, or a family.

    An input that is not a JSON object, or names no task definition, starts nothing.
    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    """
    try:
        members = json.loads(request) if isinstance(request, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    return next((value for name, value in members.items() if name.lower() == "taskdefinition"), None)
