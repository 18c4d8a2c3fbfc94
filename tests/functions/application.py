"""The deployed application in one process: the real handlers around queues that behave as SQS does.

A message is delivered when its delay is over. A failed message returns after its visibility timeout, at most
``RECEIVES_MAX`` times, and is then a dead letter. Time is simulated; tests do not wait.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

import pullguard.runtime.bootstrap
from tests.functions.stack import Context, Stack, sqs_event
from tests.functions.wire import Died, Wire

RECEIVES_MAX = 4
PASSES = timedelta(seconds=2)  # between two messages
VISIBILITY_TIMEOUT = timedelta(seconds=360)
LANES = {
    "ValidationQueue": "validate_task_definition",
    "GrantQueue": "patch_execution_role",
    "ReregisterQueue": "reregister_task_definition",
}
MESSAGES_MAX = 2000
# The functions' queues, their dead-letter queues, and the queue that collects reported events.
QUEUES = frozenset({*LANES, *(each.replace("Queue", "DeadLetters") for each in LANES), "AlertQueue"})


@dataclass
class Message:
    """A message in a queue, when it is due, and how often it was received."""

    queue: str
    id: str
    body: str
    due: datetime
    receives: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass
class Application:
    """``wires`` are what the functions speak to AWS over, by function; ``others`` send to the same queues."""

    stack: Stack
    monkeypatch: pytest.MonkeyPatch
    wires: Mapping[str, Wire]
    others: tuple[Wire, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=lambda: {"Mode": "remediate", "MoveServices": "true"})
    time: datetime = field(default_factory=lambda: datetime.now(UTC).replace(minute=0, second=0))
    died: list[Message] = field(default_factory=list)
    handled: list[Message] = field(default_factory=list)
    _sent: int = 0
    _collected: int = -1
    _waiting: list[Message] = field(default_factory=list)  # the next one first
    _modules: dict[str, ModuleType] = field(default_factory=dict)

    def send(self, queue: str, body: str, *, group: str = "g") -> None:
        """Put a message into a queue, as anybody might."""
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": f"{group}-{len(self.handled)}-{body[-20:]}"}
        client, url = self.stack.client("sqs"), self.stack.ids[queue]
        self._sent += 1
        client.send_message(QueueUrl=url, MessageBody=body, **(fifo if url.endswith(".fifo") else {}))

    def run(self) -> None:
        """Handle messages until there are none."""
        for _ in range(MESSAGES_MAX):
            if not self.step():
                return
        raise AssertionError(f"it goes on and on: {self._waiting[0]}")

    def step(self) -> bool:
        """Handle the next message; return whether there was one."""
        self._collect()
        if not self._waiting:
            return False
        self._handle(self._waiting.pop(0))
        return True

    @property
    def _senders(self) -> tuple[Wire, ...]:
        return (*self.wires.values(), *self.others)

    def _collect(self) -> None:
        """Take what was sent since the last time."""
        sent = self._sent + sum(wire.sent for wire in self._senders)
        if sent == self._collected:
            return
        self._collected = sent
        for queue in LANES:
            while self.stack.has_messages(queue):
                messages = self.stack.messages(queue)
                self._waiting.extend(
                    Message(queue=queue, id=each["MessageId"], body=each["Body"], due=self._due(each["Body"]))
                    for each in messages
                )
                if not self.stack.ids[queue].endswith(".fifo"):
                    break
                self._delete(queue, messages)  # or else the next message of a group would not come
        self._waiting.sort(key=lambda each: each.due)

    def _due(self, body: str) -> datetime:
        delays_s = (wire.delays_s.pop(body, 0) for wire in self._senders)
        return self.time + timedelta(seconds=max(delays_s))

    def _delete(self, queue: str, messages: list[dict[str, Any]]) -> None:
        for each in messages:
            client = self.stack.client("sqs")
            client.delete_message(QueueUrl=self.stack.ids[queue], ReceiptHandle=each["ReceiptHandle"])

    def _handle(self, message: Message) -> None:
        self.time = max(self.time + PASSES, message.due)
        message.receives += 1
        error = self._invoke(LANES[message.queue], message)
        if error is None:
            self.handled.append(message)
            return
        message.errors.append(error)
        self.time += VISIBILITY_TIMEOUT
        if message.receives < RECEIVES_MAX:
            self._waiting.insert(0, message)
        else:
            self.died.append(message)

    def _invoke(self, function: str, message: Message) -> str | None:
        """Let the function handle a message; return what went wrong."""
        event = sqs_event(message.body, groups=("g",))
        record = event["Records"][0]
        record["messageId"] = message.id
        record["attributes"]["ApproximateReceiveCount"] = str(message.receives)
        module = self._module(function)
        try:
            answer = module.handler(event, Context(function))
        except Died:
            del self._modules[function]  # the next message finds a new process
            return "Died"
        except Exception as error:  # noqa: BLE001 (as Lambda does)
            return f"{type(error).__name__}: {error}"
        return "the handler gave it back" if answer["batchItemFailures"] else None

    def _module(self, function: str) -> ModuleType:
        if function not in self._modules:
            for name, value in self.stack.environment(function, **self.parameters).items():
                self.monkeypatch.setenv(name, value)
            with (
                self.monkeypatch.context() as patched
            ):  # a session of its own would cost most of what a cold start does
                patched.setattr(pullguard.runtime.bootstrap, "Clients", lambda: self.wires[function].clients)
                module = self.stack.load(function)
            module.deployment.now = lambda: self.time
            self._modules[function] = module
        return self._modules[function]

    def reported(self) -> list[dict[str, Any]]:
        """Take the reported events from their queue."""
        return [json.loads(each["Body"]) for each in self.stack.messages("AlertQueue")]
