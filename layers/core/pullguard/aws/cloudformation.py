"""AWS CloudFormation: the outputs of the deployed stack."""

from typing import TYPE_CHECKING

from pullguard.aws.answers import asks

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


class Stacks:
    """The stacks of one account and Region."""

    def __init__(self, client: "CloudFormationClient") -> None:
        self._client = client

    @asks("cloudformation:DescribeStacks")
    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of the stack ``name``. Errors propagate, including that of an unknown stack.

        Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        """
        (stack,) = self._client.describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
