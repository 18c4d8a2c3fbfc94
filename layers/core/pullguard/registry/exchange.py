"""The requests of one verification, bounded together in time and number, and their redirects."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from pullguard.domain.errors import shown
from pullguard.domain.secret_value import HiddenText
from pullguard.registry.origins import Url, onward
from pullguard.registry.transport import Response, Transport, Unreachable, talk

REQUESTS_MAX: Final = 12  # ping, two tokens, HEAD, GET, and three more without credentials, some of them redirected
REDIRECTS_MAX: Final = 3
BODY_MAX_BYTES: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ERRORS: Final = range(400, 600)
T = TypeVar("T")


class NoAnswer(Exception):
    """A question stays open; ``detail`` is a sentence for people, with nothing in it of what was sent."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class Exchange:
    """Asks, within ``timeout_s`` from now and ``REQUESTS_MAX`` requests."""

    def __init__(self, transport: Transport, timeout_s: float) -> None:
        self._transport = transport
        self._deadline_s = time.monotonic() + timeout_s
        self._requests = 0
        self._connection: socket.socket | None = None

    def ask(
        self,
        method: str,
        url: Url,
        *,
        authorization: HiddenText | None = None,
        accept: str = "application/json",
        with_body: bool = False,
    ) -> Response:
        """Ask for ``url``, following redirects to the same scheme, host and port only.

        Of an error's body, and with ``with_body`` of any, the first ``BODY_MAX_BYTES`` are read. Raises ``NoAnswer``.
        """

        def body_max_bytes(status: int) -> int:
            return BODY_MAX_BYTES if with_body or status in _ERRORS else 0

        for _ in range(REDIRECTS_MAX + 1):
            response = self._once(method, url, authorization, accept, body_max_bytes)
            if response.status not in _REDIRECTS:
                return response
            there = onward(url, response.location or "")
            if there is None:
                # Where to is told only by an answer to a question without credentials, which it might repeat.
                where = f" ({shown(response.location or '')})" if authorization is None else ""
                raise NoAnswer(f"{url.origin.authority} redirects to another host{where}, which is not followed.")
            url = there
        raise NoAnswer(f"{url.origin.authority} redirects more than {REDIRECTS_MAX} times.")

    def _once(
        self,
        method: str,
        url: Url,
        authorization: HiddenText | None,
        accept: str,
        body_max_bytes: Callable[[int], int],
    ) -> Response:
        remaining_s = self._deadline_s - time.monotonic()
        self._requests += 1
        if remaining_s <= 0 or self._requests > REQUESTS_MAX:
            raise NoAnswer(f"{url.origin.authority} needs more time or more questions than it is given.")
        headers = {"Accept": accept, "User-Agent": "pullguard"}
        try:
            self._connection = self._transport.open(url.origin, remaining_s)
            if authorization is not None:
                headers["Authorization"] = authorization.reveal()
            return talk(
                self._connection,
                method,
                url.origin.authority,
                url.target,
                headers,
                body_max_bytes=body_max_bytes,
            )
        except Unreachable as failure:
            why = failure.why
        raise NoAnswer(f"{url.origin.authority} {why}.")

    def abort(self) -> None:
        """Cut the connection, whatever it waits for, and start no other."""
        self._requests = REQUESTS_MAX
        if (connection := self._connection) is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has gone already


def within(timeout_s: float, work: Callable[[], T], abort: Callable[[], None]) -> T:
    """Do ``work`` in a thread of its own and return what it returns, or raise what it raises.

    Neither name resolution nor an answer that comes drop by drop has a time limit of its own. After ``timeout_s``
    ``abort`` is called, the thread is left to end by itself, and ``TimeoutError`` raised.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised again below, where somebody waits)
            future.set_exception(error)

    threading.Thread(target=run, name="registry", daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        abort()
        raise
