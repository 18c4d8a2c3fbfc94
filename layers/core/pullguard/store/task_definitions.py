"""Which task definitions are known, and how far the sweep over them has come.

The items stand in the ledger's table:

| pk | sk | what |
|---|---|---|
| KNOWN | TD#arn | the last sweep that ``asked`` for it, the last that was ``answered``, and whether ``certain`` |
| SWEEP | CURRENT | the ``Sweep`` that is under way, or was the last |
| SWEEP | COMPLETE | the last sweep that was complete, and when |

A sweep is complete when every page of families was listed, one after another, when everything that it asked for was
answered, what is known but was not listed among it, and when no answer rests on something that could not be read.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.records import members_of
from pullguard.store.table import Item, Table, td

FIRST_PAGE: Final = ""
End: TypeAlias = Literal["complete", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A task definition that the ledger knows, as the sweeps see it."""

    task_definition: Arn
    asked: str | None = None
    answered: str | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep under way.

    ``due`` is the token of the page that is to be listed next, None once all are; ``last`` is that of the page before.
    ``first`` is whether none was complete before it: the ledger is still cold.
    """

    id: str
    began_at: str
    due: str | None = FIRST_PAGE
    last: str | None = None
    first: bool = False
    end: End | None = None

    @property
    def listed(self) -> bool:
        """Whether every page was listed."""
        return self.due is None

    def turned(self, following: str | None) -> "Sweep":
        """Return the sweep after the page that was due; ``following`` is the token of the next page."""
        return replace(self, last=self.due, due=following)


class TaskDefinitionStore(Table):
    """The known task definitions and the sweep. Errors propagate."""

    @asks("dynamodb:UpdateItem")
    def ask(self, task_definition: Arn, sweep: str) -> None:
        """Note that ``sweep`` asks for a look at a task definition, known or not."""
        self._update("KNOWN", td(task_definition), {"asked": {"S": sweep}})

    @asks("dynamodb:UpdateItem")
    def answer(self, task_definition: Arn, sweep: str, *, certain: bool) -> None:
        """Note that the look was taken; nothing where another sweep has asked since, or it was forgotten.

        ``certain`` is whether all that the task definition needs could be read.
        """
        self._update(
            "KNOWN",
            td(task_definition),
            {"answered": {"S": sweep}, "certain": {"BOOL": certain}},
            condition="asked = :sweep",
            values={":sweep": {"S": sweep}},
        )

    @asks("dynamodb:UpdateItem")
    def remember(self, task_definition: Arn) -> None:
        """Know a task definition from now on: each sweep asks for it until it is forgotten."""
        self._update("KNOWN", td(task_definition), {"known": {"BOOL": True}})

    @asks("dynamodb:DeleteItem")
    def forget(self, task_definition: Arn) -> None:
        """Know a task definition no more."""
        self._delete("KNOWN", td(task_definition))

    @asks("dynamodb:Query")
    def known(self) -> tuple[Known, ...]:
        """Return every task definition that is known."""
        return tuple(self._each("KNOWN", _known, "TD#"))

    @asks("dynamodb:Query")
    def siblings(self, task_definition: Arn) -> tuple[Arn, ...]:
        """Return the other revisions of the family that are known, by one query."""
        family = str(task_definition).rpartition(":")[0]
        known = self._each("KNOWN", lambda revision, _: Arn.parse(f"{family}:{revision}"), td(f"{family}:"))
        return tuple(arn for arn in known if arn != task_definition)

    @asks("dynamodb:GetItem")
    def sweep(self) -> Sweep | None:
        """Return the sweep under way, or the last one; None where there never was one, or it cannot be read."""
        return self._or_none("SWEEP", "CURRENT", lambda data: Sweep(**members_of(Sweep, data)))

    @asks("dynamodb:PutItem")
    def begin(self, sweep: Sweep) -> None:
        """Begin a sweep, in the place of any other."""
        self._put("SWEEP", "CURRENT", asdict(sweep), extra={"sweep": {"S": sweep.id}})

    @asks("dynamodb:PutItem")
    def save(self, sweep: Sweep) -> bool:
        """Keep how far a sweep has come; False where another has taken its place."""
        return self._put(
            "SWEEP",
            "CURRENT",
            asdict(sweep),
            extra={"sweep": {"S": sweep.id}},
            condition="sweep = :sweep",
            values={":sweep": {"S": sweep.id}},
        )

    @asks("dynamodb:GetItem")
    def complete(self) -> dict[str, Any] | None:
        """Return ``sweep`` and ``ended_at`` of the last complete sweep; None where there never was one.

        One that cannot be read counts as missing: nothing is concluded from it.
        """
        return self._or_none("SWEEP", "COMPLETE", lambda data: {name: data[name] for name in ("sweep", "ended_at")})

    @asks("dynamodb:PutItem")
    def save_complete(self, sweep: Sweep, *, now: datetime) -> None:
        """Keep that ``sweep`` was complete."""
        self._put("SWEEP", "COMPLETE", {"sweep": sweep.id, "ended_at": now.isoformat()})


def _known(arn: str, item: Item) -> Known:
    return Known(
        task_definition=Arn.parse(arn),
        asked=item.get("asked", {}).get("S"),
        answered=item.get("answered", {}).get("S"),
        certain=item.get("certain", {}).get("BOOL", False),
    )
