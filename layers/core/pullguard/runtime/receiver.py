"""Process a queue message: handle it, return it for a retry, or reject it with a reason."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pullguard.aws.answers import safe_words
from pullguard.aws.deadline import Deadline
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.messages import RECEIVES_MAX

if TYPE_CHECKING:
    from pullguard.aws.messaging import Queues

# The last seconds of an invocation: no run calls AWS any more, and the handler waits for calls that are under way, so
# that none is sent when Lambda thaws the process. Then it answers.
RESERVE_S: Final = 10.0
_LAST_CALLS_S: Final = 5.0
T = TypeVar("T")
R = TypeVar("R", bound="Received")


class Received(Protocol):
    """The part of an SQS message used here; Powertools' ``SQSRecord`` implements it."""

    @property
    def message_id(self) -> str:
        """The message's id."""

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
    """Receives the messages of one batch, and sends those that can never be handled to the dead-letter queue.

    After the ``deadline`` what handles a message can call AWS no more: the message returns to its queue, and the
    results of the others count.
    """

    def __init__(
        self, function: str, *, queues: "Queues", rejects_queue_url: str, deadline: Deadline | None = None
    ) -> None:
        self._function = function
        self._queues = queues
        self._rejects_queue_url = rejects_queue_url
        self._deadline = deadline or Deadline()

    @contextmanager
    def at_once(self, records: Iterable[R], run: Callable[[R], T]) -> Iterator[Callable[[R], T]]:
        """Start ``run`` for all records, each in a thread of its own, so that none waits for another.

        The yielded function waits for the result of one; it raises ``NotNow`` if the run has not ended in time. No run
        calls AWS after the block.
        """
        each = {record.message_id: record for record in records}
        threads = ThreadPoolExecutor(max(1, len(each)), thread_name_prefix="record")

        def start(record: R) -> T:
            with self._deadline.applied():
                return run(record)

        started: dict[str, Future[T]] = {id_: threads.submit(start, record) for id_, record in each.items()}

        def result(record: R) -> T:
            future = started[record.message_id]
            wait([future], timeout=min(max(0.0, self._deadline.left_s + _LAST_CALLS_S), TIMEOUT_MAX))
            if not future.done():
                raise NotNow("the run did not end in the function's time: the message returns to its queue")
            return future.result()

        try:
            yield result
        finally:
            self._deadline.end()
            threads.shutdown(wait=False)

    def receive(self, record: Received, handle: Callable[[], T]) -> T | Refused:
        """Handle a message; one that can never be handled goes to the dead-letter queue with its reason.

        The message counts as processed either way, so that it is not retried and does not block its batch. A message
        that fails on its last delivery is rejected too; SQS would move it without a reason.
        """
        try:
            with self._deadline.applied():
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
