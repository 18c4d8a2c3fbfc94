"""Report rules and schedules that start tasks of the broken revision, with commands for their owners.

Pullguard does not change them. An EventBridge update must send back the whole target, including the input of its tasks,
which belongs to its owner. Reports name only the target, since its input may contain anything.
"""

import shlex

from pullguard.domain.actions import Refusal
from pullguard.domain.arn import Arn
from pullguard.domain.aws_cli import arguments
from pullguard.domain.errors import shown
from pullguard.domain.lookup import Lookup, NotAsked
from pullguard.domain.usage import ScheduleUse


def pins(
    schedules: Lookup[tuple[ScheduleUse, ...]], before: Arn, after: Arn, findings: tuple[str, ...] = ()
) -> tuple[Refusal, ...]:
    """Return refusals for the ``schedules`` that start tasks of ``before`` and should start those of ``after``.

    Unreadable schedules yield a refusal too: otherwise a task could fail every night unnoticed.
    """

    def refuse(target: str, why: str, remedy: str, snippet: str | None) -> Refusal:
        return Refusal(
            kind="move-service",
            task_definition=before,
            target=target,
            why=why,
            remedy=remedy,
            snippet=snippet,
            findings=findings,
        )

    if isinstance(schedules, NotAsked):
        return ()  # the first sweep reads them, and the plan is made again
    if not isinstance(schedules, tuple):
        return (
            refuse(
                "unknown schedules",
                f"it could not be read which rules and schedules start {before.resource_name} ({schedules})",
                "Find them by hand, or let Pullguard read them.",
                None,
            ),
        )
    return tuple(
        refuse(
            f"{each.kind} {each.name}",
            f"{_kind(each)} {shown(each.name)} starts tasks of this very revision, and is not Pullguard's to change",
            f"Let it start {after.resource_name}; what else its target says stays as it is.",
            _command(each, before, after),
        )
        for each in schedules
    )


def _kind(use: ScheduleUse) -> str:
    return "the EventBridge rule" if use.kind == "rule" else "the schedule of EventBridge Scheduler"


def _command(use: ScheduleUse, before: Arn, after: Arn) -> str:
    """Return the commands that read the target, change the revision in it, and write it back.

    Sources: PutTargets and UpdateSchedule; both replace the whole target.
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
    """
    changed = (
        f"sed -E {shlex.quote(_in_input(before, after))}" if use.in_input else f"sed {shlex.quote(_in(before, after))}"
    )
    if use.kind == "rule":
        where = arguments(("--region", before.region), ("--rule", use.name))
        query = shlex.quote(f"Targets[?Id==`{use.within}`]")
        return (
            f"aws events list-targets-by-rule {where} --query {query} --output json | {changed} > targets.json\n"
            f"aws events put-targets {where} --targets file://targets.json"
        )
    where = arguments(("--region", before.region), ("--group-name", use.within), ("--name", use.name))
    return (
        f"aws scheduler get-schedule {where} --output json "
        f"| jq 'del(.Arn, .CreationDate, .LastModificationDate)' | {changed} > schedule.json\n"
        f"aws scheduler update-schedule --region {before.region} --cli-input-json file://schedule.json"
    )


def _in(before: Arn, after: Arn) -> str:
    """Return the sed script that changes the revision if its ARN is a whole string of a JSON document."""
    return f's|{before}"|{after}"|'


def _in_input(before: Arn, after: Arn) -> str:
    """Return the sed script that changes an ARN or short name in JSON text embedded in a JSON document."""
    return rf's#(/|\\"){before.resource_name}\\"#\1{after.resource_name}\\"#g'
