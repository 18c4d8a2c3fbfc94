"""Missing features of the embedded AWS, added around it as an ASGI application.

1. CloudTrail: a successful call that CloudTrail records becomes an event on the default bus.
2. Lists: calls with their callers (``GET /_sandbox/calls?since=EPOCH_S``), events (``GET /_sandbox/events``).
3. Events by hand, as AWS sends them: ``POST /_sandbox/emit`` with a JSON list of events in EventBridge's own form.
4. Permissions that the embedded AWS does not check: ``sandbox.authorization``.
5. No more workers than the machine can start: ``sandbox.capacity``.
6. Calls that wait until a test releases them (``/_sandbox/holds``): ``sandbox.holds``.
7. Functions' log lines to the last one: ``sandbox.loglines``.
8. Execution roles, assumed as ECS assumes them (``POST /_sandbox/task-credentials``): ``sandbox.task_roles``.
9. Secrets found by their ARN, and stored, as AWS does: ``sandbox.secret_ids``, ``sandbox.secret_state``.
10. Another account's secrets and keys, answered in that account: ``sandbox.other_accounts``.
11. The keys of each version of a secret: ``sandbox.version_keys``.
12. Queue policies as SQS evaluates them, and redrives: ``sandbox.queues``.
13. Layers and code unpacked once for all workers: ``sandbox.unpacking``.

Run by ``sandbox.emulator`` in the embedded AWS's own interpreter, never imported there by anything else. Any error in 1
or 2 is logged and leaves the observed call unchanged.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from sandbox import (
    authorization,
    capacity,
    cloudtrail,
    loglines,
    other_accounts,
    queues,
    secret_ids,
    secret_state,
    task_roles,
    unpacking,
    version_keys,
)
from sandbox.cloudtrail import ApiCall, Caller, Event
from sandbox.holds import Holds
from sandbox.target import target

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

CALLS_KEPT = 100_000
BODY_KEPT_BYTES = 4 * 1024 * 1024
"""Longer bodies (uploads of code) are passed on without inspection."""

log = logging.getLogger("sandbox.relay")


class Exchange:
    """One request and its answer, copied while they pass."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.request, self.response = bytearray(), bytearray()
        self.status = 0

    async def receive(self) -> Message:
        """Pass one message of the request on."""
        message = await self._receive()
        _keep(self.request, message)
        return message

    async def send(self, message: Message) -> None:
        """Pass one message of the answer on."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        _keep(self.response, message)
        await self._send(message)


def _keep(store: bytearray, message: Message) -> None:
    body = message.get("body") or b""
    if len(store) + len(body) <= BODY_KEPT_BYTES:
        store += body


class Relay:
    """The ASGI application around ``app``."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self._holds = Holds()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if str(scope["path"]).startswith("/_sandbox/"):
            await self._serve_own(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = Exchange(await self._holds.passed(headers, receive), send)
        await self._app(scope, exchange.receive, exchange.send)
        try:
            self._watch(scope, headers, exchange)
        except Exception:
            log.exception("the relay failed on %s %s", scope["method"], scope["path"])

    def _watch(self, scope: Message, headers: dict[str, str], exchange: Exchange) -> None:
        service, action = _operation(scope, headers, bytes(exchange.request))
        if not service:
            return
        caller = _caller(headers)
        at = datetime.now(UTC)
        request_id = str(uuid.uuid4())
        self._calls.append(
            {
                "at": at.isoformat(),
                "epoch_s": at.timestamp(),
                "service": service,
                "action": action,
                "target": target(bytes(exchange.request)),
                "principal": caller.arn,
                "access_key": caller.access_key,
                "status": exchange.status,
                "error": _error_code(bytes(exchange.response)) if exchange.status >= 400 else None,  # noqa: PLR2004
                "request_id": request_id,
            }
        )
        if exchange.status >= 300 or not cloudtrail.is_recorded(service, action):  # noqa: PLR2004
            return
        call = ApiCall(
            service=service,
            action=action,
            region=_region(),
            caller=caller,
            request=bytes(exchange.request),
            response=bytes(exchange.response),
            request_id=request_id,
            event_id=str(uuid.uuid4()),
            at=at,
            user_agent=headers.get("user-agent", ""),
        )
        emit(cloudtrail.events_of(call))

    async def _serve_own(self, scope: Message, receive: Receive, send: Send) -> None:
        client = (scope.get("client") or ("0.0.0.0",))[0]
        if not ip_address(client).is_loopback:
            await answer(send, 403, {"error": "only from this machine"})
            return
        body = await _whole(receive)
        match scope["method"], scope["path"]:
            case "GET", "/_sandbox/calls":
                since = float(parse_qs(scope["query_string"].decode()).get("since", ["0"])[0])
                await answer(send, 200, [call for call in self._calls if call["epoch_s"] >= since])
            case method, "/_sandbox/holds":
                await answer(send, 200, self._holds.answer(str(method), body))
            case "GET", "/_sandbox/events":
                await answer(send, 200, _events())
            case "POST", "/_sandbox/task-credentials":
                wanted = json.loads(body)
                try:
                    await answer(send, 200, task_roles.assume(wanted["role"], wanted["region"]))
                except task_roles.NotTrusted as error:
                    await answer(send, 403, {"error": str(error)})
            case "POST", "/_sandbox/emit":
                try:
                    emitted = emit(json.loads(body))
                except (ValueError, TypeError, KeyError) as error:
                    await answer(send, 400, {"error": f"expected a JSON list of EventBridge events: {error!r}"})
                else:
                    await answer(send, 200, emitted)
            case _:
                await answer(send, 404, {"error": "no such path"})


async def _whole(receive: Receive) -> bytearray:
    """Return a request's body."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body") or b""
        if not message.get("more_body"):
            return body


async def answer(send: Send, status: int, payload: Any) -> None:
    """Send one JSON answer."""
    body = json.dumps(payload, default=str).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# --- The embedded AWS's own parts: the request's account, Region and caller are in its context variables -----------


def emit(events: list[Event]) -> list[str]:
    """Put events on the default bus as AWS itself would, and return their ids."""
    from ministack.services import eventbridge  # noqa: PLC0415

    entries = [
        {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": list(event.get("resources", [])),
        }
        for event in events
    ]
    ids: list[str] = []
    for entry in entries:
        _status, _headers, body = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001
        ids += [str(result.get("EventId")) for result in json.loads(body)["Entries"]]
    return ids


def _events() -> list[dict[str, Any]]:
    from ministack.services import eventbridge  # noqa: PLC0415

    return list(eventbridge._events_log_list())  # noqa: SLF001


def _region() -> str:
    from ministack.core.responses import get_region  # noqa: PLC0415

    return str(get_region())


def _operation(scope: Message, headers: dict[str, str], request: bytes) -> tuple[str, str]:
    """Return service and action as IAM names them, or two empty strings if it is not an AWS call."""
    from ministack.core.iam_actions import extract_iam_action  # noqa: PLC0415
    from ministack.core.router import detect_service  # noqa: PLC0415

    if "authorization" not in headers or str(scope["path"]).startswith("/_"):
        return "", ""
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        query = {**parse_qs(request.decode("utf-8", "replace"), keep_blank_values=True), **query}
    method, path = scope["method"], scope["path"]
    service = detect_service(method, path, headers, query)
    action = extract_iam_action(service, method, path, headers, request, query)
    prefix, _, name = str(action or f"{service}:{method} {path}").partition(":")
    return prefix, name


def _caller(headers: dict[str, str]) -> Caller:
    from ministack.core.iam_evaluator import resolve_caller_identity  # noqa: PLC0415
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.core.router import extract_access_key_id  # noqa: PLC0415

    access_key = str(extract_access_key_id(headers) or "")
    found = resolve_caller_identity(access_key)
    if not found:
        return Caller(arn="", account=str(get_account_id()), access_key=access_key)
    return Caller(arn=found["userArn"], account=found["accountId"], access_key=access_key, user_id=found["userId"])


def _error_code(body: bytes) -> str | None:
    try:
        payload = json.loads(body)
    except ValueError:
        start, end = body.find(b"<Code>"), body.find(b"</Code>")
        return body[start + 6 : end].decode() if 0 <= start < end else None
    return str(payload.get("__type") or payload.get("code") or "") or None if isinstance(payload, dict) else None


# --- The process ----------------------------------------------------------------------------------------------------


def _end_with_parent(scratch: str) -> None:
    """End this process group when standard input closes, which happens when the parent dies for any reason."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(scratch, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve the embedded AWS with the relay around it until the parent dies or ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", action="append", required=True)
    parser.add_argument("--scratch", required=True)
    options = parser.parse_args()

    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack.app import app  # noqa: PLC0415

    version_keys.install()
    other_accounts.install()
    authorization.install()
    capacity.install()
    loglines.install()
    queues.install()
    secret_ids.install()
    secret_state.install()
    unpacking.install()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415

        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    config = Config()
    config.bind = options.bind
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    threading.Thread(target=_end_with_parent, args=(options.scratch,), daemon=True).start()
    try:
        asyncio.run(serve(Relay(app), config))
    except OSError as error:
        sys.exit(f"cannot listen on {', '.join(options.bind)}: {error}")
