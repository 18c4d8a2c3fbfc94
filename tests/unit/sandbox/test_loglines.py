"""An invocation's log lines are read to the last one, and a worker that ended is not waited for."""

import queue
import threading
import time
from dataclasses import dataclass

from sandbox.loglines import OVER, lines_of_invocation

_LATE_S = 0.2
"""Later than the embedded AWS itself waits for a line."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A fake of the embedded AWS's worker."""

    _stderr_queue: queue.Queue[str]
    _stderr_thread: threading.Thread


def worker(*printed: str, between_s: float) -> Worker:
    """Return a worker whose lines come one by one."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in printed:
            time.sleep(between_s)
            lines.put(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return Worker(lines, thread)


def test_late_lines_belong_to_the_invocation_that_printed_them() -> None:
    busy = worker("first", "second", OVER, "of the next", between_s=_LATE_S)
    assert lines_of_invocation(busy) == "first\nsecond"


def test_lines_that_a_worker_printed_before_it_died_are_read_without_waiting_for_more() -> None:
    dying = worker("Traceback", "MemoryError", between_s=0)
    started = time.monotonic()
    assert lines_of_invocation(dying) == "Traceback\nMemoryError"
    assert time.monotonic() - started < 5


def test_an_invocation_that_printed_nothing_has_no_lines() -> None:
    assert lines_of_invocation(worker(OVER, between_s=0)) == ""
