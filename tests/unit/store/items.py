"""Items of the ledger's table, as DynamoDB keeps them."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def item(dynamodb: "DynamoDBClient", pk: str, sk: str) -> dict[str, Any]:
    return dict(dynamodb.get_item(TableName="ledger", Key={"pk": {"S": pk}, "sk": {"S": sk}}).get("Item", {}))


def expires(dynamodb: "DynamoDBClient", pk: str, sk: str) -> int | None:
    found = item(dynamodb, pk, sk)
    assert found
    return int(found["expires_at_epoch_s"]["N"]) if "expires_at_epoch_s" in found else None


def put_data(dynamodb: "DynamoDBClient", pk: str, sk: str, data: object) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": sk}, "data": {"S": json.dumps(data)}}
    dynamodb.put_item(TableName="ledger", Item=item)
