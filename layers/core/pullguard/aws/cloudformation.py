"""AWS CloudFormation: the outputs and parameters of the deployed stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullguard.aws.answers import asks

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDescription:
    """A stack's name, and its outputs and parameters by their names."""

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


class Stacks:
    """The stacks of one account and Region."""

    def __init__(self, client: "CloudFormationClient") -> None:
        self._client = client

    @asks("cloudformation:DescribeStacks")
    def describe(self, name: str) -> StackDescription:
        """Describe a stack by its name, id or ARN. Errors propagate, including that of an unknown stack.

        Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        """
        (stack,) = self._client.describe_stacks(StackName=name)["Stacks"]
        return StackDescription(
            name=stack["StackName"],
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
        )
