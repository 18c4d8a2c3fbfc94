"""After its deadline a thread sends nothing to AWS: no call, and no further attempt of one."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from pullguard.aws.clients import Clients
from pullguard.aws.deadline import Deadline, left_s
from pullguard.aws.pace import Pace
from pullguard.domain.errors import NotNow
from tests.fakes import REGION

OVER = "the time of the run was over"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class _Body:
    """As much of urllib3's answer as botocore reads."""

    def stream(self, **_: object) -> Any:
        yield b"{}"


class Aws:
    """In AWS's place: notes each attempt, and answers with a status after ``before``."""

    def __init__(self, status: int = 200, before: Callable[[], object] = lambda: None) -> None:
        self.attempts: list[str] = []
        self._status, self._before = status, before
        self.client = Clients(region=REGION).get("sqs")
        self.client.meta.events.register("before-send", self._answer)

    def _answer(self, event_name: str, request: Any, **_: object) -> AWSResponse:
        self.attempts.append(event_name.rpartition(".")[2])
        self._before()
        headers: Any = {}
        return AWSResponse(request.url, self._status, headers, _Body())

    def send(self) -> None:
        self.client.send_message(QueueUrl=f"https://sqs.{REGION}.amazonaws.com/1/q", MessageBody="body")


def test_after_the_deadline_nothing_is_sent() -> None:
    aws, clock = Aws(), Clock()
    deadline = Deadline(10, clock=clock)
    with deadline.applied():
        clock.time = 9.9
        aws.send()
        clock.time = 10
        with pytest.raises(NotNow, match=OVER):
            aws.send()
    assert aws.attempts == ["SendMessage"]


def test_a_call_that_waited_for_its_pace_beyond_the_deadline_is_not_sent() -> None:
    aws, clock = Aws(), Clock()
    aws.client = Clients(region=REGION).get("ecs")
    aws.client.meta.events.register_last("before-send", aws._answer)
    pace = Pace(share=1, clock=clock, sleep=lambda seconds: setattr(clock, "time", clock.time + seconds))
    pace.keep(aws.client)
    pace.throttled()
    with Deadline(0.5, clock=clock).applied():
        aws.client.describe_task_definition(taskDefinition="web")
        with pytest.raises(NotNow, match=OVER):
            aws.client.describe_task_definition(taskDefinition="web")
    assert aws.attempts == ["DescribeTaskDefinition"]


def test_a_call_that_failed_before_the_deadline_is_not_repeated_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits up to 20 s before it repeats a call; Lambda may thaw the process meanwhile."""
    deadline = Deadline(10)
    monkeypatch.setattr("time.sleep", lambda _: deadline.end())
    aws = Aws(status=500)
    with deadline.applied(), pytest.raises(NotNow, match=OVER):
        aws.send()
    assert aws.attempts == ["SendMessage"]


def test_a_deadline_concerns_only_its_own_threads() -> None:
    aws, deadline = Aws(), Deadline(0)
    with deadline.applied():
        other = Thread(target=aws.send)
        other.start()
        other.join()
        with pytest.raises(NotNow):
            aws.send()
    aws.send()
    assert aws.attempts == ["SendMessage", "SendMessage"]


def test_without_a_deadline_there_is_no_end() -> None:
    assert left_s() == float("inf")
    with Deadline(5, clock=lambda: 0.0).applied():
        assert left_s() == 5
        with Deadline(2, clock=lambda: 0.0).applied():
            assert left_s() == 2
        assert left_s() == 5
    assert left_s() == float("inf")


def test_an_ended_deadline_is_over_whatever_the_clock_says() -> None:
    deadline = Deadline(100)
    deadline.end()
    assert deadline.left_s < 0
