"""How fast to ask: at most so many calls a second, and no faster than AWS has just shown that it takes.

botocore sends a throttled call again, later; but many threads that do so independently waste most of the quota on
calls that are refused. So one pace for all of them: unlimited until AWS throttles for the first time, then the
quota that AWS documents, less where that is still too much (others use it too), more again while it is not.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from pullguard.aws.answers import THROTTLED

# ListTaskDefinitionFamilies and DescribeTaskDefinition share a bucket of 50 calls, refilled at 20 a second.
PACED: Final = ("DescribeTaskDefinition", "ListTaskDefinitionFamilies")
QUOTA_PER_S: Final = 20.0
_LEAST_PER_S: Final = 1.0
_LESS: Final = 0.8
_MORE_PER_S: Final = 0.2  # a second without throttling earns so many calls a second more
_BETWEEN_CUTS_S: Final = 2.0  # calls that were under way together are throttled together, which is one sign, not many


class Pace:
    """A pace for many threads; ``per_second`` is the most that is ever asked, None for no limit."""

    def __init__(
        self,
        per_second: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most = per_second
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._next_at = clock()
        self._cut_at = clock() - _BETWEEN_CUTS_S
        self._grown_at = clock()

    @property
    def per_second(self) -> float | None:
        """The present pace, None where nothing limits it."""
        return self._per_second

    def wait(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = self._clock()
            self._grow(now)
            if self._per_second is None:
                return
            turn = max(self._next_at, now)
            self._next_at = turn + 1 / self._per_second
        self._sleep(max(0.0, turn - now))

    def throttled(self) -> None:
        """Take note that AWS refused a call because there were too many."""
        with self._lock:
            now = self._clock()
            if now - self._cut_at < _BETWEEN_CUTS_S:
                return
            self._cut_at = self._grown_at = now
            if self._per_second is None:
                self._per_second = QUOTA_PER_S
                self._next_at = now
            else:
                self._per_second = max(_LEAST_PER_S, self._per_second * _LESS)

    def _grow(self, now: float) -> None:
        if self._per_second is None:
            return
        grown = self._per_second + _MORE_PER_S * (now - self._grown_at)
        self._per_second = grown if self._most is None else min(grown, self._most)
        self._grown_at = now

    def keep(self, client: Any) -> None:
        """Let the paced calls of a boto3 ECS client wait for their turn, repeated ones too."""
        for operation in PACED:
            client.meta.events.register(f"before-send.ecs.{operation}", self._before_send)
            client.meta.events.register(f"needs-retry.ecs.{operation}", self._after_answer)

    def _before_send(self, **_: object) -> None:
        self.wait()

    def _after_answer(self, response: Any = None, **_: object) -> None:
        """Look at one answer; ``response`` is what botocore's retry handlers see: None where nothing came."""
        if response is not None and response[1].get("Error", {}).get("Code") in THROTTLED:
            self.throttled()
