"""Amazon EventBridge: which rules and which schedules start tasks of one very revision."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pullguard.arn import Arn
from pullguard.aws.answers import asks, looked_up
from pullguard.model import Lookup, ScheduleUse

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# What a universal target can call to start tasks.
_STARTING: Final = ("runTask", "startTask")
_NO_SUCH = frozenset({"ResourceNotFoundException"})


class Rules:
    """The rules on the default bus, on which all scheduled rules are."""

    def __init__(self, client: "EventBridgeClient") -> None:
        self._client = client

    @asks("events:ListRuleNamesByTarget", "events:ListTargetsByRule")
    def pinning(self, task_definition: Arn, clusters: Iterable[str]) -> Lookup[tuple[ScheduleUse, ...]]:
        """Find the rules that start tasks of ``task_definition`` in one of ``clusters`` (ARNs).

        The target of a rule that starts tasks is their cluster.
        Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
        """

        def call() -> tuple[ScheduleUse, ...]:
            names = {name for cluster in clusters for name in self._names(cluster)}
            return tuple(use for name in sorted(names) for use in self._of(name, task_definition))

        return looked_up("events:ListRuleNamesByTarget", str(task_definition), call, missing=_NO_SUCH)

    def _names(self, cluster: str) -> Iterator[str]:
        for page in self._client.get_paginator("list_rule_names_by_target").paginate(TargetArn=cluster):
            yield from page["RuleNames"]

    def _of(self, rule: str, task_definition: Arn) -> Iterator[ScheduleUse]:
        for page in self._client.get_paginator("list_targets_by_rule").paginate(Rule=rule):
            for target in page["Targets"]:
                if target.get("EcsParameters", {}).get("TaskDefinitionArn") == str(task_definition):
                    yield ScheduleUse(kind="rule", name=rule, within=target["Id"])


class Schedules:
    """The schedules of EventBridge Scheduler, of all groups."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @asks("scheduler:ListSchedules", "scheduler:GetSchedule")
    def pinning(self, task_definition: Arn, clusters: Iterable[str]) -> Lookup[tuple[ScheduleUse, ...]]:
        """Find the schedules that start tasks of ``task_definition`` in one of ``clusters`` (ARNs).

        Those with a universal target, which calls ECS as its input says, are found whatever the cluster.
        Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html
        """
        known = frozenset(clusters)
        sdk = f"arn:{task_definition.partition}:scheduler:::aws-sdk:ecs:"
        universal = frozenset(f"{sdk}{operation}" for operation in _STARTING)

        def call() -> tuple[ScheduleUse, ...]:
            return tuple(
                use
                for name, group in sorted(self._named(known | universal))
                if (use := self._use(name, group, task_definition)) is not None
            )

        return looked_up("scheduler:ListSchedules", str(task_definition), call, missing=_NO_SUCH)

    def _named(self, targets: frozenset[str]) -> Iterator[tuple[str, str]]:
        for page in self._client.get_paginator("list_schedules").paginate():
            for schedule in page["Schedules"]:
                if schedule.get("Target", {}).get("Arn") in targets:
                    yield schedule["Name"], schedule["GroupName"]

    def _use(self, name: str, group: str, task_definition: Arn) -> ScheduleUse | None:
        target = self._client.get_schedule(Name=name, GroupName=group)["Target"]
        if target.get("EcsParameters", {}).get("TaskDefinitionArn") == str(task_definition):
            return ScheduleUse(kind="schedule", name=name, within=group)
        if _named_in(target.get("Input")) in (str(task_definition), task_definition.resource_name):
            return ScheduleUse(kind="schedule", name=name, within=group, in_input=True)
        return None


def _named_in(request: object) -> object:
    """Return the task definition that a universal target's input names: an ARN, ``family:revision``, or a family.

    An input that is no JSON object, or names none, starts nothing.
    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    """
    try:
        members = json.loads(request) if isinstance(request, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    return next((value for name, value in members.items() if name.lower() == "taskdefinition"), None)
