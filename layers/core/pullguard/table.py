"""The ledger's table as DynamoDB has it: keys, JSON in ``data``, conditions, time to live."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Table:
    """Reads and writes of items; what an item means is the business of whoever asks."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def _query(self, partition: str, prefix: str | None = None) -> Iterable[tuple[str, Any]]:
        for item in self._items(partition, prefix):
            yield item["sk"]["S"], json.loads(item["data"]["S"])

    def _items(self, partition: str, prefix: str | None = None) -> Iterable[Mapping[str, Any]]:
        condition, values = "pk = :pk", {":pk": {"S": partition}}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _get(self, partition: str, sort: str) -> Any:
        item = self._client.get_item(TableName=self._table, Key=key(partition, sort), ConsistentRead=True).get("Item")
        return None if item is None else json.loads(item["data"]["S"])

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
    ) -> bool:
        item = {**key(partition, sort), "data": {"S": json.dumps(data)}, **(extra or {})}
        if expires is not None:
            item["expires_at_epoch_s"] = {"N": str(int(expires))}
        request: dict[str, Any] = {"TableName": self._table, "Item": item}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        try:
            self._client.put_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _update(
        self,
        partition: str,
        sort: str,
        attributes: Mapping[str, Any],
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set some attributes and leave the others; False where the condition does not hold."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": key(partition, sort),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
            "ExpressionAttributeValues": {**{f":{name}": each for name, each in attributes.items()}, **(values or {})},
        }
        if condition:
            request["ConditionExpression"] = condition
        try:
            self._client.update_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _delete(self, partition: str, sort: str) -> None:
        self._client.delete_item(TableName=self._table, Key=key(partition, sort))


def key(partition: str, sort: str) -> dict[str, Any]:
    """Return the key of an item."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def td(arn: object) -> str:
    """Return the name by which a task definition stands in keys."""
    return f"TD#{arn}"
