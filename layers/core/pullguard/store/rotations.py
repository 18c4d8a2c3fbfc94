"""How the last rotation of each secret ended, as events reported it.

| pk | sk | data |
|---|---|---|
| ROTATION#secret | ROTATION | a ``RotationEnd`` |
"""

from typing import ClassVar

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, to_record
from pullguard.domain.secret import RotationEnd
from pullguard.store.table import HISTORY_KEPT_S, Table


class RotationStore(Table):
    """The ends of rotations. Errors propagate."""

    PARTITIONS: ClassVar = ("ROTATION#",)

    @asks("dynamodb:PutItem")
    def keep(self, secret: Arn, end: RotationEnd) -> None:
        """Store how a rotation ended, unless a later end is stored."""
        epoch_s = int(end.at.timestamp())
        self._put(
            f"ROTATION#{secret}",
            "ROTATION",
            to_record(end),
            extra={"at_epoch_s": {"N": str(epoch_s)}},
            expires=epoch_s + HISTORY_KEPT_S,
            condition="attribute_not_exists(pk) OR at_epoch_s <= :at",
            values={":at": {"N": str(epoch_s)}},
        )

    @asks("dynamodb:GetItem")
    def end(self, secret: Arn) -> RotationEnd | None:
        """Return how the last rotation of ``secret`` ended; None if no event reported one, or it cannot be read."""
        return self._or_none(f"ROTATION#{secret}", "ROTATION", lambda data: from_record(RotationEnd, data))
