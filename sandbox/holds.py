"""Holds on calls to the embedded AWS: they extend the moment between a check and a write, so that a test can intervene.

A hold is an action and a mark: a call of this action with the mark in its body waits until the hold is removed, or
shortly before the caller would time out.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]

PATIENCE_S = 8.0
"""Less than the ten seconds after which the functions' clients retry."""


class Holds:
    """The holds of one relay; ``held`` are those at which a call is waiting."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], asyncio.Event] = {}
        self._held: set[tuple[str, str]] = set()

    def answer(self, method: str, body: bytes | bytearray) -> list[list[str]]:
        """Serve ``POST`` and ``DELETE`` of ``[action, mark]``, and ``GET``; return the holds with a waiting call."""
        if method == "POST":
            self._wanted[_hold(body)] = asyncio.Event()
        elif method == "DELETE" and (release := self._wanted.pop(_hold(body), None)) is not None:
            release.set()
        return [list(hold) for hold in sorted(self._held)]

    async def passed(self, headers: Mapping[str, str], receive: Receive) -> Receive:
        """Wait if a hold applies to the request; return a function that receives its body again."""
        if not self._wanted:
            return receive
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body") or b"" for message in messages).decode("utf-8", "replace")
        await self._wait(f"{headers.get('x-amz-target', '')} {body}")

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        return again

    async def _wait(self, said: str) -> None:
        for hold, release in list(self._wanted.items()):
            action, mark = hold
            if action in said and mark in said:
                self._held.add(hold)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(release.wait(), PATIENCE_S)
                self._held.discard(hold)


def _hold(body: bytes | bytearray) -> tuple[str, str]:
    action, mark = json.loads(body)
    return str(action), str(mark)
