import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pullguard.aws.ssm import BELIEVED_S, StopSwitch
from pullguard.model import Missing, Unreadable
from pullguard.stop import GO_ON, REASON_MAX_CHARS, Stop, read_switch, switch_text
from tests.fakes import REGION
from tests.flows import Parameter

STOP = Stop(by="arn:aws:iam::111122223333:user/ada", at="2026-11-23T12:00:00+00:00", reason="a bad deploy")


# --- What the parameter says -------------------------------------------------------------------------------------


def test_what_is_written_is_read_back() -> None:
    assert read_switch(switch_text(STOP)) == STOP
    assert read_switch(GO_ON) is None
    assert str(STOP) == "since 2026-11-23T12:00:00+00:00 by arn:aws:iam::111122223333:user/ada: a bad deploy"


MEANS_STOP = {
    "nothing": "",
    "a-word": "stop",
    "true": "true",
    "null": "null",
    "an-array": "[]",
    "nothing-said": "{}",
    "a-text-for-false": '{"stopped": "false"}',
    "zero-for-false": '{"stopped": 0}',
    "null-for-false": '{"stopped": null}',
    "no-names": '{"stopped": true}',
    "half-a-json": '{"stopped": false',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", MEANS_STOP.values(), ids=MEANS_STOP)
def test_whatever_is_not_clearly_go_on_means_stop(text: str) -> None:
    stop = read_switch(text)
    assert stop is not None
    assert (bool(stop.by), bool(stop.at)) == (True, True)


@given(st.text())
def test_any_text_means_stop_or_says_go_on(text: str) -> None:
    if read_switch(text) is None:
        assert json.loads(text)["stopped"] is False


def test_a_reason_of_any_length_is_cut() -> None:
    stop = read_switch(json.dumps({"stopped": True, "by": "x", "at": "y", "reason": "r" * 5000}))
    assert stop is not None
    assert len(stop.reason) == REASON_MAX_CHARS


# --- The gateway -------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


@pytest.mark.parametrize("later_s", [BELIEVED_S, -1], ids=["later", "clock set back"])
def test_a_stop_takes_hold_within_seconds_and_a_burst_costs_one_read(later_s: float) -> None:
    assert 0 < BELIEVED_S <= 5  # what README.md and docs/operations.md promise
    with mock_aws():
        client, clock = boto3.client("ssm", region_name=REGION), Clock()
        asked: list[str] = []
        client.meta.events.register("before-call.ssm", lambda model, **_: asked.append(model.name))
        StopSwitch(client, "/p/stop").write(None)
        switch = StopSwitch(client, "/p/stop", clock)
        assert [switch.read() for _ in range(10)] == [None] * 10
        StopSwitch(client, "/p/stop").write(STOP)
        clock.time_s += later_s
        assert switch.read() == STOP
    assert asked.count("GetParameter") == 2


def test_a_stop_is_read_again_each_time_so_that_its_end_counts_at_once() -> None:
    with mock_aws():
        client, clock = boto3.client("ssm", region_name=REGION), Clock()
        StopSwitch(client, "/p/stop").write(STOP)
        switch = StopSwitch(client, "/p/stop", clock)
        assert [switch.read(), switch.read()] == [STOP, STOP]
        StopSwitch(client, "/p/stop").write(None)
        assert switch.read() is None


def test_a_stop_that_was_read_ends_what_was_remembered_before_it() -> None:
    with mock_aws():
        client, clock = boto3.client("ssm", region_name=REGION), Clock()
        switch = StopSwitch(client, "/p/stop", clock)
        switch.write(None)
        StopSwitch(client, "/p/stop").write(STOP)
        clock.time_s += BELIEVED_S
        assert switch.read() == STOP
        clock.time_s -= 1  # within the time for which "may write" had been remembered
        assert switch.read() == STOP


def test_who_writes_reads_at_once_what_was_written() -> None:
    with mock_aws():
        switch = StopSwitch(boto3.client("ssm", region_name=REGION), "/p/stop", Clock())
        switch.write(None)
        assert switch.read() is None
        switch.write(STOP)
        assert switch.read() == STOP


UNREAD: dict[str, tuple[str, type]] = {
    "gone": ("ParameterNotFound", Missing),
    "denied": ("AccessDeniedException", Unreadable),
    "throttled": ("ThrottlingException", Unreadable),
}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetParameter")


@pytest.mark.parametrize(("code", "fact"), UNREAD.values(), ids=UNREAD)
def test_what_could_not_be_read_is_no_answer_and_is_not_remembered(code: str, fact: type) -> None:
    client: Any = Parameter(refused(code))
    switch = StopSwitch(client, "/p/stop", Clock())
    assert isinstance(switch.read(), fact)
    client = Parameter(GO_ON)
    switch._client = client
    assert switch.read() is None


def test_any_other_error_propagates() -> None:
    client: Any = Parameter(refused("InternalServerError"))
    with pytest.raises(ClientError):
        StopSwitch(client, "/p/stop").read()
