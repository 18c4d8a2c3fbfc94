"""The known task definitions, and the progress of the sweep over them.

The items are in the ledger's table:

| pk | sk | what |
|---|---|---|
| KNOWN | TD#arn | a ``Known`` |
| KNOWN | FAMILY#name | a ``KnownFamily``; expires 14 days after a sweep has asked for it |
| SWEEP | CURRENT | the ``Sweep`` in progress, or the last one |
| SWEEP | STATE | when the last sweep had listed everything |
| SWEEP | COMPLETE | the last complete sweep, and when it ended |

A sweep asks for the newest revision of each family by the family's name, and for other known revisions by ARN. It is
complete when it has listed every page of families in order, all its requests are answered, and no answer depends on
something that could not be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, TypeAlias

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, to_record
from pullguard.store.table import QUEUED_MAX_S, Item, Table, td

FIRST_PAGE: Final = ""
End: TypeAlias = Literal["complete", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A known task definition and its state in the sweeps, whose ids are ``asked``, ``answered`` and ``used``.

    ``used`` is the last sweep that found it in use, ``check`` the number of the check that asked for it.
    """

    task_definition: Arn
    asked: str | None = None
    answered: str | None = None
    certain: bool = False
    used: str | None = None
    check: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFamily:
    """A family and its state in the sweeps; ``newest`` is the revision in the answer, None if there was none."""

    family: str
    asked: str | None = None
    answered: str | None = None
    certain: bool = False
    newest: Arn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep in progress, or an ended one.

    ``due`` is the token of the next page to list, None when all are listed; ``last`` is that of the page before.
    ``paced_until`` is the time for which the requested validations suffice (planning/ecs_quota.py). ``first`` is
    whether no sweep was complete before it.
    """

    id: str
    began_at: str
    due: str | None = FIRST_PAGE
    last: str | None = None
    paced_until: datetime | None = None
    first: bool = False
    end: End | None = None

    @property
    def listed(self) -> bool:
        """Whether every page was listed."""
        return self.due is None

    def turned(self, following: str | None, paced_until: datetime | None = None) -> "Sweep":
        """Return the sweep after listing the due page; ``following`` is the token of the next page."""
        return replace(self, last=self.due, due=following, paced_until=paced_until)


class TaskDefinitionStore(Table):
    """The known task definitions and the sweep. Errors propagate."""

    PARTITIONS: ClassVar = ("KNOWN", "SWEEP")

    @asks("dynamodb:UpdateItem")
    def ask(self, task_definition: Arn, sweep: str, *, check: int = 0) -> None:
        """Record that a check of ``sweep`` requests a validation of a task definition, known or not."""
        self._update("KNOWN", td(task_definition), {"asked": {"S": sweep}, "check": {"N": str(check)}})

    @asks("dynamodb:UpdateItem")
    def answer(self, task_definition: Arn, sweep: str, *, certain: bool) -> None:
        """Record that the validation is done; no effect if another sweep has asked since, or it was forgotten.

        ``certain`` is whether everything that the task definition needs could be read.
        """
        self._update(
            "KNOWN",
            td(task_definition),
            {"answered": {"S": sweep}, "certain": {"BOOL": certain}},
            condition="asked = :sweep",
            values={":sweep": {"S": sweep}},
        )

    @asks("dynamodb:UpdateItem")
    def use(self, task_definition: Arn, sweep: str) -> None:
        """Record that ``sweep`` found a task definition in use, known or not."""
        self._update("KNOWN", td(task_definition), {"used": {"S": sweep}})

    @asks("dynamodb:UpdateItem")
    def ask_family(self, family: str, sweep: str, *, now: datetime) -> None:
        """Record that ``sweep`` requests a validation of the family's newest revision.

        The item outlives every message about it.
        """
        expires = {"N": str(int(now.timestamp() + QUEUED_MAX_S))}
        self._update("KNOWN", _family(family), {"asked": {"S": sweep}, "expires_at_epoch_s": expires})

    @asks("dynamodb:UpdateItem")
    def answer_family(self, family: str, sweep: str, newest: Arn | None, *, certain: bool) -> None:
        """Record that the validation is done, of the revision ``newest``; no effect if another sweep has asked since.

        ``certain`` is whether everything that it needs could be read.
        """
        self._update(
            "KNOWN",
            _family(family),
            {
                "answered": {"S": sweep},
                "certain": {"BOOL": certain},
                "newest": {"NULL": True} if newest is None else {"S": str(newest)},
            },
            condition="asked = :sweep",
            values={":sweep": {"S": sweep}},
        )

    @asks("dynamodb:Query")
    def families(self, sweep: str) -> tuple[KnownFamily, ...]:
        """Return every family that ``sweep`` has asked for."""
        return tuple(each for each in self._each("KNOWN", _known_family, _family("")) if each.asked == sweep)

    def remembering(self, task_definition: Arn) -> dict[str, Any]:
        """Return the request that adds a known task definition, for the transaction that stores its references.

        Each sweep asks for it until it is forgotten.
        """
        return {
            "TableName": self._table,
            "Key": self._key("KNOWN", td(task_definition)),
            "UpdateExpression": "SET known = :known",
            "ExpressionAttributeValues": {":known": {"BOOL": True}},
        }

    @asks("dynamodb:DeleteItem")
    def forget(self, task_definition: Arn) -> None:
        """Remove a known task definition."""
        self._delete("KNOWN", td(task_definition))

    @asks("dynamodb:Query")
    def known(self) -> tuple[Known, ...]:
        """Return every known task definition."""
        return tuple(self._each("KNOWN", _known, "TD#"))

    @asks("dynamodb:Query")
    def siblings(self, task_definition: Arn) -> tuple[Arn, ...]:
        """Return the other known revisions of the family, by one query."""
        family = str(task_definition).rpartition(":")[0]
        known = self._each("KNOWN", lambda revision, _: Arn.parse(f"{family}:{revision}"), td(f"{family}:"))
        return tuple(arn for arn in known if arn != task_definition)

    @asks("dynamodb:GetItem")
    def sweep(self) -> Sweep | None:
        """Return the sweep in progress or the last one; None if there never was one, or it cannot be read."""
        return self._or_none("SWEEP", "CURRENT", lambda data: from_record(Sweep, data))

    @asks("dynamodb:PutItem")
    def begin(self, sweep: Sweep) -> None:
        """Begin a sweep; it replaces any other."""
        self._put("SWEEP", "CURRENT", to_record(sweep), extra={"sweep": {"S": sweep.id}})

    @asks("dynamodb:PutItem")
    def save(self, sweep: Sweep) -> bool:
        """Store the progress of a sweep; False if another has replaced it."""
        return self._put(
            "SWEEP",
            "CURRENT",
            to_record(sweep),
            extra={"sweep": {"S": sweep.id}},
            condition="sweep = :sweep",
            values={":sweep": {"S": sweep.id}},
        )

    @asks("dynamodb:GetItem")
    def complete(self) -> dict[str, Any] | None:
        """Return ``sweep`` and ``ended_at`` of the last complete sweep; None if there never was one.

        A malformed record counts as missing: no conclusion is drawn from it.
        """
        return self._or_none("SWEEP", "COMPLETE", lambda data: {name: data[name] for name in ("sweep", "ended_at")})

    @asks("dynamodb:PutItem")
    def save_complete(self, sweep: Sweep, *, now: datetime) -> None:
        """Record that ``sweep`` was complete."""
        self._put("SWEEP", "COMPLETE", {"sweep": sweep.id, "ended_at": now.isoformat()})

    @asks("dynamodb:GetItem")
    def sweep_state(self) -> Mapping[str, Any] | None:
        """Return the id and end time of the last listing; None if there never was one, or it cannot be read."""
        return self._or_none("SWEEP", "STATE", lambda data: dict(data.items()))

    @asks("dynamodb:PutItem")
    def save_sweep_state(self, state: Mapping[str, Any]) -> None:
        """Store the id and end time of the last listing."""
        self._put("SWEEP", "STATE", dict(state))


def _known(arn: str, item: Item) -> Known:
    return Known(
        task_definition=Arn.parse(arn),
        asked=item.get("asked", {}).get("S"),
        answered=item.get("answered", {}).get("S"),
        certain=item.get("certain", {}).get("BOOL", False),
        used=item.get("used", {}).get("S"),
        check=int(item["check"]["N"]) if "check" in item else None,
    )


def _known_family(family: str, item: Item) -> KnownFamily:
    newest = item.get("newest", {}).get("S")
    return KnownFamily(
        family=family,
        asked=item.get("asked", {}).get("S"),
        answered=item.get("answered", {}).get("S"),
        certain=item.get("certain", {}).get("BOOL", False),
        newest=None if newest is None else Arn.parse(newest),
    )


def _family(name: str) -> str:
    return f"FAMILY#{name}"
