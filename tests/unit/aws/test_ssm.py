"""The stop parameter: read before each write, and written by ``pullguard stop`` and ``pullguard resume``."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.stop import Stop
from tests.fakes import REGION
from tests.unit.aws.asking import check_errors

NAME = "/pullguard/stop"
STOP = Stop(by="ada", at="2026-11-23T12:00:00+00:00", reason="a bad deploy")
STOPPED = '{"stopped": true, "by": "ada", "at": "2026-11-23T12:00:00+00:00", "reason": "a bad deploy"}'
VALUES: dict[str, tuple[str, Stop | None]] = {
    "go-on": ('{"stopped": false}', None),
    "stopped": (STOPPED, STOP),
    "not-understood": (
        "false",
        Stop(by="an unknown principal", at="an unknown time", reason='the stop parameter says "false"'),
    ),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_the_parameter_says_whether_everything_is_stopped(value: str, expected: Stop | None) -> None:
    client = boto3.client("ssm", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("get_parameter", {"Parameter": {"Value": value}}, {"Name": NAME})
        assert StopSwitch(client, NAME).read() == expected


def test_a_parameter_that_is_missing_or_denied_is_a_fact_and_any_other_error_propagates() -> None:
    check_errors("ssm", "get_parameter", lambda client: StopSwitch(client, NAME).read(), missing="ParameterNotFound")


@pytest.mark.parametrize(("stop", "value"), [(STOP, STOPPED), (None, '{"stopped": false}')], ids=["stop", "resume"])
def test_the_parameter_is_overwritten_by_the_exact_request(stop: Stop | None, value: str) -> None:
    client = boto3.client("ssm", region_name=REGION)
    request: Any = {"Name": NAME, "Value": value, "Type": "String", "Overwrite": True}
    with Stubber(client) as stubber:
        stubber.add_response("put_parameter", {}, request)
        StopSwitch(client, NAME).write(stop)
        stubber.assert_no_pending_responses()
