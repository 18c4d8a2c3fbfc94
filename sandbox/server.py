"""A server of the sandbox: a program on 127.0.0.1 that is started, waited for, and always stopped again."""

import atexit
import socket
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

_STARTS: Final = 3


class SandboxError(Exception):
    """The sandbox failed; the text says what to do."""


class PortTaken(Exception):
    """Another process listens there; the text is the end of the server's log, which says so."""


class Server(ABC):
    """A server, running inside ``with``. ``port``: None uses a free one, and another if that was taken meanwhile."""

    def __init__(self, port: int | None) -> None:
        self.port = port or 0
        self._fixed_port = port is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers; raises SandboxError if it does not, or lacks a requirement."""
        self._require()
        for attempt in range(1, _STARTS + 1):
            atexit.register(self.stop)
            if not self._fixed_port:
                self.port = free_port()
            try:
                self._launch()
                self._wait()
            except PortTaken as taken:
                self.stop()
                if self._fixed_port or attempt == _STARTS:
                    raise SandboxError(
                        f"Port {self.port} is taken: choose another, or leave it out. The server's last lines:\n{taken}"
                    ) from None
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """Stop it and all of its children, and remove its files. Stopping twice is fine."""
        atexit.unregister(self.stop)
        self._end()

    @abstractmethod
    def _require(self) -> None:
        """Raise SandboxError if this machine lacks a requirement of the server."""

    @abstractmethod
    def _launch(self) -> None:
        """Start the program on ``port``."""

    @abstractmethod
    def _wait(self) -> None:
        """Return once it answers; raise PortTaken if it ended because another process listens there."""

    @abstractmethod
    def _end(self) -> None:
        """End the launched process, if any, and remove its files."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
