"""pytest without its start: a server that has imported what the tests import forks for each run.

``python -m benchmarks.forked_tests SOCKET`` serves. ``client`` is a program that asks it to run pytest with arguments,
and exits as pytest does. The product is imported in the child only, since it may have changed since the last run.
"""

import importlib
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

# The imports of tests/conftest.py, and pytest's plugins.
_IMPORTED: Final = (
    *("_hypothesis_pytestplugin", "boto3", "greenlet", "hypothesis", "jsonpath_ng.ext", "jsonschema"),
    *("moto.core.responses", "moto.ecs.responses", "moto.iam.models", "moto.kms.models", "moto.secretsmanager.models"),
    *("moto.resourcegroupstaggingapi.models", "moto.sqs.models", "pytest_socket", "pytest_timeout", "xdist.scheduler"),
)
_POLL_S: Final = 0.02
_CLIENT: Final = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    server.sendall(json.dumps(sys.argv[2:]).encode() + b"\\n")
    sys.exit(int(server.makefile().readline()))
"""


def client(server: Path, *arguments: str) -> tuple[str, ...]:
    """Return the command that has ``server`` run pytest."""
    return (sys.executable, "-S", "-E", "-c", _CLIENT, str(server), *arguments)


def serve(path: str) -> None:
    """Answer one client after another with pytest's exit status, until the process is ended."""
    for name in _IMPORTED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        while True:
            asking, _ = listening.accept()
            with asking, suppress(BrokenPipeError):
                arguments = json.loads(asking.makefile().readline())
                asking.sendall(f"{_status(arguments, asking)}\n".encode())


def _status(arguments: list[str], asking: socket.socket) -> int:
    """Run pytest in a child; end it if the client goes away, as it does after a timeout."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(int(pytest.main(arguments)))
    asking.setblocking(False)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        with suppress(BlockingIOError):
            if not asking.recv(1):
                os.killpg(child, signal.SIGKILL)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    serve(sys.argv[1])
