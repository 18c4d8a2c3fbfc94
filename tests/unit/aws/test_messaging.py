"""Messages, events and alerts: the exact requests, and what happens when AWS refuses part of them."""

import hashlib
from threading import Barrier
from typing import Any

import pytest

from pullguard.aws.deadline import Deadline, check
from pullguard.aws.messaging import Bus, NotSent, Queues, Topic
from pullguard.domain.errors import NotNow
from pullguard.domain.messages import Review
from tests.fakes import Sent, revision_arn, role_arn
from tests.flows import CAUSE, request


def sqs(**answers: Any) -> Any:
    class Client:
        sent: list[dict[str, Any]] = []  # noqa: RUF012 (one client a test)

        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            self.sent = [*self.sent, request]
            return answers

    return Client()


def test_validation_requests_are_sent_in_batches_of_ten() -> None:
    client = sqs()
    assert Queues(client).request("q", (request(revision_arn("web", n)) for n in range(1, 24)), delay_s=2) == 23
    assert [len(each["Entries"]) for each in client.sent] == [10, 10, 3]
    assert {entry["DelaySeconds"] for each in client.sent for entry in each["Entries"]} == {2}


def test_no_validation_requests_cost_no_call() -> None:
    client = sqs()
    assert Queues(client).request("q", ()) == 0
    assert client.sent == []


def test_a_batch_that_was_accepted_in_part_is_sent_again_whole() -> None:
    with pytest.raises(NotSent, match="1 of 2 messages"):
        Queues(sqs(Failed=[{"Id": "1"}])).request("q", (request(), request()))


def test_an_event_that_the_bus_refuses_raises() -> None:
    class Client:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    client: Any = Client()
    with pytest.raises(NotSent, match="ThrottlingException"):
        Bus(client, "bus").publish("Finding Opened", {})


def test_an_empty_attribute_is_left_out_since_sns_refuses_it() -> None:
    class Client:
        def publish(self, **request: Any) -> dict[str, Any]:
            assert request["MessageAttributes"] == {"check": {"DataType": "String", "StringValue": "x"}}
            return {"MessageId": "m-1"}

    client: Any = Client()
    assert Topic(client, "arn").publish("s", "t", {"check": "x", "family": ""}) == "m-1"


def test_an_attribute_of_several_values_is_an_array_of_strings() -> None:
    class Client:
        def publish(self, **request: Any) -> dict[str, Any]:
            array = {"DataType": "String.Array", "StringValue": '["several", "web"]'}
            assert request["MessageAttributes"] == {"family": array}
            return {"MessageId": "m-1"}

    client: Any = Client()
    assert Topic(client, "arn").publish("s", "t", {"family": ("several", "web")}) == "m-1"


def test_a_command_enters_its_group_once_for_each_message_id() -> None:
    sent = Sent()
    client: Any = sent
    review = Review(role=role_arn(), provenance=CAUSE)
    for message_id in ("m-1", "m-1", "m-2"):
        Queues(client).command("grants.fifo", review, group="g", message_id=message_id)
    one, copy, other = sent.messages
    assert one == {
        "QueueUrl": "grants.fifo",
        "MessageBody": review.to_json(),
        "MessageGroupId": hashlib.sha256(b"g").hexdigest(),
        "MessageDeduplicationId": hashlib.sha256(b"g\0m-1").hexdigest(),
    }
    assert copy == one
    assert other["MessageDeduplicationId"] != one["MessageDeduplicationId"]


def test_any_object_is_sent_after_its_delay() -> None:
    sent = Sent()
    client: Any = sent
    Queues(client).send("sweeps", {"sweep": "s-1", "check": 0}, delay_s=10)
    assert sent.messages == [{"QueueUrl": "sweeps", "MessageBody": '{"sweep": "s-1", "check": 0}', "DelaySeconds": 10}]


REJECTED: dict[str, tuple[str, str, str | None, dict[str, Any]]] = {
    "standard": ("dead", "body", None, {"MessageBody": "body"}),
    "empty": ("dead", "", None, {"MessageBody": "(empty)"}),
    "fifo": ("dead.fifo", "body", "g", {"MessageBody": "body", "MessageGroupId": "g"}),
    "fifo-without-a-group": ("dead.fifo", "body", None, {"MessageBody": "body", "MessageGroupId": "rejected"}),
}


@pytest.mark.parametrize(("queue", "body", "group", "expected"), REJECTED.values(), ids=REJECTED)
def test_a_rejected_message_keeps_its_body_and_group_and_says_why(
    queue: str, body: str, group: str | None, expected: dict[str, Any]
) -> None:
    sent = Sent()
    client: Any = sent
    Queues(client).reject(queue, body, reason="no\nobject", function="validator", group=group)
    (message,) = sent.messages
    assert {name: message[name] for name in expected} == expected
    assert message["MessageAttributes"] == {
        "reason": {"DataType": "String", "StringValue": "no object"},
        "function": {"DataType": "String", "StringValue": "validator"},
    }
    assert ("MessageDeduplicationId" in message) is queue.endswith(".fifo")


@pytest.mark.parametrize(("reason", "kept"), [("", "no reason given"), ("x" * 2000, "x" * 1024)])
def test_the_reason_of_a_rejection_fits_an_attribute(reason: str, kept: str) -> None:
    sent = Sent()
    client: Any = sent
    Queues(client).reject("dead", "body", reason=reason, function="validator")
    assert sent.messages[0]["MessageAttributes"]["reason"]["StringValue"] == kept


def test_an_event_is_published_by_the_exact_request() -> None:
    sent = Sent()
    client: Any = sent
    Bus(client, "bus").publish("Finding Opened", {"sequence": 1}, ["arn:x"])
    assert sent.events == [
        {
            "EventBusName": "bus",
            "Source": "pullguard",
            "DetailType": "Finding Opened",
            "Detail": '{"sequence": 1}',
            "Resources": ["arn:x"],
        }
    ]


def test_an_alert_hides_tokens_and_its_subject_fits_sns() -> None:
    sent = Sent()
    client: Any = sent
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2  # no token of anybody's
    Topic(client, "arn:topic").publish("s" * 200, f"family {token}", {"family": token})
    (alert,) = sent.alerts
    assert (alert["TopicArn"], alert["Subject"]) == ("arn:topic", "s" * 99)
    assert token not in f"{alert}"


class Slow:
    """In the place of the client of SQS: calls that wait for each other, so that they end only if made at once."""

    def __init__(self, at_once: int) -> None:
        self.together = Barrier(at_once)
        self.sent: list[str] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        check()
        self.together.wait(timeout=10)
        self.sent += [each["MessageBody"] for each in request["Entries"]]
        return {}


def test_many_batches_are_sent_eight_at_once() -> None:
    client: Any = Slow(8)
    requests = [request(revision_arn("web", number)) for number in range(1, 161)]
    assert Queues(client).request("q", requests) == 160
    assert sorted(client.sent) == sorted(each.to_json() for each in requests)


def test_the_deadline_of_the_run_ends_what_is_sent_at_once() -> None:
    client: Any = Slow(8)
    deadline = Deadline()
    deadline.end()
    requests = [request(revision_arn("web", number)) for number in range(1, 81)]
    with deadline.applied(), pytest.raises(NotNow):
        Queues(client).request("q", requests)
    assert client.sent == []
