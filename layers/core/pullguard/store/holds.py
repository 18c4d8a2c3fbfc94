"""Holds on roles and families: who set each, when and why.

| pk | sk | data |
|---|---|---|
| ROLE#arn | HOLD | who holds the role, when and why: nothing is written to it |
| FAMILY#family | HOLD | who holds the family, when and why: no revision is registered, no service moved or redeployed |
| HOLDS | ROLE#arn, FAMILY#family | the same data, so that one query lists all holds |
| WAITING | arn | nothing: a stop or a hold refused a write for this task definition, or for the grants of this role |

One transaction writes or deletes both items of a hold, so that every hold is listed.

A refused write leaves one WAITING item per task definition or role, regardless of how often it is refused. Nothing
deletes it: it expires three hours after the last refusal. Until then each sweep (``pullguard resume`` asks for one) and
each hourly run revalidates it, and another refusal renews it.
"""

from datetime import datetime
from typing import Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.stop import Stop
from pullguard.store.table import Item, Table, data_of, expiry_of, reading

# Three hourly runs.
WAITING_KEPT_S: Final = 3 * 3600
_ALL: Final = "HOLDS"
_WAITING: Final = "WAITING"


class HoldStore(Table):
    """The holds on roles and families. Errors propagate."""

    @asks("dynamodb:GetItem")
    def hold(self, role: Arn) -> Stop | None:
        """Return the hold on ``role``, or None. A held role is not written to."""
        return self._held(f"ROLE#{role}")

    @asks("dynamodb:PutItem")
    def save_hold(self, role: Arn, stop: Stop) -> None:
        """Hold ``role``: nothing is written to it until the hold ends."""
        self._hold(f"ROLE#{role}", stop)

    @asks("dynamodb:DeleteItem")
    def end_hold(self, role: Arn) -> None:
        """End the hold on ``role``."""
        self._release_hold(f"ROLE#{role}")

    @asks("dynamodb:Query")
    def held_roles(self) -> dict[Arn, Stop]:
        """Return the held roles with their holds."""
        return dict(self._each(_ALL, lambda role, item: (Arn.parse(role), _stop(item)), "ROLE#"))

    @asks("dynamodb:GetItem")
    def family_hold(self, family: str) -> Stop | None:
        """Return the hold on ``family``, or None. Nothing is written for a held family."""
        return self._held(f"FAMILY#{family}")

    @asks("dynamodb:PutItem")
    def save_family_hold(self, family: str, stop: Stop) -> None:
        """Hold ``family`` until the hold ends: no revision is registered, no service moved or redeployed."""
        self._hold(f"FAMILY#{family}", stop)

    @asks("dynamodb:DeleteItem")
    def end_family_hold(self, family: str) -> None:
        """End the hold on ``family``."""
        self._release_hold(f"FAMILY#{family}")

    @asks("dynamodb:Query")
    def held_families(self) -> dict[str, Stop]:
        """Return the held families with their holds."""
        return dict(self._each(_ALL, lambda family, item: (family, _stop(item)), "FAMILY#"))

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

    def _held(self, what: str) -> Stop | None:
        """Return the hold on ``what``. A malformed hold still holds; its reason is the read error."""
        try:
            return self._get(what, "HOLD", Stop.from_dict)
        except MalformedItem as error:
            return Stop.from_dict({"reason": str(error)})

    def _hold(self, what: str, stop: Stop) -> None:
        data = stop.to_dict()
        self._together(put=(self._writing(what, "HOLD", data), self._writing(_ALL, what, data)))

    def _release_hold(self, what: str) -> None:
        self._together(delete=(self._deleting(what, "HOLD"), self._deleting(_ALL, what)))


def _stop(item: Item) -> Stop:
    try:
        return reading(item, lambda it: Stop.from_dict(data_of(it)))
    except MalformedItem as error:
        return Stop.from_dict({"reason": str(error)})
