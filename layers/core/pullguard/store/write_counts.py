"""The number of writes per hour, which the circuit breaker reads.

| pk | sk | data |
|---|---|---|
| WRITES#scope | hour | the number of writes to the scope in that hour |
"""

from datetime import datetime
from typing import ClassVar

from pullguard.aws.answers import asks
from pullguard.store.table import DAY_S, Table, reading


class WriteCountStore(Table):
    """The counts of writes. Errors propagate."""

    PARTITIONS: ClassVar = ("WRITES#",)

    @asks("dynamodb:UpdateItem")
    def add(self, scope: str, *, now: datetime) -> None:
        """Count a write for ``scope`` in this hour. Call it after the write."""
        self._client.update_item(
            TableName=self._table,
            Key=self._key(f"WRITES#{scope}", f"{now:%Y-%m-%dT%H}"),
            UpdateExpression="ADD writes :one SET expires_at_epoch_s = :expires",
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires": {"N": str(int(now.timestamp()) + DAY_S)}},
        )

    @asks("dynamodb:GetItem")
    def in_hour(self, scope: str, *, now: datetime) -> int:
        """Return how many writes were counted for ``scope`` in this hour."""
        item = self._item(f"WRITES#{scope}", f"{now:%Y-%m-%dT%H}")
        return 0 if item is None else reading(item, lambda it: int(it["writes"]["N"]))
