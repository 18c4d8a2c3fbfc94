"""The list of all holds, and the writes that wait for the end of a stop or hold.

| pk | sk | data |
|---|---|---|
| HOLDS | ROLE#arn, FAMILY#family | who holds the role or the family, when and why: nothing is written to it |
| WAITING | arn | nothing: a stop or a hold refused a write for this task definition, or for the grants of this role |

A hold is stored with its role or family, too (``roles.py``, ``families.py``), for the run that is about to write. One
transaction writes or deletes both items, so that every hold is listed.

A refused write leaves one WAITING item per task definition or role, regardless of how often it is refused. Nothing
deletes it: it expires three hours after the last refusal. Until then each sweep (``pullguard resume`` asks for one) and
each hourly run revalidates it, and another refusal renews it.
"""

from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.stop import Stop
from pullguard.store.table import Client, Item, Table, data_of, expiry_of, reading

# Three hourly runs.
WAITING_KEPT_S: Final = 3 * 3600
_ALL: Final = "HOLDS"
_WAITING: Final = "WAITING"


class HoldStore(Table):
    """The list of holds, and what waits for the end of one. Errors propagate."""

    PARTITIONS: ClassVar = (_ALL, _WAITING)

    @asks("dynamodb:Query")
    def roles(self) -> dict[Arn, Stop]:
        """Return the held roles with their holds."""
        return dict(self._each(_ALL, lambda role, item: (Arn.parse(role), stop_of(item)), "ROLE#"))

    @asks("dynamodb:Query")
    def families(self) -> dict[str, Stop]:
        """Return the held families with their holds."""
        return dict(self._each(_ALL, lambda family, item: (family, stop_of(item)), "FAMILY#"))

    def listing(self, what: str, stop: Stop) -> dict[str, Any]:
        """Return the request that lists the hold on ``what``, for the transaction that sets it."""
        return self._writing(_ALL, what, stop.to_dict())

    def unlisting(self, what: str) -> dict[str, Any]:
        """Return the request that takes ``what`` from the list, for the transaction that ends its hold."""
        return self._deleting(_ALL, what)

    @asks("dynamodb:PutItem")
    def keep_waiting(self, subject: Arn, *, now: datetime) -> None:
        """Record that a stop or a hold refused a write for ``subject``, a task definition or a role."""
        self._put(_WAITING, str(subject), None, expires=now.timestamp() + WAITING_KEPT_S)

    @asks("dynamodb:Query")
    def waiting(self, *, now: datetime) -> tuple[Arn, ...]:
        """Return the task definitions and roles for which a stop or a hold refused a write in the last three hours."""
        return tuple(
            subject
            for subject, until in self._each(_WAITING, lambda arn, item: (Arn.parse(arn), expiry_of(item)))
            if until > now.timestamp()
        )


class Holdable(Table):
    """A store whose partitions can be held, one by one."""

    def __init__(self, client: Client, table: str) -> None:
        super().__init__(client, table)
        self._holds = HoldStore(client, table)

    def _held(self, what: str) -> Stop | None:
        """Return the hold on ``what``. A malformed hold still holds; its reason is the read error."""
        try:
            return self._get(what, "HOLD", Stop.from_dict)
        except MalformedItem as error:
            return Stop.from_dict({"reason": str(error)})

    def _hold(self, what: str, stop: Stop) -> None:
        self._together(put=(self._writing(what, "HOLD", stop.to_dict()), self._holds.listing(what, stop)))

    def _release_hold(self, what: str) -> None:
        self._together(delete=(self._deleting(what, "HOLD"), self._holds.unlisting(what)))


def stop_of(item: Item) -> Stop:
    """Return the hold of an item. A malformed one still holds; its reason is the read error."""
    try:
        return reading(item, lambda it: Stop.from_dict(data_of(it)))
    except MalformedItem as error:
        return Stop.from_dict({"reason": str(error)})
