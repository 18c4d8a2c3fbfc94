"""The organization of the account: its id, that there is no organization, or that it could not be read."""

from typing import Any

import boto3
from botocore.stub import Stubber

from pullguard.aws.organizations import Organizations
from tests.fakes import REGION
from tests.unit.aws.asking import check_errors


def test_the_id_of_the_organization_is_read() -> None:
    client = boto3.client("organizations", region_name=REGION)
    answer: Any = {"Organization": {"Id": "o-exampleorgid"}}
    with Stubber(client) as stubber:
        stubber.add_response("describe_organization", answer, {})
        assert Organizations(client).organization() == "o-exampleorgid"


def test_an_account_without_an_organization_is_missing_and_a_denial_is_unreadable() -> None:
    check_errors(
        "organizations",
        "describe_organization",
        lambda client: Organizations(client).organization(),
        missing="AWSOrganizationsNotInUseException",
    )
