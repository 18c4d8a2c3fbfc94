"""AWS Resource Groups Tagging API: the tags of many resources in one call."""

from collections.abc import Collection
from typing import Any, Final

from pullguard.aws.answers import asks
from pullguard.domain.lookup import Tags

ARNS_A_CALL: Final = 100


class Tagging:
    """Reads in one account and Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @asks("tag:GetResources")
    def tags(self, arns: Collection[str]) -> dict[str, Tags]:
        """Return the tags of those of ``arns`` (at most ``ARNS_A_CALL``) that have or had any.

        AWS returns neither untagged nor unknown resources. All errors propagate. Raises ``ValueError`` for an answer of
        several pages, which a request by ARN does not have.
        https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
        """
        answer = self._client.get_resources(ResourceARNList=list(arns))
        if answer.get("PaginationToken"):
            raise ValueError("the answer is incomplete")
        return {
            resource["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            for resource in answer["ResourceTagMappingList"]
        }
