"""The ledger's DynamoDB table: keys, JSON in ``data``, conditions, time to live.

A list logs and skips a malformed item, so that it does not block the others. Reading a single malformed item raises
``MalformedItem``, which names it. An item that guards a write must not be mistaken for an absent one; a store with a
safe answer for a malformed item handles the exception itself.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, TypeVar

from pullguard.domain.errors import MalformedItem, PullguardError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_S: Final = 86_400
RESOLVED_KEPT_S: Final = 90 * DAY_S
HISTORY_KEPT_S: Final = 400 * DAY_S
QUEUED_MAX_S: Final = 14 * DAY_S  # the longest time that a message can stay in a queue
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
TRANSACTION_MAX: Final = 100
_CONFLICTS_MAX: Final = 5
T = TypeVar("T")
Client: TypeAlias = "DynamoDBClient"
Item: TypeAlias = Mapping[str, Any]
Puts: TypeAlias = Sequence[Mapping[str, Any]]  # requests that write items, of any store
_LOG: Final = logging.getLogger(__name__)


class Table:
    """Reads and writes items; the subclasses, one per partition, interpret them.

    ``PARTITIONS`` are the partition keys that a store owns; ``#`` at the end of one precedes a name.
    """

    PARTITIONS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def _each(
        self, partition: str, read: Callable[[str, Item], T], prefix: str = "", *, limit: int | None = None
    ) -> Iterator[T]:
        """Yield the result of ``read`` for each item, given its sort key without ``prefix`` and the item."""
        for item in self._items(partition, prefix, limit=limit):
            try:
                yield reading(item, lambda it: read(it["sk"]["S"].removeprefix(prefix), it))
            except MalformedItem as error:
                log_malformed(error)

    def _items(
        self, partition: str, prefix: str | None = None, *, before: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of a partition whose sort keys begin with ``prefix``, or come ``before`` a text."""
        condition, values = "pk = :pk", {":pk": self._key(partition)["pk"]}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        elif before:
            condition, values = f"{condition} AND sk < :sk", {**values, ":sk": {"S": before}}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            PaginationConfig={"MaxItems": limit, "PageSize": limit} if limit else {},
        )
        for page in pages:
            yield from page["Items"]

    def _get(self, partition: str, sort: str, read: Callable[[Any], T]) -> T | None:
        """Return the result of ``read`` for an item's data; None if there is no such item.

        Raises ``MalformedItem`` if the item cannot be read.
        """
        item = self._item(partition, sort)
        return None if item is None else reading(item, lambda it: read(data_of(it)))

    def _item(self, partition: str, sort: str) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=self._key(partition, sort), ConsistentRead=True).get(
            "Item"
        )

    def _or_none(self, partition: str, sort: str, read: Callable[[Any], T]) -> T | None:
        """Do as ``_get`` does, but log a malformed item and treat it as absent."""
        try:
            return self._get(partition, sort, read)
        except MalformedItem as error:
            log_malformed(error)
            return None

    def _put(
        self,
        partition: str,
        sort: str,
        data: object,
        *,
        extra: Mapping[str, Any] | None = None,
        expires: float | None = None,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
        also: Puts = (),
    ) -> bool:
        """Write an item, in one transaction with ``also`` if given; False if a condition does not hold."""
        request = self._writing(
            partition, sort, data, extra=extra, expires=expires, condition=condition, values=values, names=names
        )
        return self._together(put=(request, *also)) if also else self._write(request)

    def _write(self, request: Mapping[str, Any]) -> bool:
        """Send a request built by ``_writing``; False if its condition does not hold."""
        return self._made(lambda: self._client.put_item(**request))

    def _update(
        self,
        partition: str,
        sort: str,
        attributes: Mapping[str, Any],
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set some attributes and leave the others; False if the condition does not hold."""
        return self._change(
            partition,
            sort,
            "SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            condition=condition,
            values={**{f":{name}": each for name, each in attributes.items()}, **(values or {})},
            names={f"#{name}": name for name in attributes},
        )

    def _change(
        self,
        partition: str,
        sort: str,
        expression: str,
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Change an item by an update expression; False if the condition does not hold."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": self._key(partition, sort),
            "UpdateExpression": expression,
        }
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        return self._made(lambda: self._client.update_item(**request))

    def _delete(self, partition: str, sort: str) -> None:
        self._made(lambda: self._client.delete_item(**self._deleting(partition, sort)))

    def _made(self, call: Callable[[], object]) -> bool:
        """Make a write; False if its condition does not hold. A conflict with a transaction is retried, as there."""
        for attempt in range(1, _CONFLICTS_MAX + 1):
            try:
                call()
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            except self._client.exceptions.TransactionConflictException:
                if attempt == _CONFLICTS_MAX:
                    raise
            else:
                return True
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _together(self, *, put: Iterable[Mapping[str, Any]] = (), delete: Iterable[Mapping[str, Any]] = ()) -> bool:
        """Write and delete items in one transaction; False if a condition does not hold."""
        return self._transact([*({"Put": each} for each in put), *({"Delete": each} for each in delete)])

    def _transact(self, steps: list[Any]) -> bool:
        """Make ``steps``, requests by their kind, in one transaction; False if a condition does not hold.

        A conflict with another transaction on the same items is retried, with at most five attempts.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
        """
        for attempt in range(1, _CONFLICTS_MAX + 1):
            try:
                self._client.transact_write_items(TransactItems=steps)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {each.get("Code") for each in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    return False
                if reasons - {"None"} != {"TransactionConflict"} or attempt == _CONFLICTS_MAX:
                    raise
            else:
                return True
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _writing(
        self,
        partition: str,
        sort: str,
        data: object,
        *,
        extra: Mapping[str, Any] | None = None,
        expires: float | None = None,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the request that writes an item."""
        item = {**self._key(partition, sort), "data": {"S": json.dumps(data)}, **(extra or {})}
        if expires is not None:
            item["expires_at_epoch_s"] = {"N": str(int(expires))}
        request: dict[str, Any] = {"TableName": self._table, "Item": item}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        return request

    def _deleting(self, partition: str, sort: str) -> dict[str, Any]:
        """Return the request that deletes an item."""
        return {"TableName": self._table, "Key": self._key(partition, sort)}

    def _key(self, partition: str, sort: str = "") -> dict[str, Any]:
        """Return the key of an item; raises ``AssertionError`` if the partition belongs to another store."""
        if partition.partition("#")[0] + ("#" if "#" in partition else "") not in self.PARTITIONS:
            raise AssertionError(f"{type(self).__name__} does not own the partition {partition}")
        return {"pk": {"S": partition}, "sk": {"S": sort}}


def data_of(item: Item) -> Any:
    """Return the JSON that an item holds."""
    return json.loads(item["data"]["S"])


def expiry_of(item: Item) -> int:
    """Return when an item expires, in seconds since 1970."""
    return int(item["expires_at_epoch_s"]["N"])


def log_malformed(error: MalformedItem) -> None:
    """Log a malformed item (docs/operations.md)."""
    _LOG.warning("%s", error)


def reading(item: Item, read: Callable[[Item], T]) -> T:
    """Return the result of ``read`` for an item; raises ``MalformedItem`` if it fails."""
    try:
        return read(item)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        PullguardError,
    ) as error:
        why = f"{type(error).__name__}: {error}" if isinstance(error, PullguardError) else type(error).__name__
        raise MalformedItem(item["pk"]["S"], item["sk"]["S"], why) from error


def td(arn: object) -> str:
    """Return the key of a task definition."""
    return f"TD#{arn}"
