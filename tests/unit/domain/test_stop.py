import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.lookup import Missing, Unreadable
from pullguard.domain.stop import GO_ON, REASON_MAX_CHARS, Stop, read_switch, switch_text
from tests.fakes import REGION
from tests.flows import Parameter

STOP = Stop(by="arn:aws:iam::111122223333:user/ada", at="2026-11-23T12:00:00+00:00", reason="a bad deploy")


# --- What the parameter says -------------------------------------------------------------------------------------


def test_a_written_stop_is_read_back() -> None:
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
    "both": '{"stopped": true, "stopped": false}',
    "false-twice": '{"stopped": false, "stopped": false}',
    "a-member-twice-further-in": '{"stopped": false, "by": {"a": 1, "a": 2}}',
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


def test_a_stop_and_its_end_count_for_the_very_next_write() -> None:
    with mock_aws():
        client = boto3.client("ssm", region_name=REGION)
        somebody, function = StopSwitch(client, "/p/stop"), StopSwitch(client, "/p/stop")
        for wanted in (None, STOP, STOP, None, STOP):
            somebody.write(wanted)
            assert [function.read(), function.read()] == [wanted, wanted]


UNREAD: dict[str, tuple[str, type]] = {
    "gone": ("ParameterNotFound", Missing),
    "denied": ("AccessDeniedException", Unreadable),
    "throttled": ("ThrottlingException", Unreadable),
}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetParameter")


@pytest.mark.parametrize(("code", "fact"), UNREAD.values(), ids=UNREAD)
def test_an_unreadable_parameter_is_no_answer(code: str, fact: type) -> None:
    client: Any = Parameter(lambda: refused(code))
    assert isinstance(StopSwitch(client, "/p/stop").read(), fact)


def test_any_other_error_propagates() -> None:
    client: Any = Parameter(lambda: refused("InternalServerError"))
    with pytest.raises(ClientError):
        StopSwitch(client, "/p/stop").read()
