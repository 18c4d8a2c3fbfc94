"""An account of many families on moto, and the queues of the sweep and its validations in virtual time."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from pullguard.aws.clients import Clients
from pullguard.domain.messages import RECEIVES_MAX
from tests.functions.stack import BATCH_MAX, REGION, Context, Stack, sqs_event
from tests.functions.virtual_time import VirtualTime

QUEUES = {"SweepQueue": "sweep_account", "ValidationQueue": "validate_task_definition"}
Throttle = Callable[[str, Any], AWSResponse | None]


@dataclass(slots=True, kw_only=True)
class Message:
    """A message, when it is due, and how often it was received."""

    queue: str
    body: str
    due_s: float
    receives: int = 0
    receipt_handle: str = ""


@dataclass
class Account:
    """The handlers of the sweep and of validations around one stack, which lists ``page`` families at a time.

    Each call to ECS takes ``latency_s``; ``throttle`` may answer it in AWS's place. ``calls`` are those that AWS
    answered, by operation. ``postponed`` counts the messages that were made to come back.
    """

    stack: Stack
    monkeypatch: pytest.MonkeyPatch
    time: VirtualTime = field(
        default_factory=lambda: VirtualTime(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    )
    page: int = 100
    latency_s: float = 0.0
    throttle: Throttle = lambda *_: None
    calls: Counter[str] = field(default_factory=Counter)
    postponed: int = 0
    dead: list[Message] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    _delays_s: dict[str, int] = field(default_factory=dict)
    _handles: Iterator[int] = field(default_factory=count)
    _flying: dict[str, Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.monkeypatch.setattr("time.sleep", self.time.sleep)
        self.monkeypatch.setattr(EC2ContainerServiceResponse, "list_task_definition_families", _pages_of(self.page))

    def function(self, name: str) -> Any:
        """Start an instance of a function, with clients of its own."""
        for variable, value in self.stack.environment(name).items():
            self.monkeypatch.setenv(variable, value)
        module = self.stack.load(name)
        session = boto3.Session(region_name=REGION)
        events: Any = session.events
        events.register("before-send.ecs", self._answer)  # after the pace, before moto
        events.register("before-call.sqs.ChangeMessageVisibility", self._postpone)
        for operation in ("SendMessage", "SendMessageBatch"):
            events.register(f"before-parameter-build.sqs.{operation}", self._keep_delays)
        module.deployment.clients = Clients(session)
        module.deployment.now = self.time.now
        return module

    def _answer(self, event_name: str, request: Any, **_: object) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.time.sleep(self.latency_s)
        refusal = self.throttle(operation, request)
        if refusal is None:
            self.calls[operation] += 1
        return refusal

    def _postpone(self, params: Mapping[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        asked = json.loads(params["body"])
        self._flying[asked["ReceiptHandle"]].due_s = self.time() + asked["VisibilityTimeout"]
        self.postponed += 1
        return _Answered(), {}

    def _keep_delays(self, params: dict[str, Any], **_: object) -> None:
        for entry in params.get("Entries", [params]):
            self._delays_s[entry["MessageBody"]] = entry.pop("DelaySeconds", 0)

    def send(self, queue: str, *bodies: str) -> None:
        """Put messages into a queue."""
        self.messages += [Message(queue=queue, body=body, due_s=self.time()) for body in bodies]

    def handle(self, queue: str, module: Any, most: int = BATCH_MAX) -> bool:
        """Let an instance handle the due messages of its queue, ``most`` at once; return whether there were any."""
        due = sorted((each for each in self.messages if each.queue == queue), key=lambda each: each.due_s)
        due = [each for each in due if each.due_s <= self.time()]
        batch = due[: 1 if queue == "SweepQueue" else most]
        if not batch:
            return False
        event = sqs_event(*(each.body for each in batch))
        for each, record in zip(batch, event["Records"], strict=True):
            self.messages.remove(each)
            each.receives += 1
            each.receipt_handle = record["receiptHandle"] = f"r-{next(self._handles)}"
            self._flying[each.receipt_handle] = each
            record["attributes"]["ApproximateReceiveCount"] = str(each.receives)
        answer = module.handler(event, Context(QUEUES[queue]))
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for each, record in zip(batch, event["Records"], strict=True):
            del self._flying[each.receipt_handle]
            if record["messageId"] in failed:
                (self.messages if each.receives < RECEIVES_MAX else self.dead).append(each)
        self._collect()
        return True

    def run(self, modules: Mapping[str, Any]) -> None:
        """Handle the messages of these queues, one instance each, until there are none."""
        while self.messages:
            self.time.sleep(max(0.0, min(each.due_s for each in self.messages) - self.time()))
            for queue, module in modules.items():
                self.handle(queue, module)

    @property
    def is_busy(self) -> bool:
        """Whether messages are left, in a queue or in an instance."""
        return bool(self.messages or self._flying)

    def _collect(self) -> None:
        for queue in QUEUES:
            for each in self.stack.messages(queue) if self.stack.has_messages(queue) else ():
                due_s = self.time() + self._delays_s.pop(each["Body"], 0)
                self.messages.append(Message(queue=queue, body=each["Body"], due_s=due_s))
                client = self.stack.client("sqs")
                client.delete_message(QueueUrl=self.stack.ids[queue], ReceiptHandle=each["ReceiptHandle"])


class _Answered:
    status_code = 200


def _pages_of(size: int) -> Callable[[EC2ContainerServiceResponse], Any]:
    """List a page of families; moto lists all of them at once."""

    def page(self: EC2ContainerServiceResponse) -> Any:
        start, families = int(self._get_param("nextToken") or 0), list(self.ecs_backend.task_definitions)
        following = {"nextToken": str(start + size)} if start + size < len(families) else {}
        return ActionResult({"families": families[start : start + size], **following})

    return page
