"""AWS CloudFormation: the outputs and parameters of the deployed stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullguard.aws.answers import asks

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDescription:
    """The outputs and the parameters of a stack, by name."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


class Stacks:
    """The stacks of one account and Region."""

    def __init__(self, client: "CloudFormationClient") -> None:
        self._client = client

    @asks("cloudformation:DescribeStacks")
    def describe(self, name: str) -> StackDescription:
        """Describe the stack ``name``. Errors propagate, including that of an unknown stack.

        Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        """
        (stack,) = self._client.describe_stacks(StackName=name)["Stacks"]
        return StackDescription(
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
        )
