"""Queues, the Pullguard bus and the topic: messages between the functions, and alerts to people."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pullguard.aws.answers import asks
from pullguard.domain.errors import PullguardError
from pullguard.domain.messages import Message, Review, ValidationRequest
from pullguard.domain.pasted_credentials import redacted

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef
    from mypy_boto3_sqs import SQSClient

M = TypeVar("M", bound=Message)
_A_BATCH = 10  # SendMessageBatch and PutEvents
_BATCHES_AT_ONCE = 8  # a change may have thousands of dependents
_REASON_MAX_CHARS = 1024
_SUBJECT_MAX_CHARS = 99
BUS_SOURCE = "pullguard"


class NotSent(PullguardError):
    """AWS accepted a batch of messages or events but refused some entries; the whole batch is sent again."""


class Queues:
    """Sends to the queues of the stack."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client

    @asks("sqs:SendMessage")
    def request(self, queue_url: str, requests: Iterable[Message], *, delay_s: int = 0) -> int:
        """Send messages to a standard queue; return how many."""
        return self._send(queue_url, ((each, delay_s) for each in requests))

    @asks("sqs:SendMessage")
    def delayed(self, queue_url: str, requests: Mapping[M, int]) -> int:
        """Send messages to a standard queue, each after its delay in seconds (at most 900); return how many."""
        return self._send(queue_url, requests.items())

    def _send(self, queue_url: str, requests: Iterable[tuple[Message, int]]) -> int:
        """Send the batches, several at once; each thread has the deadline of the caller."""
        remaining = iter(requests)
        batches = list(iter(lambda: list(islice(remaining, _A_BATCH)), []))
        if len(batches) <= 1:
            return sum(self._send_batch(queue_url, batch) for batch in batches)
        with ThreadPoolExecutor(_BATCHES_AT_ONCE, thread_name_prefix="send") as threads:
            contexts = [copy_context() for _ in batches]
            return sum(threads.map(lambda it, batch: it.run(self._send_batch, queue_url, batch), contexts, batches))

    def _send_batch(self, queue_url: str, batch: list[tuple[Message, int]]) -> int:
        answer = self._client.send_message_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(number), "MessageBody": request.to_json(), "DelaySeconds": delay_s}
                for number, (request, delay_s) in enumerate(batch)
            ],
        )
        if answer.get("Failed"):
            raise NotSent(f"{len(answer['Failed'])} of {len(batch)} messages were refused by {queue_url}")
        return len(batch)

    @asks("sqs:SendMessage")
    def command(self, queue_url: str, command: ValidationRequest | Review, *, group: str, message_id: str) -> None:
        """Send a message to a FIFO queue; messages of one ``group`` are handled one after another.

        ``message_id`` is the message that led to this one. It is part of the deduplication id, so the queue drops only
        copies of the same message, and never a later request for the same role or family.
        """
        self._client.send_message(
            QueueUrl=queue_url,
            MessageBody=command.to_json(),
            MessageGroupId=_short(group),
            MessageDeduplicationId=_short(f"{group}\0{message_id}"),
        )

    @asks("sqs:SendMessage")
    def send(self, queue_url: str, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        """Send any JSON object to a standard queue, delayed by ``delay_s`` seconds (at most 900)."""
        self._client.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), DelaySeconds=delay_s)

    @asks("sqs:ChangeMessageVisibility")
    def postpone(self, queue_url: str, receipt_handle: str, *, seconds: int) -> None:
        """Let a received message that is not deleted come back after ``seconds``, not after the queue's timeout.

        Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
        """
        self._client.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    @asks("sqs:SendMessage")
    def reject(self, queue_url: str, body: str, *, reason: str, function: str, group: str | None = None) -> None:
        """Send a message that cannot be handled to the dead-letter queue, with the reason as an attribute.

        It keeps its ``group``, so that it stays in order with the others of its role or family when it is redriven.
        """
        fifo = (
            {"MessageGroupId": group or "rejected", "MessageDeduplicationId": _short(f"{body}\0{reason}")}
            if queue_url.endswith(".fifo")
            else {}
        )
        self._client.send_message(
            QueueUrl=queue_url,
            MessageBody=body or "(empty)",
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": _plain(redacted(reason))[:_REASON_MAX_CHARS]},
                "function": {"DataType": "String", "StringValue": function},
            },
            **fifo,  # type: ignore[arg-type]
        )


class Bus:
    """Publishes facts on the Pullguard bus."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    @asks("events:PutEvents")
    def publish(self, detail_type: str, detail: Mapping[str, Any], resources: Iterable[str] = ()) -> None:
        """Publish one event; raises ``NotSent`` if the bus refuses it."""
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": BUS_SOURCE,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                    "Resources": list(resources),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "no code")
            raise NotSent(f"the bus {self._name} refused a {detail_type} event: {code}")


class Topic:
    """Publishes alerts to people."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    @asks("sns:Publish")
    def publish(self, subject: str, text: str, attributes: Mapping[str, str | tuple[str, ...]]) -> str:
        """Publish one alert; return its message id.

        Tokens that appear in the name of a family, a role or a secret are redacted here; programs get the full name.
        An attribute with several values is a String.Array; a filter policy may match any of them.
        Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
        """
        answer = self._client.publish(
            TopicArn=self._arn,
            Subject=redacted(subject)[:_SUBJECT_MAX_CHARS],
            Message=redacted(text),
            MessageAttributes={name: _attribute(value) for name, value in attributes.items() if value},
        )
        return answer["MessageId"]


def _attribute(value: str | tuple[str, ...]) -> "MessageAttributeValueTypeDef":
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": redacted(value)}
    return {"DataType": "String.Array", "StringValue": redacted(json.dumps(value))}


def _short(text: str) -> str:
    """Return a group or deduplication id for any text: SQS allows 128 characters of a small alphabet."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(text: str) -> str:
    """Return the text without characters that SQS refuses in an attribute."""
    return "".join(c if c.isprintable() else " " for c in text) or "no reason given"
