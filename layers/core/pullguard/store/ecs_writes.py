"""Records of each write to ECS, by family; ``store/grants.py`` does the same for IAM.

| pk | sk | data |
|---|---|---|
| FAMILIES | FAMILY#name | nothing: a family with at least one write |
| FAMILY#name | WRITE#time#id#target | a registration, a move or a redeployment, and its outcome |
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pullguard.aws.answers import asks
from pullguard.domain.write_history import EcsWrite
from pullguard.store.grants import HISTORY_KEPT_S
from pullguard.store.table import Item, Table, data_of


class EcsWriteStore(Table):
    """The recorded writes to ECS, by family. Errors propagate."""

    @asks("dynamodb:Query")
    def families(self) -> tuple[str, ...]:
        """Return the families with at least one recorded write."""
        return tuple(self._each("FAMILIES", lambda family, _: family, "FAMILY#"))

    @asks("dynamodb:PutItem")
    def record_ecs_write(self, family: str, *, write_id: str, record: Mapping[str, Any], now: datetime) -> None:
        """Record a write for ``family``: call it before, and after with the same ``write_id`` and ``now``."""
        self._put("FAMILIES", f"FAMILY#{family}", None)
        self._put(
            f"FAMILY#{family}",
            f"WRITE#{now.isoformat()}#{write_id}",
            dict(record),
            expires=now.timestamp() + HISTORY_KEPT_S,
        )

    @asks("dynamodb:Query")
    def ecs_writes(self, family: str) -> tuple[EcsWrite, ...]:
        """Return the writes for ``family``, oldest first."""

        def read(sort: str, item: Item) -> EcsWrite:
            return EcsWrite.from_record(family, sort, data_of(item))

        return tuple(self._each(f"FAMILY#{family}", read, "WRITE#"))
