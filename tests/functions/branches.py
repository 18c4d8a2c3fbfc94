"""A run that branches: at some of its points a copy of the process goes on in which something is otherwise.

So what comes before a point is run once, and not once for each thing that can be otherwise there.
"""

import gc
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Hashable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from threading import Timer
from traceback import format_exc
from typing import Generic, NoReturn, TypeVar

Result = TypeVar("Result")
# A copy lives for a tenth of a second; on a busy machine for some seconds.
COPY_ENDS_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Generic[Result]):
    """How a run, or a branch of it, ended: with a result, or with the traceback of an error; and what it printed."""

    result: Result | None
    error: str
    printed: str


@dataclass
class Branches(Generic[Result]):
    """The branches of one run, by the names that they are given."""

    _ends: dict[Hashable, End[Result]] = field(default_factory=dict)
    _report_to: int | None = None

    def branch(self, name: Hashable, change: Callable[[], None]) -> None:
        """Let a copy go on from here after ``change``; return when it has ended. Copies do not branch."""
        if self._report_to is not None:
            return
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            # A fork copies no threads of the test runner, and the child process needs none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if process == 0:
            gc.disable()  # it would walk, and so copy, all that was there before, for a life of a tenth of a second
            os.close(reading)
            self._report_to = writing
            change()
            return
        os.close(writing)
        limit = Timer(COPY_ENDS_WITHIN_S, os.kill, (process, signal.SIGKILL))
        limit.start()
        with os.fdopen(reading, "rb") as report:
            said = report.read()
        limit.cancel()
        limit.join()  # before the process is reaped: its number may then be another's
        os.waitpid(process, 0)
        if said:
            self._ends[name] = pickle.loads(said)

    def result(self, name: Hashable) -> Result:
        """Print what a branch printed, so that a failing test shows it; return its result, or raise what it raised."""
        if (end := self._ends.get(name)) is None:
            raise LookupError(f"the run did not come to {name}, or the process ended there")
        sys.stdout.write(end.printed)
        if end.result is None:
            raise RuntimeError(end.error)
        return end.result

    def run(self, perform: Callable[[], Result]) -> Result:
        """Perform what calls ``branch`` on its way; return how it ended where nothing was otherwise."""
        with redirect_stdout(StringIO()) as printed:
            try:
                result = perform()
            except BaseException:  # a copy must not go on into what called this
                if self._report_to is None:
                    raise
                _report(self._report_to, End(result=None, error=format_exc(), printed=printed.getvalue()))
        if self._report_to is not None:
            _report(self._report_to, End(result=result, error="", printed=printed.getvalue()))
        return result


def _report(to: int, end: End[Result]) -> NoReturn:
    """Hand an end over, and end: whatever happens, a copy does not go on."""
    try:
        try:
            said = pickle.dumps(end)
        except Exception:  # noqa: BLE001 (a result may be anything)
            said = pickle.dumps(End(result=None, error=format_exc(), printed=end.printed))
        with os.fdopen(to, "wb") as report:
            report.write(said)
    finally:
        os._exit(0)
