"""How the audit gets on, told on standard error: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pullguard_cli.auditing import Watcher
from pullguard_cli.printing import counted

_A_LINE_EVERY_S: Final = 15.0


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """Show the progress of an audit on ``console`` for as long as it runs."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(
        TextColumn("Looking at families"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        yield _Bar(progress)


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._total = 0

    def found(self, families: int) -> None:
        self._total += families
        self._progress.update(self._task, total=self._total)

    def looked(self, family: str) -> None:  # noqa: ARG002 (a bar shows numbers only)
        self._progress.advance(self._task)


class _Lines:
    """Told by several threads, hence the lock."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = Lock()
        self._said_at = clock()
        self._total = 0
        self._done = 0

    def found(self, families: int) -> None:
        self._total += families

    def looked(self, family: str) -> None:  # noqa: ARG002 (a line gives numbers only)
        with self._lock:
            self._done += 1
            if self._clock() - self._said_at < _A_LINE_EVERY_S:
                return
            self._said_at = self._clock()
            self._console.print(f"pullguard: looked at {self._done:,} of {counted(self._total, 'family', 'families')}")
