"""Subscriptions that filter on a family also get the alerts of shared incidents, each with its resolution."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from pullguard.alerts import Notice, compose
from pullguard.aws.messaging import Topic
from tests.fakes import REGION
from tests.unit.alerts.notices import definition, notice

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SHARED = (definition("web", 7), definition("api"), definition("shop"))


@pytest.fixture
def sns() -> Iterator["SNSClient"]:
    with mock_aws():
        yield boto3.client("sns", region_name=REGION)


@pytest.mark.parametrize(
    ("reported", "families"),
    [
        pytest.param(notice(), {"web"}, id="one-family"),
        pytest.param(notice(dependents=SHARED), {"web", "api", "shop", "several"}, id="three-families"),
        pytest.param(
            notice("Finding Resolved", dependents=SHARED), {"web", "api", "shop", "several"}, id="the-end-of-three"
        ),
    ],
)
def test_a_filter_on_a_family_takes_what_hits_it(sns: "SNSClient", reported: Notice, families: set[str]) -> None:
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    filters = ("web", "api", "shop", "several", "we", "another")
    inboxes = {each: subscribed(sns, topic, {"family": [each]}) for each in filters}
    alert = compose(reported)
    Topic(sns, topic).publish(alert.subject, alert.text, alert.attributes)
    assert {each for each, url in inboxes.items() if received(url)} == families


def subscribed(sns: "SNSClient", topic: str, policy: dict[str, Any]) -> str:
    """Subscribe a new queue with a filter policy; return its URL."""
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName=f"inbox-{policy['family'][0]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": json.dumps(policy)})
    return url


def received(url: str) -> list[Any]:
    return boto3.client("sqs", region_name=REGION).receive_message(QueueUrl=url).get("Messages", [])
