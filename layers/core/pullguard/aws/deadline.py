"""The time limit of an invocation: after it, no request leaves for AWS.

Lambda freezes the process when the handler returns and thaws it for the next invocation. A thread that was still busy
would continue then and write what it concluded from old facts. Each attempt of each call is therefore checked, those
that the SDK repeats after a pause included.
Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pullguard.domain.errors import NotNow


class Deadline:
    """A point in time, ``seconds`` from now; shared by the threads of one invocation. The default is never."""

    def __init__(self, seconds: float = math.inf, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    @property
    def left_s(self) -> float:
        """The remaining time in seconds, negative after the deadline."""
        return self._at - self._clock()

    def end(self) -> None:
        """Let the time be over now."""
        self._at = -math.inf

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Apply the deadline to what this thread does inside the block."""
        token = _APPLIED.set(self)
        try:
            yield
        finally:
            _APPLIED.reset(token)


_APPLIED: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def left_s() -> float:
    """Return the seconds that this thread has left; infinity without a deadline."""
    deadline = _APPLIED.get()
    return math.inf if deadline is None else deadline.left_s


def keep(client: Any) -> None:
    """Let each attempt of each call of a boto3 client raise ``NotNow`` after the deadline of its thread.

    https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """
    client.meta.events.register("request-created", check)


def check(**_: object) -> None:
    """Raise ``NotNow`` if the deadline of this thread is over."""
    if left_s() <= 0:
        raise NotNow("the time of the run was over: the message returns to its queue")
