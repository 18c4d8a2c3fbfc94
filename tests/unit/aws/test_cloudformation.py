"""The outputs and parameters of the deployed stack, by the exact request."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.cloudformation import Stacks
from tests.fakes import NOW, REGION


def stack(**members: Any) -> dict[str, Any]:
    return {"StackName": "pullguard", "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE", **members}


DESCRIBED: dict[str, tuple[dict[str, Any], tuple[dict[str, str], dict[str, str]]]] = {
    "two": (
        {
            "Outputs": [
                {"OutputKey": "LedgerTable", "OutputValue": "ledger"},
                {"OutputKey": "StopParameter", "OutputValue": "/pullguard/stop"},
            ],
            "Parameters": [{"ParameterKey": "Mode", "ParameterValue": "observe"}],
        },
        ({"LedgerTable": "ledger", "StopParameter": "/pullguard/stop"}, {"Mode": "observe"}),
    ),
    "none": ({}, ({}, {})),
}


@pytest.mark.parametrize(("members", "expected"), DESCRIBED.values(), ids=DESCRIBED)
def test_a_stack_is_described_by_its_name(
    members: dict[str, Any], expected: tuple[dict[str, str], dict[str, str]]
) -> None:
    client = boto3.client("cloudformation", region_name=REGION)
    answer: Any = {"Stacks": [stack(**members)]}
    with Stubber(client) as stubber:
        stubber.add_response("describe_stacks", answer, {"StackName": "pullguard"})
        found = Stacks(client).describe("pullguard")
    assert (found.name, found.outputs, found.parameters) == ("pullguard", *expected)


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied"])
def test_an_error_propagates(code: str) -> None:
    client = boto3.client("cloudformation", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_stacks", code)
        with pytest.raises(ClientError, match=code):
            Stacks(client).describe("pullguard")
