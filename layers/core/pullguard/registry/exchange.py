"""The requests of one verification, with common limits of time and number, and their redirects."""

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
    """The question remains open; ``detail`` is a sentence for people, with nothing in it that was sent."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class Exchange:
    """Sends requests, within ``timeout_s`` from now and at most ``REQUESTS_MAX``."""

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
        """Request ``url``, following redirects to the same scheme, host and port only.

        At most ``BODY_MAX_BYTES`` of an error's body are read, with ``with_body`` of any body. Raises ``NoAnswer``.
        """

        def body_max_bytes(status: int) -> int:
            return BODY_MAX_BYTES if with_body or status in _ERRORS else 0

        for _ in range(REDIRECTS_MAX + 1):
            response = self._once(method, url, authorization, accept, body_max_bytes)
            if response.status not in _REDIRECTS:
                return response
            there = onward(url, response.location or "")
            if there is None:
                # The redirect's target is shown only for a request without credentials, since it might repeat them.
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
        """Close the connection, whatever it waits for, and start no other."""
        self._requests = REQUESTS_MAX
        if (connection := self._connection) is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # already closed


def within(timeout_s: float, work: Callable[[], T], abort: Callable[[], None]) -> T:
    """Run ``work`` in a separate thread and return its result, or raise its exception.

    Neither name resolution nor an answer that arrives slowly has a time limit of its own. After ``timeout_s`` ``abort``
    is called, the thread is left to end by itself, and ``TimeoutError`` is raised.
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
