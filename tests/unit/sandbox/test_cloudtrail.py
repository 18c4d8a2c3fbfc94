import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.cloudtrail import PART_LIMIT_BYTES, ApiCall, Caller, api_event, events_of, identity, is_recorded

ACCOUNT = "111122223333"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:registry/web-a1b2c3"
ROOT = Caller(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, access_key="test")


def call(service: str, action: str, request: Any, response: Any = b"") -> ApiCall:
    def wire(body: Any) -> bytes:
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    return ApiCall(
        service=service,
        action=action,
        region="us-east-1",
        caller=ROOT,
        request=wire(request),
        response=wire(response),
        request_id="request",
        event_id="event",
        at=datetime(2026, 11, 23, 18, 5, 2, tzinfo=UTC),
    )


def test_a_registration_has_the_form_that_cloudtrail_shows() -> None:
    request = {"family": "web", "containerDefinitions": [{"name": "web", "dockerLabels": {"Upper": "x"}}]}
    definition = {"taskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/web:7", "registeredAt": 1795457102.5}
    event = api_event(call("ecs", "RegisterTaskDefinition", request, {"taskDefinition": definition}))
    detail = event["detail"]
    assert (event["source"], event["detail-type"]) == ("aws.ecs", "AWS API Call via CloudTrail")
    assert detail["requestParameters"] == request, "the keys of the user's own maps stay as they are"
    assert detail["responseElements"]["taskDefinition"] == definition | {"registeredAt": "Nov 23, 2026 6:05:02 PM"}
    assert detail["eventTime"] == "2026-11-23T18:05:02Z"
    assert detail["eventSource"] == "ecs.amazonaws.com"
    assert detail["recipientAccountId"] == ACCOUNT
    assert detail["readOnly"] is False
    assert "errorCode" not in detail


@pytest.mark.parametrize("member", ["SecretString", "SecretBinary"])
@pytest.mark.parametrize("action", ["CreateSecret", "PutSecretValue", "UpdateSecret"])
def test_no_event_holds_a_secret_value(action: str, member: str) -> None:
    made = api_event(call("secretsmanager", action, {"SecretId": SECRET, member: "hunter2"}, {"ARN": SECRET}))
    assert made["detail"]["requestParameters"] == {"secretId": SECRET}
    assert "hunter2" not in json.dumps(made)


@pytest.mark.parametrize(("action", "key"), [("PutSecretValue", "arn"), ("DeleteSecret", "aRN")])
def test_the_arn_of_an_answer_has_either_spelling(action: str, key: str) -> None:
    answer = {"ARN": SECRET, "Name": "registry/web", "DeletionDate": 1795457102}
    elements = api_event(call("secretsmanager", action, {"SecretId": SECRET}, answer))["detail"]["responseElements"]
    assert elements == {key: SECRET, "name": "registry/web", "deletionDate": "Nov 23, 2026 6:05:02 PM"}


def test_a_rotation_is_a_call_and_two_service_events() -> None:
    events = events_of(call("secretsmanager", "RotateSecret", {"SecretId": "registry/web"}, {"ARN": SECRET}))
    assert [event["detail"]["eventName"] for event in events] == [
        "RotateSecret",
        "RotationStarted",
        "RotationSucceeded",
    ]
    done = events[-1]
    assert done["detail-type"] == "AWS Service Event via CloudTrail"
    assert done["detail"]["additionalEventData"] == {"SecretId": SECRET}
    assert done["detail"]["requestParameters"] is None
    assert len({event["detail"]["eventID"] for event in events}) == 3


@pytest.mark.parametrize("part", ["requestParameters", "responseElements"])
def test_a_part_above_the_limit_is_left_out_whole(part: str) -> None:
    big = {"family": "web", "padding": "x" * PART_LIMIT_BYTES}
    bodies = {"requestParameters": {"family": "web"}, "responseElements": {"family": "web"}} | {part: big}
    detail = api_event(call("ecs", "RegisterTaskDefinition", *bodies.values()))["detail"]
    (other,) = bodies.keys() - {part}
    assert part not in detail
    assert detail[other] == {"family": "web"}


def test_iam_parameters_come_from_the_query_protocol() -> None:
    body = urlencode(
        {
            "Action": "TagRole",
            "Version": "2010-05-08",
            "RoleName": "web",
            "Tags.member.1.Key": "pullguard:managed",
            "Tags.member.1.Value": "true",
            "Tags.member.2.Key": "team",
            "Tags.member.2.Value": "",
        }
    ).encode()
    detail = api_event(call("iam", "TagRole", body, b"<TagRoleResponse/>"))["detail"]
    assert detail["requestParameters"] == {
        "roleName": "web",
        "tags": [{"key": "pullguard:managed", "value": "true"}, {"key": "team", "value": ""}],
    }
    assert detail["responseElements"] is None


def test_iam_lists_of_texts_keep_their_order() -> None:
    body = urlencode({"Action": "UntagRole", "RoleName": "web", "TagKeys.member.2": "b", "TagKeys.member.1": "a"})
    assert api_event(call("iam", "UntagRole", body.encode()))["detail"]["requestParameters"]["tagKeys"] == ["a", "b"]


def test_a_created_role_is_in_the_answer() -> None:
    xml = b"""<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult><Role>
        <RoleName>web</RoleName><Arn>arn:aws:iam::111122223333:role/web</Arn></Role></CreateRoleResult>
        </CreateRoleResponse>"""
    elements = api_event(call("iam", "CreateRole", b"RoleName=web", xml))["detail"]["responseElements"]
    assert elements == {"role": {"roleName": "web", "arn": "arn:aws:iam::111122223333:role/web"}}


def test_a_key_is_named_by_its_arn_in_resources() -> None:
    detail = api_event(call("kms", "DisableKey", {"KeyId": "1234"}))["detail"]
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234"
    assert detail["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]


def test_an_assumed_role_has_its_issuer() -> None:
    session = Caller(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/deploy", account=ACCOUNT, user_id="AROA1:deploy")
    shown = identity(session)
    assert shown["type"] == "AssumedRole"
    assert shown["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": "AROA1",
        "arn": f"arn:aws:iam::{ACCOUNT}:role/ci",
        "accountId": ACCOUNT,
        "userName": "ci",
    }


@pytest.mark.parametrize(
    ("service", "action", "expected"),
    [
        ("ecs", "RegisterTaskDefinition", True),
        ("iam", "PutRolePolicy", True),
        ("secretsmanager", "GetSecretValue", False),
        ("iam", "PutUserPolicy", False),
        ("sqs", "SendMessage", False),
    ],
)
def test_only_the_calls_on_the_list_are_recorded(service: str, action: str, expected: bool) -> None:
    assert is_recorded(service, action) is expected
