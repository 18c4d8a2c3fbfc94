"""Messages that are handled, that return to the queue, and that no handler accepts."""

from contextlib import nullcontext
from queue import Queue
from threading import Barrier, Event
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

from pullguard.aws.deadline import Deadline, left_s
from pullguard.aws.messaging import Queues
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.messages import RECEIVES_MAX
from pullguard.runtime.receiver import Receiver, Refused, outcome
from pullguard.workflows.validate import Validated


class Rejects:
    """In the place of the queue's client: what was put away."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def receiver(self, queue_url: str = "https://sqs/rejects", *, deadline: Deadline | None = None) -> Receiver:
        client: Any = self
        return Receiver("f", queues=Queues(client), rejects_queue_url=queue_url, deadline=deadline)


@pytest.fixture
def rejects() -> Rejects:
    return Rejects()


def reject(text: str) -> Any:
    raise Rejected(text)


def received(body: str, times: int = 1, group: str | None = None) -> SQSRecord:
    """A message as Lambda hands it over, delivered for the so-manieth time."""
    of_group = {} if group is None else {"MessageGroupId": group}
    attributes = {"ApproximateReceiveCount": str(times), **of_group}
    return SQSRecord({"messageId": f"m-{body}", "body": body, "attributes": attributes})


def test_a_handled_record_returns_its_result(rejects: Rejects) -> None:
    assert rejects.receiver().receive(received("body"), lambda: 7) == 7
    assert rejects.sent == []


def test_a_rejected_message_is_put_away_with_its_reason(rejects: Rejects) -> None:
    assert rejects.receiver().receive(received("body"), lambda: reject("why")) == Refused(reason="why")
    (message,) = rejects.sent
    assert (message["QueueUrl"], message["MessageBody"]) == ("https://sqs/rejects", "body")
    values = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert values == {"reason": "why", "function": "f"}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("x" * 5000, "x" * 1024), ("a\x00b\nc", "a b c"), ("", "no reason given")],
    ids=["long", "control-characters", "none"],
)
def test_a_reason_is_one_that_sqs_takes(rejects: Rejects, reason: str, shown: str) -> None:
    rejects.receiver().receive(received(""), lambda: reject(reason))
    assert rejects.sent[0]["MessageAttributes"]["reason"]["StringValue"] == shown
    assert rejects.sent[0]["MessageBody"] == "(empty)"


def test_in_a_fifo_queue_one_rejection_is_kept_once(rejects: Rejects) -> None:
    receiver = rejects.receiver("https://sqs/rejects.fifo")
    for body in ("a", "a", "b"):
        receiver.receive(received(body), lambda: reject("why"))
    one, copy, other = (message["MessageDeduplicationId"] for message in rejects.sent)
    assert one == copy != other


@pytest.mark.parametrize(("group", "kept"), [("a-role", "a-role"), (None, "rejected")])
def test_in_a_fifo_queue_it_keeps_its_group(rejects: Rejects, group: str | None, kept: str) -> None:
    rejects.receiver("https://sqs/rejects.fifo").receive(received("a", group=group), lambda: reject("why"))
    assert rejects.sent[0]["MessageGroupId"] == kept


def test_any_other_error_sends_the_message_back(rejects: Rejects) -> None:
    def fail() -> None:
        raise RuntimeError("AWS is on fire")

    with pytest.raises(RuntimeError):
        rejects.receiver().receive(received("body"), fail)
    assert rejects.sent == []


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "hunter2"}}, "PutItem")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(NotNow("the ledger is away"), "NotNow: the ledger is away", id="our-own-words"),
        pytest.param(DENIED, "AccessDenied from PutItem", id="the-code-of-aws-and-not-its-words"),
        pytest.param(ValueError("hunter2"), "ValueError", id="only-the-name-of-any-other"),
    ],
)
def test_a_message_that_fails_at_its_last_delivery_is_put_away_with_its_reason(
    rejects: Rejects, error: Exception, said: str
) -> None:
    def fail() -> None:
        raise error

    for times in range(1, RECEIVES_MAX):
        with pytest.raises(type(error)):
            rejects.receiver().receive(received("body", times), fail)
    assert rejects.sent == []
    refused = rejects.receiver().receive(received("body", RECEIVES_MAX), fail)
    assert refused == Refused(reason=f"failed 4 times, at last with {said}")
    assert rejects.sent[0]["MessageAttributes"]["reason"]["StringValue"] == f"failed 4 times, at last with {said}"


def test_a_result_is_logged_by_its_name() -> None:
    assert outcome(Validated(task_definition="x", findings=0, told=0, asked=0)) == "Validated"
    assert outcome(Refused(reason="why")) == "Refused"


# --- all messages of a batch at once ---------------------------------------------------------------------------------

TEN = [received(str(number)) for number in range(10)]


def test_ten_messages_are_all_started_before_one_ends(rejects: Rejects) -> None:
    together = Barrier(10, timeout=15)

    def run(record: SQSRecord) -> str:
        together.wait()
        return record.body

    with rejects.receiver().at_once(TEN, run) as result_of:
        assert [result_of(record) for record in TEN] == [str(number) for number in range(10)]


def test_copies_of_a_message_share_one_run(rejects: Rejects) -> None:
    ran: list[str] = []
    with rejects.receiver().at_once([TEN[0], TEN[0]], lambda record: ran.append(record.body)) as result_of:
        assert [result_of(TEN[0]), result_of(TEN[0])] == [None, None]
    assert ran == ["0"]


def test_an_empty_batch_starts_nothing(rejects: Rejects) -> None:
    with rejects.receiver().at_once([], never):
        pass


def never(record: SQSRecord) -> None:
    raise AssertionError(record)


def test_an_error_of_a_run_is_that_of_its_message_alone(rejects: Rejects) -> None:
    receiver = rejects.receiver()

    def run(record: SQSRecord) -> str:
        return reject("why") if record.body == "0" else record.body

    with receiver.at_once(TEN, run) as result_of:
        results = [receiver.receive(record, lambda record=record: result_of(record)) for record in TEN]  # type: ignore[misc]
    assert results == [Refused(reason="why"), *(str(number) for number in range(1, 10))]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that is stuck until its test lets it go."""
    monkeypatch.setattr("pullguard.runtime.receiver._LAST_CALLS_S", 0.0)
    goes_on = Event()
    yield goes_on
    goes_on.set()


