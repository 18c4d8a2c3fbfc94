"""Rate limiting shared by many threads: a fixed maximum, lowered when AWS throttles.

botocore retries a throttled call later, but many threads that do so independently waste most of the quota on refused
calls. All threads therefore share one pace: unlimited until AWS throttles for the first time, then the process's share
of the quota, lower if AWS still throttles (other callers share the quota), and rising again while it does not. Calls
outside the quota of task definitions have buckets of their own and are not paced.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from pullguard.aws.answers import THROTTLED
from pullguard.aws.deadline import check
from pullguard.planning.ecs_quota import QUOTA_PER_S

PACED: Final = ("DescribeTaskDefinition", "ListTaskDefinitionFamilies", "ListTaskDefinitions")
_LEAST_PER_S: Final = 1.0
_LESS: Final = 0.8
_MORE: Final = 0.01  # how much of its share the pace rises per second without throttling
_BETWEEN_CUTS_S: Final = 2.0  # concurrent calls are throttled together, which counts as one signal


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # looked up at each call, so that tests can replace it


class Pace:
    """A pace for many threads; ``per_second`` is the maximum number of calls per second, None for no limit.

    ``share`` is the number of calls per second after the first throttling. The instances of a function run in processes
    that know nothing of each other: with equal shares they keep the quota together, and an instance that runs alone in
    a quiet account is not slowed down.
    """

    def __init__(
        self,
        per_second: float | None = None,
        *,
        share: float = QUOTA_PER_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = _pause,
    ) -> None:
        self._most = per_second
        self._share = share
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._next_at = clock()
        self._cut_at = clock() - _BETWEEN_CUTS_S
        self._grown_at = clock()

    @property
    def per_second(self) -> float | None:
        """The current pace in calls per second; None if it is unlimited."""
        return self._per_second

    def wait(self) -> None:
        """Block until the next call is due."""
        with self._lock:
            now = self._clock()
            self._grow(now)
            if self._per_second is None:
                return
            turn = max(self._next_at, now)
            self._next_at = turn + 1 / self._per_second
        self._sleep(max(0.0, turn - now))

    def throttled(self) -> None:
        """Lower the pace because AWS throttled a call."""
        with self._lock:
            now = self._clock()
            if now - self._cut_at < _BETWEEN_CUTS_S:
                return
            self._cut_at = self._grown_at = now
            if self._per_second is None:
                self._per_second = self._share
                self._next_at = now
            else:
                self._per_second = max(_LEAST_PER_S, self._per_second * _LESS)

    def _grow(self, now: float) -> None:
        if self._per_second is None:
            return
        grown = self._per_second + _MORE * self._share * (now - self._grown_at)
        self._per_second = grown if self._most is None else min(grown, self._most)
        self._grown_at = now

    def keep(self, client: Any) -> None:
        """Apply the pace to the paced calls of a boto3 ECS client, including retries."""
        for operation in PACED:
            client.meta.events.register(f"before-send.ecs.{operation}", self._before_send)
            client.meta.events.register(f"needs-retry.ecs.{operation}", self._after_answer)

    def _before_send(self, **_: object) -> None:
        self.wait()
        check()  # the wait may have been too long

    def _after_answer(self, response: Any = None, **_: object) -> None:
        """Check one response for throttling; ``response`` is that of botocore's retry handlers, None if none came."""
        if response is not None and response[1].get("Error", {}).get("Code") in THROTTLED:
            self.throttled()
