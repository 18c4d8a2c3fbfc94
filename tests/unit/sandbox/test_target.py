"""The target of a call."""

import json
from typing import Any

import pytest

from sandbox.target import target


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        pytest.param(
            {"TableName": "ledger", "Key": {"pk": {"S": "TD#web"}, "sk": {"S": "FINDING#1"}}, "UpdateExpression": "x"},
            "ledger TD#web FINDING#1",
            id="an item by its key",
        ),
        pytest.param(
            {"TableName": "ledger", "Item": {"pk": {"S": "TD#web"}, "sk": {"S": "GRANT"}, "text": {"S": "private"}}},
            "ledger TD#web GRANT",
            id="an item that is put",
        ),
        pytest.param(
            {"TransactItems": [{"Put": {"TableName": "ledger", "Item": {"pk": {"S": "A"}, "sk": {"S": "B"}}}}]},
            "ledger A B",
            id="a transaction",
        ),
        pytest.param(
            {"QueueUrl": "http://127.0.0.1:1/1/GrantQueue.fifo", "MessageBody": "private"},
            "GrantQueue.fifo",
            id="queue",
        ),
        pytest.param({"family": "web", "containerDefinitions": [{"name": "private"}]}, "web", id="a revision"),
        pytest.param(
            {"Entries": [{"EventBusName": "bus", "DetailType": "Finding Opened", "Detail": "private"}]},
            "bus Finding Opened",
            id="an event",
        ),
        pytest.param({"SecretId": "registry/web", "SecretString": "private"}, "registry/web", id="a secret"),
        pytest.param({"Item": {"pk": "not typed"}, "Entries": [1], "Key": 3}, "", id="nonsense"),
        pytest.param(["a", "list"], "", id="no object"),
    ],
)
def test_a_call_is_described_by_its_names_alone(request_: Any, said: str) -> None:
    assert target(json.dumps(request_).encode()) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"Action=PutRolePolicy&RoleName=web-execution&PolicyName=ours&PolicyDocument=private", "web-execution ours"),
        (b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3At&Message=private", "arn:aws:sns:t"),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_a_form_is_read_as_well(body: bytes, said: str) -> None:
    assert target(body) == said
