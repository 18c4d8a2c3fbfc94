"""Search everything that a run leaves behind for passwords: logs, messages, the ledger, events."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.demo.scene import Scene
from sandbox.inbox import Letter

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place to search. If it ``must_hold_something``, it proves nothing while it is empty."""

    name: str
    texts: tuple[str, ...] = field(repr=False)
    must_hold_something: bool = True

    def found(self, passwords: Iterable[str]) -> Iterator[str]:
        """Yield the beginning of each text that holds a password, with the passwords removed."""
        for text in self.texts:
            if any(password in text for password in passwords):
                shown = text[:_SHOWN_CHARS]
                for password in passwords:
                    shown = shown.replace(password, "***")
                yield shown


def places(scene: Scene, letters: Iterable[Letter]) -> tuple[Place, ...]:
    """Return everything that the run has left behind, as texts."""
    logs = tuple(line for function in scene.stack.functions for line in scene.stack.logs(function))
    return (
        Place(name="the functions' logs", texts=logs),
        Place(name="the embedded AWS's log", texts=tuple(scene.aws.log_file.read_text(errors="replace").splitlines())),
        Place(name="alerts", texts=tuple(_text(letter) for letter in letters)),
        Place(name="queues", texts=tuple(_queued(scene)), must_hold_something=False),
        Place(name="the ledger", texts=tuple(_items(scene))),
        Place(name="events", texts=tuple(json.dumps(event, default=str) for event in scene.aws.events())),
    )


def _text(letter: Letter) -> str:
    return "\n".join((letter.subject, letter.text, json.dumps(dict(letter.attributes))))


def _queued(scene: Scene) -> Iterator[str]:
    """Yield the messages in the queues, including dead letters, without removing them."""
    client = scene.aws.client("sqs")
    for url in scene.stack.queues.values():
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
        )
        yield from (json.dumps(message) for message in answer.get("Messages", []))


def _items(scene: Scene) -> Iterator[str]:
    pages: Iterable[dict[str, Any]] = (
        scene.aws.client("dynamodb").get_paginator("scan").paginate(TableName=scene.stack.outputs["LedgerTable"])
    )
    yield from (json.dumps(item) for page in pages for item in page["Items"])
