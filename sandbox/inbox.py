"""Read the messages that subscribers of a topic receive."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sandbox.emulator import Emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message as a subscriber sees it; an attribute with several values has its JSON text."""

    subject: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def families(self) -> tuple[str, ...]:
        """The values of the attribute ``family``, any of which a filter policy may match; empty without it."""
        text = self.attributes.get("family", "")
        return tuple(json.loads(text)) if text.startswith("[") else (text,) if text else ()


class Inbox:
    """A queue that is subscribed to a topic; ``filter_policy`` as a person would set it on the subscription."""

    def __init__(self, aws: Emulator, queue_url: str) -> None:
        self._queue = aws.client("sqs")
        self._url = queue_url
        self._letters: list[Letter] = []

    @classmethod
    def of(cls, aws: Emulator, topic_arn: str, filter_policy: Mapping[str, Any] | None = None) -> Self:
        """Subscribe a new queue to the topic."""
        queue = aws.client("sqs")
        url = queue.create_queue(QueueName=f"inbox-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        arn = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        queue.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        attributes = {"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}
        aws.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return cls(aws, url)

    def letters(self) -> tuple[Letter, ...]:
        """Return everything received so far, in order of arrival."""
        while messages := self._queue.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._letters.append(_letter(json.loads(message["Body"])))
                self._queue.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return tuple(self._letters)

    def clear(self) -> None:
        """Forget everything received so far."""
        self.letters()
        self._letters.clear()

    def wait_for(self, count: int, *, timeout_s: float = 30) -> tuple[Letter, ...]:
        """Return the letters as soon as there are ``count`` of them, or those present after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.letters()) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


def _letter(notification: Mapping[str, Any]) -> Letter:
    attributes = {name: str(value["Value"]) for name, value in notification.get("MessageAttributes", {}).items()}
    return Letter(subject=notification.get("Subject", ""), text=notification["Message"], attributes=attributes)
