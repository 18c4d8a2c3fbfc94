"""A moto server that counts calls and, if asked, throttles as ECS does: ``python -m benchmarks.audit_server PORT``.

It lists task definitions page by page. With ``--throttle BURST REFILL_PER_S`` the calls that describe and list task
definitions share one bucket.
"""

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

from tests.moto_as_aws import list_task_definitions_as_aws

_SHARED = {"DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"}

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Bucket:
    """Tokens for calls: ``burst`` at once, refilled by ``refill_per_s``; without a bucket, ``take`` always succeeds."""

    def __init__(self, burst: float, refill_per_s: float) -> None:
        self._burst, self._refill_per_s = burst, refill_per_s
        self._tokens, self._at, self._lock = burst, time.monotonic(), threading.Lock()

    def take(self) -> bool:
        """Whether there was a token to take."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._refill_per_s)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Counted:
    """The WSGI application: moto behind a counter and a bucket.

    ``/_bench/calls`` answers and resets the counts.
    """

    def __init__(self, inner: Application, bucket: Bucket | None) -> None:
        self._inner, self._bucket = inner, bucket
        self._calls: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] == "/_bench/calls":
            counts, self._calls = self._calls, Counter()
            return _answer(start, "200 OK", dict(counts))
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or "query"
        if self._bucket is not None and action in _SHARED and not self._bucket.take():
            self._calls["throttled"] += 1
            return _answer(start, "400 Bad Request", {"__type": "ThrottlingException", "message": "Rate exceeded"})
        self._calls[action] += 1
        return self._inner(environ, start)


def _answer(start: StartResponse, status: str, body: dict[str, Any]) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps(body).encode()]


def main() -> None:
    """Serve on loopback until the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--throttle", type=float, nargs=2, metavar=("BURST", "REFILL_PER_S"))
    options = parser.parse_args()
    list_task_definitions_as_aws()
    bucket = Bucket(*options.throttle) if options.throttle else None
    application = Counted(DomainDispatcherApplication(create_backend_app), bucket)
    run_simple("127.0.0.1", options.port, application, threaded=True)


if __name__ == "__main__":
    main()
