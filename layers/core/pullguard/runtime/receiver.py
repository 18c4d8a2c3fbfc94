"""Process a queue message: handle it, return it for a retry, or reject it with a reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pullguard.aws.answers import safe_words
from pullguard.domain.errors import Rejected
from pullguard.domain.messages import RECEIVES_MAX

if TYPE_CHECKING:
    from pullguard.aws.messaging import Queues

T = TypeVar("T")


class Received(Protocol):
    """The part of an SQS message used here; Powertools' ``SQSRecord`` implements it."""

    @property
    def body(self) -> str:
        """The message's text."""

    @property
    def attributes(self) -> Any:
        """The SQS attributes: ``approximate_receive_count`` (deliveries, as text) and ``message_group_id``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The outcome of a message sent to the dead-letter queue, with the reason."""

    reason: str


class Receiver:
    """Receives the messages of one function, and sends those that it can never handle to the dead-letter queue."""

    def __init__(self, function: str, *, queues: "Queues", rejects_queue_url: str) -> None:
        self._function = function
        self._queues = queues
        self._rejects_queue_url = rejects_queue_url

    def receive(self, record: Received, handle: Callable[[], T]) -> T | Refused:
        """Handle a message; one that can never be handled goes to the dead-letter queue with its reason.

        The message counts as processed either way, so that it is not retried and does not block its batch. A message
        that fails on its last delivery is rejected too; SQS would move it without a reason.
        """
        try:
            return handle()
        except Rejected as rejected:
            return self._reject(record, str(rejected))
        except Exception as error:
            if (receives := int(record.attributes.approximate_receive_count)) < RECEIVES_MAX:
                raise
            return self._reject(record, f"failed {receives} times, at last with {safe_words(error)}")

    def _reject(self, record: Received, reason: str) -> Refused:
        self._queues.reject(
            self._rejects_queue_url,
            record.body,
            reason=reason,
            function=self._function,
            group=record.attributes.message_group_id,
        )
        return Refused(reason=reason)


def outcome(result: object) -> str:
    """Return the name of a result, for the log line and the metric: ``Validated``, ``Patched``, ``Refused``."""
    return type(result).__name__


def measures(result: object) -> dict[str, int]:
    """Return the metrics of a result: one with the name of its class, and its own ``measures``."""
    return {outcome(result): 1, **getattr(result, "measures", {})}
