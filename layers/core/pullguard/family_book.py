"""The part of the ledger about families: who holds one, and what was done in it, so that what is undone stays undone.

| pk | sk | data |
|---|---|---|
| FAMILY#family | HOLD | who holds the family, when and why: no revision is registered, no service moved or redeployed |
| FAMILY#family | REREGISTERED#arn | ARN of the revision that was registered in the place of the revision ``arn`` |
| FAMILY#family | MOVED#service | the revisions, before and after, between which the service was moved last |

What was done is kept until somebody lets it be done again (docs/adr/0023).
"""

from typing import Final

from pullguard.arn import Arn, family_of
from pullguard.aws.answers import asks
from pullguard.stop import Stop
from pullguard.table import Table

_DONE: Final = ("REREGISTERED#", "MOVED#")


class FamilyBook(Table):
    """What is remembered of families of task definitions. Errors propagate."""

    @asks("dynamodb:GetItem")
    def family_hold(self, family: str) -> Stop | None:
        """Return who holds ``family``, so that nothing of it is written; None where nobody does."""
        data = self._get(_family(family), "HOLD")
        return None if data is None else Stop.from_dict(data)

    @asks("dynamodb:PutItem")
    def save_family_hold(self, family: str, stop: Stop) -> None:
        """Hold ``family`` until the hold is taken away: no revision is registered, no service moved or redeployed."""
        self._put(_family(family), "HOLD", stop.to_dict())

    @asks("dynamodb:DeleteItem")
    def end_family_hold(self, family: str) -> None:
        """Let ``family`` be written to again."""
        self._delete(_family(family), "HOLD")

    @asks("dynamodb:GetItem")
    def reregistered(self, source: Arn) -> Arn | None:
        """Return the revision that was once registered in the place of ``source``; None where none was."""
        data = self._get(_family(family_of(source)), f"REREGISTERED#{source}")
        return None if data is None else Arn.parse(data, service="ecs", resource_type="task-definition")

    @asks("dynamodb:PutItem")
    def keep_reregistered(self, source: Arn, new: Arn) -> None:
        """Remember that ``new`` was registered in the place of ``source``; called after it was."""
        self._put(_family(family_of(source)), f"REREGISTERED#{source}", str(new))

    @asks("dynamodb:GetItem")
    def was_moved(self, service: str, before: Arn, after: Arn) -> bool:
        """Whether the last move of ``service`` was this one."""
        return bool(self._get(_family(family_of(before)), f"MOVED#{service}") == [str(before), str(after)])

    @asks("dynamodb:PutItem")
    def keep_move(self, service: str, before: Arn, after: Arn) -> None:
        """Remember the move of a service; called after it was moved."""
        self._put(_family(family_of(before)), f"MOVED#{service}", [str(before), str(after)])

    @asks("dynamodb:Query")
    def done_in(self, family: str) -> tuple[str, ...]:
        """Return what is remembered of ``family`` and keeps it from being done again."""
        return tuple(sort for kind in _DONE for sort, _ in self._query(_family(family), prefix=kind))

    @asks("dynamodb:DeleteItem")
    def let_again(self, family: str, done: str) -> None:
        """Forget one thing that ``done_in`` returned, so that it may be done again."""
        self._delete(_family(family), done)


def _family(family: str) -> str:
    return f"FAMILY#{family}"
