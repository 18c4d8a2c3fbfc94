"""The deeds in each family of task definitions: every write to ECS, what is not to be repeated, and a hold.

| pk | sk | data |
|---|---|---|
| FAMILIES | FAMILY#family | nothing: a family with at least one write |
| FAMILY#family | WRITE#time#id#target | a registration, a move or a redeployment, and its outcome |
| FAMILY#family | HOLD | who holds the family, when and why (listed by ``holds.py``): nothing is written for it |
| FAMILY#family | REREGISTERED#arn | ARN of the revision that was registered in place of the revision ``arn`` |
| FAMILY#family | MOVED#service | the revisions before and after the last move of the service |

A REREGISTERED or MOVED item is kept, so that an action that people undo is not repeated, until ``pullguard resume``
allows the action again (docs/adr/0023).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.stop import Stop
from pullguard.domain.write_history import EcsWrite
from pullguard.store.holds import Holdable
from pullguard.store.table import HISTORY_KEPT_S, Item, data_of

_DONE: Final = ("REREGISTERED#", "MOVED#")


class FamilyStore(Holdable):
    """The recorded writes, actions and holds of families. Errors propagate."""

    PARTITIONS: ClassVar = ("FAMILIES", "FAMILY#")

    @asks("dynamodb:GetItem")
    def reregistered(self, source: Arn) -> Arn | None:
        """Return the revision that was registered in place of ``source``, or None."""
        return self._get(
            _family(family_of(source)),
            f"REREGISTERED#{source}",
            lambda data: Arn.parse(data, service="ecs", resource_type="task-definition"),
        )

    @asks("dynamodb:PutItem")
    def keep_reregistered(self, source: Arn, new: Arn) -> None:
        """Record that ``new`` was registered in place of ``source``. Call it after the registration."""
        self._put(_family(family_of(source)), f"REREGISTERED#{source}", str(new))

    @asks("dynamodb:GetItem")
    def was_moved(self, service: str, before: Arn, after: Arn) -> bool:
        """Whether the last recorded move of ``service`` was from ``before`` to ``after``."""
        last = self._get(_family(family_of(before)), f"MOVED#{service}", lambda data: (str(data[0]), str(data[1])))
        return last == (str(before), str(after))

    @asks("dynamodb:PutItem")
    def keep_move(self, service: str, before: Arn, after: Arn) -> None:
        """Record the move of a service. Call it after the move."""
        self._put(_family(family_of(before)), f"MOVED#{service}", [str(before), str(after)])

    @asks("dynamodb:Query")
    def done_in(self, family: str) -> tuple[str, ...]:
        """Return the sort keys of the actions in ``family`` that are not to be repeated."""
        return tuple(
            f"{kind}{done}" for kind in _DONE for done in self._each(_family(family), lambda sort, _: sort, kind)
        )

    @asks("dynamodb:DeleteItem")
    def let_again(self, family: str, done: str) -> None:
        """Delete the record of one action that ``done_in`` returned, so that it may be repeated."""
        self._delete(_family(family), done)

    @asks("dynamodb:Query")
    def known(self) -> tuple[str, ...]:
        """Return the families with at least one recorded write."""
        return tuple(self._each("FAMILIES", lambda family, _: family, "FAMILY#"))

    @asks("dynamodb:PutItem")
    def record_write(self, family: str, *, write_id: str, record: Mapping[str, Any], now: datetime) -> None:
        """Record a write for ``family``: call it before, and after with the same ``write_id`` and ``now``."""
        self._put("FAMILIES", _family(family), None)
        self._put(
            _family(family),
            f"WRITE#{now.isoformat()}#{write_id}",
            dict(record),
            expires=now.timestamp() + HISTORY_KEPT_S,
        )

    @asks("dynamodb:Query")
    def writes(self, family: str) -> tuple[EcsWrite, ...]:
        """Return the writes for ``family``, oldest first."""

        def read(sort: str, item: Item) -> EcsWrite:
            return EcsWrite.from_record(family, sort, data_of(item))

        return tuple(self._each(_family(family), read, "WRITE#"))

    @asks("dynamodb:GetItem")
    def hold(self, family: str) -> Stop | None:
        """Return the hold on ``family``, or None. Nothing is written for a held family."""
        return self._held(_family(family))

    @asks("dynamodb:PutItem")
    def save_hold(self, family: str, stop: Stop) -> None:
        """Hold ``family`` until the hold ends: no revision is registered, no service moved or redeployed."""
        self._hold(_family(family), stop)

    @asks("dynamodb:DeleteItem")
    def end_hold(self, family: str) -> None:
        """End the hold on ``family``."""
        self._release_hold(_family(family))


def _family(family: str) -> str:
    return f"FAMILY#{family}"
