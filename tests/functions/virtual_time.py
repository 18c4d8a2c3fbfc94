"""Virtual time: threads that take turns, each until it sleeps or ends, so that no test waits and every run is the same.

The thread whose sleep ends first is next. No two run at once. A thread that one of them starts, and waits for, sleeps
in its place.
"""

import heapq
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count


class VirtualTime:
    """A clock in seconds, and the threads that live by it."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seconds = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._mine = threading.local()
        self._idle = threading.Semaphore(0)
        self._errors: list[BaseException] = []
        self._runs = False

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._seconds

    def now(self) -> datetime:
        """Return the time."""
        return self._start + timedelta(seconds=self._seconds)

    def sleep(self, seconds: float) -> None:
        """Let the other threads run until ``seconds`` have passed."""
        if not self._runs:
            self._seconds += seconds
            return
        event = getattr(self._mine, "event", None) or threading.Event()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._order), event))
        self._idle.release()
        event.wait()
        event.clear()

    def run(self, *bodies: Callable[[], None]) -> None:
        """Run each of ``bodies`` in a thread until all have ended; raises the first error of one."""
        threads = []
        for body in bodies:
            event = threading.Event()
            heapq.heappush(self._sleepers, (self._seconds, next(self._order), event))
            threads.append(threading.Thread(target=self._live, args=(body, event), daemon=True))
        self._runs = True
        for thread in threads:
            thread.start()
        while self._sleepers:
            at, _, event = heapq.heappop(self._sleepers)
            self._seconds = max(self._seconds, at)
            event.set()
            self._idle.acquire()
            if self._errors:  # the others sleep until the process ends
                raise self._errors[0]
        self._runs = False

    def _live(self, body: Callable[[], None], event: threading.Event) -> None:
        self._mine.event = event
        event.wait()
        event.clear()
        try:
            body()
        except BaseException as error:  # noqa: BLE001 (raised again by the test's own thread)
            self._errors.append(error)
        finally:
            self._idle.release()
