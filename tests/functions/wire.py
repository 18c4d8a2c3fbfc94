"""The wire between a function and AWS: every call over it is noted, and one of them can be made to go wrong.

It takes moto's place in botocore and passes requests on to moto, so that botocore's own retries are part of what is
tried. A call is counted once, however often botocore sends it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.loaders import Loader
from moto.core.models import botocore_stubber

from pullguard.aws.clients import Clients
from tests.functions.stack import REGION, UNSIGNED

_LOADER = Loader()  # the services' descriptions are read once for all sessions


class Died(BaseException):
    """The function's process ended here: nothing of it can catch this."""


class Fault(Enum):
    """The failures of one call."""

    THROTTLED = "throttled once"
    THROTTLED_THROUGHOUT = "throttled at every retry"
    DENIED = "denied once"
    LOST = "timed out after it took effect"
    LOST_THROUGHOUT = "every retry timed out after it took effect"
    DIED = "died after it"


_AGAIN = frozenset({Fault.THROTTLED_THROUGHOUT, Fault.LOST_THROUGHOUT})
_LOST = frozenset({Fault.LOST, Fault.LOST_THROUGHOUT})
_CODES: dict[Fault | None, str] = {
    Fault.THROTTLED: "ThrottlingException",
    Fault.THROTTLED_THROUGHOUT: "ThrottlingException",
    Fault.DENIED: "AccessDeniedException",
}


@dataclass
class Wire:
    """Clients that record their calls and fail one of them.

    ``calls`` are the operations in order (``iam:PutRolePolicy``). The call at ``place`` gets the ``fault``; a ``place``
    that names an operation applies to each of its calls. ``interleave`` is a place, or an
    operation (its first call), and a function that runs right before that call reaches AWS. ``watch`` gets the place
    and the operation of each earlier call.
    A wire can be reset for another run, which reuses its costly clients. ``spoilt`` is whether a call failed; ``sent``
    counts the calls that send messages, over all runs.
    """

    fault: Fault | None = None
    place: int | str = -1
    calls: list[str] = field(default_factory=list)
    delays_s: dict[str, int] = field(default_factory=dict)
    interleave: tuple[int | str, Callable[[], object]] | None = None
    watch: Callable[[int, str], None] | None = None
    spoilt: bool = False
    sent: int = 0

    def lay(self, fault: Fault | None = None, place: int | str = -1) -> None:
        """Forget what was called, and let another call go wrong."""
        self.fault, self.place, self.calls, self.delays_s = fault, place, [], {}
        self.interleave = self.watch = None
        self.spoilt = False

    def spoil(self, place: int | str, fault: Fault) -> None:
        """Let a call go wrong that is still to come, or is just being made."""
        self.fault, self.place = fault, place

    @cached_property
    def clients(self) -> Clients:
        """Clients that speak over this wire."""
        session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
        session._session.register_component("data_loader", _LOADER)
        session._session.set_default_client_config(UNSIGNED)
        events: Any = session.events
        events.unregister("before-send", botocore_stubber)
        events.register("before-send", self._send)
        events.register("before-parameter-build.sqs.SendMessageBatch", self._delay)
        return Clients(session)

    def _delay(self, params: dict[str, Any], **_: object) -> None:
        """Let a delayed message come at once, and keep how long it would have waited."""
        for entry in params["Entries"]:
            self.delays_s[entry["MessageBody"]] = entry.pop("DelaySeconds", 0)

    def _send(self, event_name: str, request: Any, **_: object) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:]
        retried = not _first_attempt(request)
        if not retried:
            self.calls.append(f"{service}:{operation}")
            self.sent += operation.startswith("SendMessage")
            if self.watch is not None:
                self.watch(len(self.calls) - 1, self.calls[-1])
        if self.interleave is not None and self.interleave[0] in (len(self.calls) - 1, self.calls[-1]):
            step_in, self.interleave = self.interleave[1], None
            step_in()
        fault = self.fault if self.place in (len(self.calls) - 1, self.calls[-1]) else None
        if fault in _CODES and (not retried or fault in _AGAIN):
            self.spoilt = True
            return refusal(request, _CODES[fault])
        answer: AWSResponse | None = botocore_stubber(event_name, request)
        if fault in _LOST and (not retried or fault in _AGAIN):
            self.spoilt = True
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault is Fault.DIED:
            self.spoilt = True
            raise Died
        return answer


def _first_attempt(request: Any) -> bool:
    said = request.headers.get("amz-sdk-request", b"")
    text = said.decode() if isinstance(said, bytes) else str(said)
    return "attempt=1" in text.split("; ")


class _Body:
    """As much of urllib3's answer as botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Any:
        yield self._content


def refusal(request: Any, code: str) -> AWSResponse:
    """Return AWS's refusal in the form of the request's protocol."""
    kind = request.headers.get("Content-Type", b"")
    is_json = b"json" in (kind.encode() if isinstance(kind, str) else kind)
    content = json.dumps({"__type": code, "message": "injected"})
    if not is_json:
        content = f"<ErrorResponse><Error><Code>{code}</Code><Message>injected</Message></Error></ErrorResponse>"
    headers: Any = {}
    return AWSResponse(request.url, 400, headers, _Body(content.encode()))
