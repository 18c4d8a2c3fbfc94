"""Task starts outside services, in the ledger's table: rules, schedules and standalone starts.

Amazon ECS forgets a stopped task after about an hour, and listing all rules and schedules is too much work for each
event. Each sweep therefore stores the rules and schedules that it found, and task events are stored for a day.

| pk | sk | data |
|---|---|---|
| SCHEDULES | LISTED | when they were last listed, or what could not be read |
| SCHEDULES | TD#arn kind within name | the members of a ``ScheduleUse`` that the key does not contain |
| ALONE | RAN TD#arn, FAILED TD#arn | nothing: a standalone task of the revision ran, or failed to start |
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn, parse_task_definition
from pullguard.domain.errors import MalformedItem
from pullguard.domain.lookup import Lookup, NotAsked, Unreadable
from pullguard.domain.usage import ScheduleUse
from pullguard.store.table import DAY_S, Item, Table, data_of, expiry_of, log_malformed, reading, td

NOT_LISTED: Final = NotAsked(
    why="which rules and schedules start the revision is not known before the first sweep",
    switch="wait for the first sweep, or ask for one: pullguard resume",
)
_HOUR_S: Final = 3600
_ALL, _LISTED = "SCHEDULES", "LISTED"
_ALONE, _RAN, _FAILED = "ALONE", "RAN", "FAILED"


class StartStore(Table):
    """The rules, schedules and callers that start tasks; ``now`` returns the time, UTC. Errors propagate."""

    PARTITIONS: ClassVar = (_ALL, _ALONE)

    def __init__(self, client: Any, table: str, *, now: Callable[[], datetime]) -> None:
        super().__init__(client, table)
        self._now = now

    @asks("dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
    def keep_schedules(self, found: Lookup[tuple[ScheduleUse, ...]]) -> None:
        """Store the rules and schedules that a sweep ``found``, or that they could not be read."""
        if not isinstance(found, tuple):
            self._put(_ALL, _LISTED, {"at": self._now().isoformat(), "unread": str(found)})
            return
        known = {item["sk"]["S"]: item.get("data", {}).get("S") for item in self._items(_ALL, "TD#")}
        wanted = {_sort(use): _data(use) for use in found}
        for sort, data in wanted.items():
            if known.get(sort) != json.dumps(data):  # this replaces malformed items too
                self._put(_ALL, sort, data)
        for sort in known.keys() - wanted.keys():
            self._delete(_ALL, sort)
        self._put(_ALL, _LISTED, {"at": self._now().isoformat(), "unread": None})

    @asks("dynamodb:Query")
    def schedules(self) -> Lookup[tuple[ScheduleUse, ...]]:
        """Return every rule and schedule that starts tasks of a fixed revision, as of the last sweep."""
        found = tuple(self._each(_ALL, _listed_or_use))
        listed = next((each for each in found if isinstance(each, str)), None)
        if listed is None:
            return NOT_LISTED
        if listed:
            return Unreadable(permission="scheduler:ListSchedules", resource="*", reason="refused", detail=listed)
        return tuple(each for each in found if isinstance(each, ScheduleUse))

    @asks("dynamodb:PutItem")
    def keep_alone(self, task_definition: Arn, *, ran: bool) -> None:
        """Record for a day that a standalone task ``ran`` or failed to start.

        This writes at most once per hour for each of the two outcomes.
        """
        expires = self._now().timestamp() + DAY_S
        self._put(
            _ALONE,
            f"{_RAN if ran else _FAILED} {td(task_definition)}",
            None,
            expires=expires,
            condition="NOT attribute_type(expires_at_epoch_s, :number) OR expires_at_epoch_s <= :an_hour_before",
            values={":number": {"S": "N"}, ":an_hour_before": {"N": str(int(expires - _HOUR_S))}},
        )

    @asks("dynamodb:Query")
    def alone(self) -> dict[Arn, bool]:
        """Return the revisions with a standalone start in the last day, each with whether one of its tasks ran."""
        now_s, found = self._now().timestamp(), dict[Arn, bool]()
        for ran, arn, counts in self._each(_ALONE, lambda sort, item: (*_start(sort), _counts(item, now_s))):
            if counts:
                found[arn] = found.get(arn, False) or ran
        return found


def _start(sort: str) -> tuple[bool, Arn]:
    how, _, revision = sort.partition(" ")
    return how == _RAN, parse_task_definition(revision.removeprefix("TD#"))


def _counts(item: Item, now_s: float) -> bool:
    """Whether a start is recent enough to count; one with an unreadable time counts."""
    return _or_else(item, lambda it: expiry_of(it) > now_s, default=True)


def _sort(use: ScheduleUse) -> str:
    return f"{td(use.task_definition)} {use.kind} {use.within} {use.name}"


def _data(use: ScheduleUse) -> dict[str, bool]:
    return {"in_input": use.in_input}


def _listed_or_use(sort: str, item: Item) -> str | ScheduleUse:
    """Read what could not be listed (empty: everything was), or a use."""
    return str(data_of(item)["unread"] or "") if sort == _LISTED else _use(sort.removeprefix("TD#"), item)


def _use(sort: str, item: Item) -> ScheduleUse:
    """Read a use from its sort key, which has all essential members: malformed data does not end a use."""
    revision, kind, within, name = sort.split(" ", 3)
    return ScheduleUse(
        kind="rule" if kind == "rule" else "schedule",
        name=name,
        within=within,
        in_input=_or_else(item, lambda it: data_of(it)["in_input"] is True, default=False),
        task_definition=parse_task_definition(revision),
    )


def _or_else(item: Item, read: Callable[[Item], bool], *, default: bool) -> bool:
    """Return the result of ``read`` on ``item``; log a malformed item and return ``default``."""
    try:
        return reading(item, read)
    except MalformedItem as error:
        log_malformed(error)
        return default