def test_a_run_that_takes_too_long_returns_alone(rejects: Rejects, stuck: Event) -> None:
    receiver = rejects.receiver(deadline=Deadline(0.2))

    def run(record: SQSRecord) -> str:
        if record.body == "0":
            stuck.wait(15)
        return record.body

    with receiver.at_once(TEN, run) as result_of:
        with pytest.raises(NotNow, match="the run did not end in the function's time"):
            receiver.receive(TEN[0], lambda: result_of(TEN[0]))
        assert [result_of(record) for record in TEN[1:]] == [str(number) for number in range(1, 10)]
    assert rejects.sent == []


def test_a_run_that_took_too_long_at_its_last_delivery_is_put_away_with_that_reason(
    rejects: Rejects, stuck: Event
) -> None:
    receiver, record = rejects.receiver(deadline=Deadline(0.0)), received("x", RECEIVES_MAX)
    with receiver.at_once([record], lambda _: stuck.wait(15)) as result_of:
        refused = receiver.receive(record, lambda: result_of(record))
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("failed 4 times, at last with NotNow: the run did not end")
    assert [message["MessageBody"] for message in rejects.sent] == ["x"]


class Broken(BaseException):
    """Nothing catches this: the handler ends with it."""


@pytest.mark.parametrize("handler_fails", [False, True], ids=["the-handler-returned", "the-handler-failed"])
def test_no_run_has_time_left_after_its_batch(rejects: Rejects, stuck: Event, *, handler_fails: bool) -> None:
    left: Queue[float] = Queue()

    def run(_: SQSRecord) -> None:
        stuck.wait(15)
        left.put(left_s())

    with (
        pytest.raises(Broken) if handler_fails else nullcontext(),
        rejects.receiver(deadline=Deadline(1000)).at_once(TEN[:1], run),
    ):
        if handler_fails:
            raise Broken
    stuck.set()
    assert left.get(timeout=15) < 0


def test_a_message_is_handled_within_the_deadline_and_put_away_after_it(rejects: Rejects) -> None:
    """Without threads, too: a message after the deadline fails at its first call of AWS."""
    left: list[float] = []
    receiver = rejects.receiver(deadline=Deadline(-1))
    receiver.receive(received("body"), lambda: left.append(left_s()))
    assert left[0] < 0
    receiver._queues.reject = lambda *_, **__: left.append(left_s())  # type: ignore[method-assign]
    receiver.receive(received("body"), lambda: reject("why"))
    assert left[1] == float("inf")
