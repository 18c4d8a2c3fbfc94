"""Report slow steps on standard error, with the seconds since the start."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.server import SandboxError

T = TypeVar("T")
POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Progress:
    """A clock that prints progress, unless ``quiet``."""

    quiet: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def say(self, what: str) -> None:
        """Print the current step."""
        if not self.quiet:
            print(f"[{self.elapsed_s:6.1f} s] {what}", file=sys.stderr, flush=True)


def wait_until(condition: Callable[[], T], *, timeout_s: float) -> T:
    """Poll until the result is true, and return it, or the last result after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return answer


def insist(condition: Callable[[], T], what: str, *, timeout_s: float) -> T:
    """Poll until the result is true, and return it; raises SandboxError, which names ``what``, after ``timeout_s``."""
    if not (answer := wait_until(condition, timeout_s=timeout_s)):
        raise SandboxError(f"waited {timeout_s:g} s in vain: {what}")
    return answer
