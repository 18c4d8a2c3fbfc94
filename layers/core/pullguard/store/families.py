"""The part of the ledger about families: what was done in each, so that what is undone stays undone.

| pk | sk | data |
|---|---|---|
| FAMILY#family | REREGISTERED#arn | ARN of the revision that was registered in the place of the revision ``arn`` |
| FAMILY#family | MOVED#service | the revisions, before and after, between which the service was moved last |

What was done is kept until somebody lets it be done again (docs/adr/0023).
"""

from typing import Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn, family_of
from pullguard.store.table import Table

_DONE: Final = ("REREGISTERED#", "MOVED#")


class FamilyStore(Table):
    """What is remembered of families of task definitions. Errors propagate."""

    @asks("dynamodb:GetItem")
    def reregistered(self, source: Arn) -> Arn | None:
        """Return the revision that was once registered in the place of ``source``; None where none was."""
        return self._get(
            _family(family_of(source)),
            f"REREGISTERED#{source}",
            lambda data: Arn.parse(data, service="ecs", resource_type="task-definition"),
        )

    @asks("dynamodb:PutItem")
    def keep_reregistered(self, source: Arn, new: Arn) -> None:
        """Remember that ``new`` was registered in the place of ``source``; called after it was."""
        self._put(_family(family_of(source)), f"REREGISTERED#{source}", str(new))

    @asks("dynamodb:GetItem")
    def was_moved(self, service: str, before: Arn, after: Arn) -> bool:
        """Whether the last move of ``service`` was this one."""
        last = self._get(_family(family_of(before)), f"MOVED#{service}", lambda data: (str(data[0]), str(data[1])))
        return last == (str(before), str(after))

    @asks("dynamodb:PutItem")
    def keep_move(self, service: str, before: Arn, after: Arn) -> None:
        """Remember the move of a service; called after it was moved."""
        self._put(_family(family_of(before)), f"MOVED#{service}", [str(before), str(after)])

    @asks("dynamodb:Query")
    def done_in(self, family: str) -> tuple[str, ...]:
        """Return what is remembered of ``family`` and keeps it from being done again."""
        return tuple(
            f"{kind}{done}" for kind in _DONE for done in self._each(_family(family), lambda sort, _: sort, kind)
        )

    @asks("dynamodb:DeleteItem")
    def let_again(self, family: str, done: str) -> None:
        """Forget one thing that ``done_in`` returned, so that it may be done again."""
        self._delete(_family(family), done)


def _family(family: str) -> str:
    return f"FAMILY#{family}"
