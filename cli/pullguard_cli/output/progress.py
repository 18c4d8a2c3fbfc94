"""Show the progress of an audit on standard error: a bar on a terminal, otherwise a line every 15 seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from pullguard_cli.printing import counted
from pullguard_cli.run_audit import Watcher

_A_LINE_EVERY_S: Final = 15.0


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """Show the progress of an audit on ``console`` while the context is open."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(
        TextColumn("Checking families"),
        BarColumn(),
        _Counts(),
        TimeElapsedColumn(),
        _Left(),
        console=console,
        transient=True,
    ) as progress:
        yield _Bar(progress)


class _Counts(ProgressColumn):
    """``12/40``. Empty until the total is known."""

    def render(self, task: Task) -> Text:
        if not task.total:
            return Text("")
        return Text(f"{int(task.completed):,}/{int(task.total):,}", style="progress.download")


class _Left(ProgressColumn):
    """``0:00:05 left``. Empty until it can be estimated."""

    def render(self, task: Task) -> Text:
        remaining = task.time_remaining
        if remaining is None or not task.total:
            return Text("")
        return Text(f"{timedelta(seconds=int(remaining))} left", style="progress.remaining")


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._total = 0

    def found(self, families: int) -> None:
        self._total += families
        self._progress.update(self._task, total=self._total)

    def checked(self, family: str) -> None:  # noqa: ARG002 (a bar shows numbers only)
        self._progress.advance(self._task)


class _Lines:
    """Prints a line at most every 15 seconds. Thread-safe."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = Lock()
        self._said_at = clock()
        self._total = 0
        self._done = 0

    def found(self, families: int) -> None:
        self._total += families

    def checked(self, family: str) -> None:  # noqa: ARG002 (a line gives numbers only)
        with self._lock:
            self._done += 1
            if self._clock() - self._said_at < _A_LINE_EVERY_S:
                return
            self._said_at = self._clock()
            self._console.print(f"pullguard: checked {self._done:,} of {counted(self._total, 'family', 'families')}")
