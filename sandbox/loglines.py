"""Complete function logs: all lines of an invocation belong to it, even on a busy machine.

The embedded AWS reads the output of a worker within some milliseconds of its answer; a later line appears with the
worker's next invocation, or never. Here a worker marks the end of each invocation on its standard error, and the output
is read up to that mark.

Runs in the embedded AWS's interpreter.
"""

import queue
import time
from typing import Any

OVER = "sandbox: this invocation is over"
_PATIENCE_S = 30
_POLL_S = 0.5
_CALL = """            result = handler_fn(event, context)
"""
_CALL_AND_SAY = f"""            try:
                result = handler_fn(event, context)
            finally:
                print({OVER!r}, file=sys.stderr, flush=True)
"""


def install() -> None:
    """Let the workers of Python functions mark the end of each invocation; raises RuntimeError if they are unknown."""
    from ministack.core import lambda_runtime  # noqa: PLC0415

    script = lambda_runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    if script.count(_CALL) != 1:
        raise RuntimeError("this version of the embedded AWS calls handlers otherwise than sandbox/loglines.py knows")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_CALL, _CALL_AND_SAY)  # noqa: SLF001
    lambda_runtime.Worker._drain_stderr_bounded = lines_of_invocation  # noqa: SLF001


def lines_of_invocation(worker: Any, **_bounds: float) -> str:
    """Return a worker's output up to the end of the invocation, or until it ended."""
    lines: list[str] = []
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        ended = not worker._stderr_thread.is_alive()  # noqa: SLF001  # asked before the read: nothing comes after it
        try:
            line = worker._stderr_queue.get(block=not ended, timeout=_POLL_S)  # noqa: SLF001
        except queue.Empty:
            if ended:
                break
            continue
        if line == OVER:
            break
        lines.append(line)
    return "\n".join(lines)
