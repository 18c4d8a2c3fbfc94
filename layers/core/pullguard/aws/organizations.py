"""AWS Organizations: the organization of the caller's account."""

from typing import TYPE_CHECKING, Final

from pullguard.aws.answers import asks, looked_up
from pullguard.domain.lookup import Lookup

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_IN_NONE: Final = frozenset({"AWSOrganizationsNotInUseException"})


class Organizations:
    """Reads in one account; every account of an organization may ask.

    Source: https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html
    """

    def __init__(self, client: "OrganizationsClient") -> None:
        self._client = client

    @asks("organizations:DescribeOrganization")
    def organization(self) -> Lookup[str]:
        """Return the organization's id (``o-…``), or Missing if the account is not in an organization."""
        return looked_up(
            "organizations:DescribeOrganization",
            "*",
            lambda: self._client.describe_organization()["Organization"]["Id"],
            missing=_IN_NONE,
        )
