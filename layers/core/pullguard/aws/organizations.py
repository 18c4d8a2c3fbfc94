"""AWS Organizations: which organization the caller's account belongs to."""

from typing import TYPE_CHECKING, Final

from pullguard.aws.answers import asks, looked_up
from pullguard.domain.facts import Lookup

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_IN_NONE: Final = frozenset({"AWSOrganizationsNotInUseException"})


class Organizations:
    """Reads of one account; every account of an organization may ask.

    Source: https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html
    """

    def __init__(self, client: "OrganizationsClient") -> None:
        self._client = client

    @asks("organizations:DescribeOrganization")
    def organization(self) -> Lookup[str]:
        """Return the organization's id (``o-…``); Missing where the account is in none."""
        return looked_up(
            "organizations:DescribeOrganization",
            "*",
            lambda: self._client.describe_organization()["Organization"]["Id"],
            missing=_IN_NONE,
        )
