"""Amazon EventBridge: which rules and which schedules start tasks of one very revision."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pullguard.arn import Arn
from pullguard.aws.answers import asks, looked_up
from pullguard.model import Lookup, ScheduleUse

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

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

        Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html
        """
        known = frozenset(clusters)

        def call() -> tuple[ScheduleUse, ...]:
            return tuple(
                ScheduleUse(kind="schedule", name=name, within=group)
                for name, group in sorted(self._named(known))
                if self._revision(name, group) == str(task_definition)
            )

        return looked_up("scheduler:ListSchedules", str(task_definition), call, missing=_NO_SUCH)

    def _named(self, clusters: frozenset[str]) -> Iterator[tuple[str, str]]:
        for page in self._client.get_paginator("list_schedules").paginate():
            for schedule in page["Schedules"]:
                if schedule.get("Target", {}).get("Arn") in clusters:
                    yield schedule["Name"], schedule["GroupName"]

    def _revision(self, name: str, group: str) -> object:
        target = self._client.get_schedule(Name=name, GroupName=group)["Target"]
        return target.get("EcsParameters", {}).get("TaskDefinitionArn")
