"""The cost of a cold start: its duration, and the memory used.

The function runs in a container of the Lambda runtime against a Runtime API of this module: the first request for an
invocation is the end of the init phase. The kernel's own figures are read, so this works on Linux only.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from sandbox.engine import docker, gateway, inspect, logs
from sandbox.server import SandboxError

HANDLER: Final = "app.handler"
_START_S: Final = 60
_POLL_S: Final = 0.2
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The kernel's figures for the function's process at one moment; ``queued_s``: runnable time without a CPU."""

    age_s: float
    cpu_s: float
    queued_s: float
    peak_memory_mb: float

    @property
    def own_wall_s(self) -> float:
        """The wall-clock time without that of other processes: working, or waiting for an answer, disk or clock."""
        return self.age_s - self.queued_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One cold start: ``init`` when the function first requested work, ``done`` when it did so after one event."""

    init: Reading
    done: Reading
    response: Any


class _RuntimeApi(ThreadingHTTPServer):
    """Serves one event; records the requests for work, and the answer."""

    daemon_threads = True

    def __init__(self, timeout_s: float) -> None:
        super().__init__((gateway(), 0), _Handler)
        self.timeout_s = timeout_s
        self.asked: queue.Queue[float] = queue.Queue()
        self.work: queue.Queue[bytes | None] = queue.Queue()  # None: no more work follows
        self.answers: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _RuntimeApi

    def do_GET(self) -> None:
        self.server.asked.put(time.clock_gettime(time.CLOCK_BOOTTIME))
        event = self.server.work.get()
        if event is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.server.timeout_s) * 1000)))
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:111122223333:function:measured"
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.append((self.path.rpartition("/")[2], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that is overridden)
        """Stay quiet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The template's limits of a function: memory, and the time that one event may take."""

    memory_mb: int
    timeout_s: float


def measure(
    image: str, *, code: Path, layers: Path | None, environment: Mapping[str, str], event: Any, limits: Limits
) -> Cost:
    """Start a function cold, send it one event, and return the cost.

    ``code`` is its directory with ``app.py``, ``layers`` the content of /opt. Raises SandboxError with the container's
    last lines if it does not request work, does not finish in time, or answers with an error.
    """
    api = _RuntimeApi(limits.timeout_s)
    threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    mounts = [(code, "/var/task"), *([(layers, "/opt")] if layers else [])]
    options = [part for host, inside in mounts for part in ("--volume", f"{host}:{inside}:ro")]
    variables = {
        **environment,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(limits.memory_mb),
        "AWS_LAMBDA_RUNTIME_API": f"{gateway()}:{api.server_port}",
        "_HANDLER": HANDLER,
    }
    options += [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    container = docker("run", "--detach", "--memory", f"{limits.memory_mb}m", *options, image, HANDLER)
    try:
        process = int((inspect("container", container) or {})["State"]["Pid"])
        init = _read(process, _await(api, container, "start", _START_S))
        api.work.put(json.dumps(event).encode())
        done = _read(process, _await(api, container, "finish its work", limits.timeout_s))
        kind, body = api.answers[-1]
        if kind != "response":
            raise SandboxError(f"The function failed: {body.decode(errors='replace')}")
        return Cost(init=init, done=done, response=json.loads(body))
    finally:
        docker("rm", "--force", container)
        api.work.put(None)
        api.shutdown()
        api.server_close()


def _await(api: _RuntimeApi, container: str, what: str, timeout_s: float) -> float:
    """Return when the function requested work; raises SandboxError as soon as its container has ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(queue.Empty):
            return api.asked.get(timeout=_POLL_S)
        state = (inspect("container", container) or {})["State"]
        if not state["Running"] and api.asked.empty():
            raise SandboxError(f"The function's container ended with {state['ExitCode']}:\n{logs(container)}")
    raise SandboxError(f"The function did not {what} within {timeout_s:g} s, and was ended:\n{logs(container)}")


def _read(process: int, now_s: float) -> Reading:
    """Read /proc of a process. ``now_s`` is the time since the machine's start."""
    proc = Path("/proc") / str(process)
    stat = (proc / "stat").read_text().rpartition(")")[2].split()  # after the name, which may contain anything
    schedules = [(task / "schedstat").read_text().split() for task in (proc / "task").iterdir()]
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    return Reading(
        age_s=now_s - int(stat[19]) / _TICKS_PER_S,
        cpu_s=sum(int(each[0]) for each in schedules) / 1e9,
        queued_s=int((proc / "schedstat").read_text().split()[1]) / 1e9,  # of the first thread, which imports
        peak_memory_mb=int(status["VmHWM"].split()[0]) / 1024,
    )
