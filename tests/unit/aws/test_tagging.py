"""The tags of many resources."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.tagging import Tagging
from tests.fakes import REGION
from tests.unit.aws.asking import ask

WEB, API, CRON = (f"arn:aws:ecs:{REGION}:123456789012:task-definition/{each}:1" for each in ("web", "api", "cron"))
ANSWER: dict[str, Any] = {
    "PaginationToken": "",
    "ResourceTagMappingList": [
        {"ResourceARN": WEB, "Tags": [{"Key": "pullguard:mode", "Value": "observe"}, {"Key": "team", "Value": ""}]},
        {"ResourceARN": API, "Tags": []},
    ],
}


def answered(answer: dict[str, Any]) -> Any:
    client = boto3.client("resourcegroupstaggingapi", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("get_resources", answer, {"ResourceARNList": [WEB, API, CRON]})
        return Tagging(client).tags([WEB, API, CRON])


def test_tags_are_read_by_arn() -> None:
    assert answered(ANSWER) == {WEB: {"pullguard:mode": "observe", "team": ""}, API: {}}


def test_an_answer_of_several_pages_is_incomplete() -> None:
    with pytest.raises(ValueError, match="incomplete"):
        answered({**ANSWER, "PaginationToken": "more"})


def test_a_denial_is_an_error() -> None:
    with pytest.raises(ClientError):
        ask("resourcegroupstaggingapi", "get_resources", lambda c: Tagging(c).tags([WEB]), "AccessDeniedException")
