"""The part of the ledger about ECS: each write, by family, as ``store/grants.py`` keeps each write to IAM.

| pk | sk | data |
|---|---|---|
| FAMILIES | FAMILY#name | nothing: a family for which something was written |
| FAMILY#name | WRITE#time#id#target | a registration, a move or a redeployment, and what became of it |
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pullguard.aws.answers import asks
from pullguard.domain.write_history import EcsWrite
from pullguard.store.grants import HISTORY_KEPT_S
from pullguard.store.table import Item, Table, data_of


class EcsWriteStore(Table):
    """What is remembered of the writes to ECS, by family. Errors propagate."""

    @asks("dynamodb:Query")
    def families(self) -> tuple[str, ...]:
        """Return the families for which something was written."""
        return tuple(self._each("FAMILIES", lambda family, _: family, "FAMILY#"))

    @asks("dynamodb:PutItem")
    def record_ecs_write(self, family: str, *, write_id: str, record: Mapping[str, Any], now: datetime) -> None:
        """Keep a write for ``family``: before it is made, and again with the same ``write_id`` and ``now`` after it."""
        self._put("FAMILIES", f"FAMILY#{family}", None)
        self._put(
            f"FAMILY#{family}",
            f"WRITE#{now.isoformat()}#{write_id}",
            dict(record),
            expires=now.timestamp() + HISTORY_KEPT_S,
        )

    @asks("dynamodb:Query")
    def ecs_writes(self, family: str) -> tuple[EcsWrite, ...]:
        """Return the writes for ``family``, the oldest first."""

        def read(sort: str, item: Item) -> EcsWrite:
            return EcsWrite.from_record(family, sort, data_of(item))

        return tuple(self._each(f"FAMILY#{family}", read, "WRITE#"))
