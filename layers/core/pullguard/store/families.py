"""Records of Pullguard's actions in each family, so that an action that people undo is not repeated.

| pk | sk | data |
|---|---|---|
| FAMILY#family | REREGISTERED#arn | ARN of the revision that was registered in place of the revision ``arn`` |
| FAMILY#family | MOVED#service | the revisions before and after the last move of the service |

A record is kept until ``pullguard resume`` allows the action again (docs/adr/0023).
"""

from typing import Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn, family_of
from pullguard.store.table import Table

_DONE: Final = ("REREGISTERED#", "MOVED#")


class FamilyStore(Table):
    """The recorded actions in families of task definitions. Errors propagate."""

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


def _family(family: str) -> str:
    return f"FAMILY#{family}"
