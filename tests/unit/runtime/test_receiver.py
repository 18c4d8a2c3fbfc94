"""Messages that are handled, that return to the queue, and that no handler accepts."""

from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

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

    def receiver(self, queue_url: str = "https://sqs/rejects") -> Receiver:
        client: Any = self
        return Receiver("f", queues=Queues(client), rejects_queue_url=queue_url)


@pytest.fixture
def rejects() -> Rejects:
    return Rejects()


def reject(text: str) -> Any:
    raise Rejected(text)


def received(body: str, times: int = 1, group: str | None = None) -> SQSRecord:
    """A message as Lambda hands it over, delivered for the so-manieth time."""
    of_group = {} if group is None else {"MessageGroupId": group}
    return SQSRecord({"body": body, "attributes": {"ApproximateReceiveCount": str(times), **of_group}})


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
