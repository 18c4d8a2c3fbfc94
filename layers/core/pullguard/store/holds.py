"""The part of the ledger about holds: which roles and families are left alone, and by whose will.

| pk | sk | data |
|---|---|---|
| ROLE#arn | HOLD | who holds the role, when and why: nothing is written to it |
| FAMILY#family | HOLD | who holds the family, when and why: no revision is registered, no service moved or redeployed |
| HOLDS | ROLE#arn, FAMILY#family | the same once more, so that all that is held is one query, written to or not |
| WAITING | arn | nothing: a stop or a hold refused a write for this task definition, or for the grants of this role |

Both items of a hold come and go in one transaction, so that nothing is held that is not listed.

What waits is one item per task definition or role, however often it is refused. Nothing deletes it: it expires some
hours after the last refusal. Until then each sweep (``pullguard resume`` asks for one) and each hourly run asks about
it once more, and a refusal renews it.
"""

from datetime import datetime
from typing import Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.stop import Stop
from pullguard.store.table import Item, Table, data_of, expiry_of, reading

# Three of the hourly runs.
WAITING_KEPT_S: Final = 3 * 3600
_ALL: Final = "HOLDS"
_WAITING: Final = "WAITING"


class HoldStore(Table):
    """What somebody holds. Errors propagate."""

    @asks("dynamodb:GetItem")
    def hold(self, role: Arn) -> Stop | None:
        """Return who holds ``role``, so that nothing is written to it; None where nobody does."""
        return self._held(f"ROLE#{role}")

    @asks("dynamodb:PutItem")
    def save_hold(self, role: Arn, stop: Stop) -> None:
        """Hold ``role``: nothing is written to it until the hold is taken away."""
        self._hold(f"ROLE#{role}", stop)

    @asks("dynamodb:DeleteItem")
    def end_hold(self, role: Arn) -> None:
        """Let ``role`` be written to again."""
        self._let_go(f"ROLE#{role}")

    @asks("dynamodb:Query")
    def held_roles(self) -> dict[Arn, Stop]:
        """Return every role that is held, with who holds it."""
        return dict(self._each(_ALL, lambda role, item: (Arn.parse(role), _stop(item)), "ROLE#"))

    @asks("dynamodb:GetItem")
    def family_hold(self, family: str) -> Stop | None:
        """Return who holds ``family``, so that nothing of it is written; None where nobody does."""
        return self._held(f"FAMILY#{family}")

    @asks("dynamodb:PutItem")
    def save_family_hold(self, family: str, stop: Stop) -> None:
        """Hold ``family`` until the hold is taken away: no revision is registered, no service moved or redeployed."""
        self._hold(f"FAMILY#{family}", stop)

    @asks("dynamodb:DeleteItem")
    def end_family_hold(self, family: str) -> None:
        """Let ``family`` be written to again."""
        self._let_go(f"FAMILY#{family}")

    @asks("dynamodb:Query")
    def held_families(self) -> dict[str, Stop]:
        """Return every family that is held, with who holds it."""
        return dict(self._each(_ALL, lambda family, item: (family, _stop(item)), "FAMILY#"))

    @asks("dynamodb:PutItem")
    def keep_waiting(self, subject: Arn, *, now: datetime) -> None:
        """Keep that a stop or a hold refused a write for ``subject``, a task definition or a role."""
        self._put(_WAITING, str(subject), None, expires=now.timestamp() + WAITING_KEPT_S)

    @asks("dynamodb:Query")
    def waiting(self, *, now: datetime) -> tuple[Arn, ...]:
        """Return the task definitions and roles for which a stop or a hold refused a write in the last hours."""
        return tuple(
            subject
            for subject, until in self._each(_WAITING, lambda arn, item: (Arn.parse(arn), expiry_of(item)))
            if until > now.timestamp()
        )

    def _held(self, what: str) -> Stop | None:
        """Return who holds ``what``; of a hold that cannot be read, why not: it holds, whatever it was to say."""
        try:
            return self._get(what, "HOLD", Stop.from_dict)
        except MalformedItem as error:
            return Stop.from_dict({"reason": str(error)})

    def _hold(self, what: str, stop: Stop) -> None:
        data = stop.to_dict()
        self._together(put=(self._writing(what, "HOLD", data), self._writing(_ALL, what, data)))

    def _let_go(self, what: str) -> None:
        self._together(delete=(self._deleting(what, "HOLD"), self._deleting(_ALL, what)))


def _stop(item: Item) -> Stop:
    try:
        return reading(item, lambda it: Stop.from_dict(data_of(it)))
    except MalformedItem as error:
        return Stop.from_dict({"reason": str(error)})
