"""Many failures at once, through the real handlers: few messages, each failure named, nothing above AWS's limits."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pullguard.store.services import Kept, ServiceStore
from tests.functions.stack import ACCOUNT, BATCH_MAX, REGION, Context, Stack, sqs_event
from tests.functions.world import allow, create_role, create_secret, register, request_body, this_hour

HOURLY = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "id": "e-1", "detail": {}})
VALIDATE, ALERT = "validate_task_definition", "publish_alert"
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MESSAGE_MAX_BYTES, EVENT_MAX_BYTES, ITEM_MAX_BYTES = 262_144, 262_144, 409_600


class Application:
    """The validator and the alerter, a batch at a time, with a clock of their own."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> None:
        self.stack = stack
        self.time = datetime.now(UTC).replace(minute=59, second=48, microsecond=0)
        self._modules: dict[str, Any] = {}
        for function in (VALIDATE, ALERT):
            for name, value in stack.environment(function, **parameters).items():
                monkeypatch.setenv(name, value)
            self._modules[function] = stack.start(function)
            self._modules[function].deployment.now = lambda: self.time

    def handle(self, function: str, *bodies: str) -> None:
        answer = self._modules[function].handler(sqs_event(*bodies), Context(function))
        assert answer["batchItemFailures"] == []

    def events(self) -> list[str]:
        return [each["Body"] for each in self.stack.messages("AlertQueue")]

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(each["Body"]) for each in self.stack.messages("Inbox")]


@pytest.fixture
def begin(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Application]:
    return lambda **parameters: Application(stack, monkeypatch, **parameters)


def test_forty_revisions_with_forty_wrong_names_in_24_seconds(stack: Stack, begin: Callable[..., Application]) -> None:
    here, role = begin(), create_role(stack)
    names = [f"registry/wrong-{number:02}" for number in range(40)]
    events: list[str] = []
    for name in names:
        here.handle(VALIDATE, request_body(register(stack, name, role=role)))
        some = here.events()
        here.handle(ALERT, *some)
        events += some
        here.time += timedelta(seconds=0.6)
    messages = here.alerts()
    assert len(messages) <= 5
    for number in range(0, len(events), BATCH_MAX):
        here.handle(ALERT, *events[number : number + BATCH_MAX])
    assert here.alerts() == []
    here.time += timedelta(minutes=30)
    here.handle(ALERT, HOURLY)
    here.handle(ALERT, HOURLY)
    (summary,) = here.alerts()
    assert summary["Subject"] == "[Pullguard] summary of 36 alerts: 36 errors"
    assert "The next hourly run" not in summary["Message"]
    by_themselves = {name for name in names for each in messages[:4] if f'"{name}"' in each["Message"]}
    in_the_summary = {name for name in names if f'"{name}"' in summary["Message"]}
    assert (len(by_themselves), by_themselves | in_the_summary) == (4, set(names))


# --- 3,000 dependents --------------------------------------------------------------------------------------------

DEPENDENTS = 3_000
WRITES_MAX = 25  # of BatchWriteItem


def long_name(number: int) -> str:
    return f"{number:04}{'x' * 251}"


def arn_of(kind: str, name: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}"


def multiply(stack: Stack, first: str) -> None:
    """Copy what an alert reads about one task definition and its service to 3,000, each of its own family."""
    dynamodb, service = stack.client("dynamodb"), arn_of("service", f"main/{long_name(0)}")
    ServiceStore(dynamodb, "ledger", now=this_hour).keep(service, Kept(task_definition=first))
    items = [each for each in stack.items() if each["pk"]["S"].startswith(("REF#", "SERVICES", "CAUSE#"))]
    texts = [text for text in map(json.dumps, items) if first in text]
    copies = [
        json.loads(
            text.replace(first, arn_of("task-definition", f"{long_name(number)}:1")).replace(
                service, arn_of("service", f"main/{long_name(number)}")
            )
        )
        for text in texts
        for number in range(1, DEPENDENTS)
    ]
    for number in range(0, len(copies), WRITES_MAX):
        some = [{"PutRequest": {"Item": each}} for each in copies[number : number + WRITES_MAX]]
        dynamodb.batch_write_item(RequestItems={"ledger": some})


def size_of(item: dict[str, Any]) -> int:
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())


def test_three_thousand_dependents_with_long_names_are_one_message_and_never_another(
    stack: Stack, begin: Callable[..., Application]
) -> None:
    here, role = begin(AlertFormat="json"), create_role(stack)
    secret = create_secret(stack)
    allow(stack, secret)
    first = register(stack, secret, role=role, family=long_name(0))
    here.handle(VALIDATE, request_body(first))
    assert here.events() == []
    stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString='{"username": "bot"}')
    here.time += timedelta(minutes=10)
    here.handle(VALIDATE, request_body(first))
    (event,) = here.events()
    multiply(stack, first)
    here.handle(ALERT, event)
    (alert,) = here.alerts()
    assert "3000 services cannot pull" in alert["Subject"]
    for _ in range(2):
        here.time += timedelta(hours=2)
        here.handle(ALERT, event, event)
        here.handle(ALERT, HOURLY)
    assert here.alerts() == []
    message, attributes = json.loads(alert["Message"]), json.dumps(alert["MessageAttributes"])
    assert len(alert["Message"].encode()) + len(attributes) <= MESSAGE_MAX_BYTES
    assert (message["dependents_count"], len(message["dependents"]) > 0) == (DEPENDENTS, True)
    assert len(event.encode()) <= EVENT_MAX_BYTES
    assert [len(items) for items in partitions(stack, "CAUSES", message["cause"])] == [1, DEPENDENTS]
    for items in partitions(stack, "CAUSES", message["cause"]):
        assert max(map(size_of, items)) <= ITEM_MAX_BYTES


def partitions(stack: Stack, incidents: str, incident_id: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the items of the incidents, and of the members of one."""
    for partition in (incidents, f"CAUSE#{incident_id}"):
        pages = (
            stack.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName="ledger",
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": partition}},
            )
        )
        yield [item for page in pages for item in page["Items"]]
