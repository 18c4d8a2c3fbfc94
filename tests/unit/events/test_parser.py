"""Events that are almost valid, and the key that distinguishes copies of one change from two changes."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.provenance import Provenance
from pullguard.events import (
    EVENT_MAX_BYTES,
    KeyChanged,
    RotationChanged,
    SecretChanged,
    ServiceChanged,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    deduplication_key,
    parse_event,
    parse_event_text,
)
from tests.unit.events.samples import KEY, REVISION, SAMPLES, SECRET, read, sample, words_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def refusal(name: str, changes: dict[str, Any]) -> str:
    with pytest.raises(Rejected) as rejected:
        read(name, changes)
    return str(rejected.value)


def test_a_registration_names_the_revision() -> None:
    trigger = read("register-task-definition")
    assert trigger == TaskDefinitionRegistered(
        provenance=Provenance(
            kind="RegisterTaskDefinition",
            event_id="00000000-0000-4000-8000-000000000001",
            at=datetime(2026, 11, 23, tzinfo=UTC),
        ),
        account="111122223333",
        region="us-east-1",
        task_definition=Arn.parse(REVISION),
        family="web",
    )


def test_a_registration_without_its_answer_names_the_family_only() -> None:
    trigger = read("register-task-definition-response-dropped")
    assert isinstance(trigger, TaskDefinitionRegistered)
    assert (trigger.task_definition, trigger.family) == (None, "web")


@pytest.mark.parametrize(
    "part", [{"omitted": True, "originalSize": 120_000}, {}, None], ids=["omitted", "empty", "null"]
)
def test_an_answer_is_dropped_in_any_form(part: object) -> None:
    assert "the sweep validates" in refusal(
        "register-task-definition", {"detail.responseElements": part, "detail.requestParameters": part}
    )


@pytest.mark.parametrize("spelling", ["arn", "aRN", "ARN"])
def test_the_secret_is_found_however_its_member_is_spelled(spelling: str) -> None:
    trigger = read("put-secret-value", {"detail.responseElements": {spelling: SECRET}})
    assert isinstance(trigger, SecretChanged)
    assert str(trigger.secret) == SECRET


@pytest.mark.parametrize(
    ("member", "inner"),
    [
        ("additionalEventData", "SecretId"),
        ("additionalEventData", "secretId"),
        ("serviceEventDetails", "secretId"),
        ("serviceEventDetails", "SecretId"),
    ],
)
@pytest.mark.parametrize("detail_type", ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"])
def test_a_rotation_is_read_in_each_of_its_shapes(member: str, inner: str, detail_type: str) -> None:
    event = sample("rotation-failed", {"detail-type": detail_type, "detail.additionalEventData": None})
    event["detail"][member] = {inner: SECRET}
    trigger = parse_event(event)
    assert isinstance(trigger, RotationChanged)
    assert (str(trigger.secret), trigger.outcome) == (SECRET, "failed")
    assert trigger.step == "testSecret"


@pytest.mark.parametrize(
    "said",
    [
        "Click https://evil.example",
        "Error when executing lambda x during testSecret step: call +1 555 0100",
        "Error when executing lambda x during https://evil.example step",
        "Error when executing lambda x during evilSecret step",
        "Error when executing lambda x\nduring testSecret step\nClick https://evil.example",
        None,
        {"during": "testSecret step"},
    ],
)
def test_only_the_step_of_a_failed_rotation_is_read(said: Any) -> None:
    trigger = parse_event(sample("rotation-failed", {"detail.errorMessage": said}))
    assert isinstance(trigger, RotationChanged)
    assert trigger.step is None
    assert "evil" not in repr(trigger)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"detail.resources": [], "detail.responseElements": None},
        {"detail.resources": None, "detail.requestParameters": None},
        {"detail.resources": [{"ARN": KEY.replace("key/", "alias/")}, {"ARN": KEY}]},
    ],
    ids=["resources", "request id", "answer", "an alias first"],
)
def test_the_key_is_found_in_each_member(changes: dict[str, Any]) -> None:
    trigger = read("disable-key", changes)
    assert isinstance(trigger, KeyChanged)
    assert str(trigger.key) == KEY


def test_a_key_id_is_completed_in_the_events_own_partition() -> None:
    changes = {"region": "cn-north-1", "detail.awsRegion": "cn-north-1"}
    trigger = read("put-key-policy", changes)
    assert isinstance(trigger, KeyChanged)
    assert str(trigger.key).startswith("arn:aws-cn:kms:cn-north-1:111122223333:key/")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("put-secret-value", {"detail.responseElements.arn": SECRET.replace("111122223333", "444455556666")}),
        ("create-grant", {"detail.resources": [{"ARN": KEY.replace("111122223333", "444455556666")}]}),
    ],
    ids=["secret", "key"],
)
def test_the_callers_account_receives_a_change_in_another_account(name: str, changes: dict[str, Any]) -> None:
    trigger = read(name, changes)
    owner = (
        trigger.secret
        if isinstance(trigger, SecretChanged)
        else trigger.key
        if isinstance(trigger, KeyChanged)
        else None
    )
    assert owner is not None
    assert (owner.account, trigger.account) == ("444455556666", "111122223333")


def test_a_service_whose_answer_was_dropped_is_known_by_its_request() -> None:
    trigger = read("update-service-response-dropped")
    assert isinstance(trigger, ServiceChanged)
    assert (str(trigger.service), str(trigger.task_definition)) == (f"{SERVICE}/prod/web", REVISION)


SERVICE = "arn:aws:ecs:us-east-1:111122223333:service"
ASKED, ANSWERED = "detail.requestParameters", "detail.responseElements.service"
NAMED: dict[str, tuple[dict[str, Any], str | None]] = {
    "its-arn-has-the-cluster": ({f"{ANSWERED}.serviceArn": f"{SERVICE}/blue/api"}, f"{SERVICE}/blue/api"),
    "an-old-arn-without-it": (
        {
            f"{ANSWERED}.serviceArn": f"{SERVICE}/api",
            f"{ANSWERED}.clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/blue",
        },
        f"{SERVICE}/blue/api",
    ),
    "no-cluster-is-the-default-one": (
        {"detail.responseElements": None, ASKED: {"service": "web", "taskDefinition": "web"}},
        f"{SERVICE}/default/web",
    ),
    "arns-in-the-request": (
        {
            "detail.responseElements": None,
            ASKED: {
                "service": f"{SERVICE}/blue/web",
                "cluster": "arn:aws:ecs:us-east-1:111122223333:cluster/blue",
                "taskDefinition": "web",
            },
        },
        f"{SERVICE}/blue/web",
    ),
    "a-new-one": (
        {"detail.responseElements": None, ASKED: {"serviceName": "web", "cluster": "blue", "taskDefinition": "web"}},
        f"{SERVICE}/blue/web",
    ),
    "no-name": ({"detail.responseElements": None, ASKED: {"taskDefinition": "web"}}, None),
    "no-text": ({"detail.responseElements": None, ASKED: {"service": 7, "taskDefinition": "web"}}, None),
    "not-a-name": ({"detail.responseElements": None, ASKED: {"service": "w b", "taskDefinition": "web"}}, None),
    "not-a-cluster": (
        {"detail.responseElements": None, ASKED: {"service": "web", "cluster": "*", "taskDefinition": "web"}},
        None,
    ),
}


@pytest.mark.parametrize(("changes", "service"), NAMED.values(), ids=NAMED)
def test_a_service_is_named_with_its_cluster(changes: dict[str, Any], service: str | None) -> None:
    trigger = read("update-service", changes)
    assert isinstance(trigger, ServiceChanged)
    assert (None if trigger.service is None else str(trigger.service)) == service


PLACES = {
    "of-a-service": ("task-stopped-fargate", {}, f"{SERVICE}/prod/web"),
    "of-a-service-whose-name-is-none": ("task-stopped-fargate", {"detail.group": "service:w b"}, None),
    "alone": ("task-stopped-fargate", {"detail.group": "family:web"}, None),
    "started-alone": ("task-started", {}, None),
    "ran-alone": ("task-ran", {}, None),
}


@pytest.mark.parametrize(("name", "changes", "service"), PLACES.values(), ids=PLACES)
def test_a_task_names_its_service_or_else_its_cluster(name: str, changes: dict[str, Any], service: str | None) -> None:
    trigger = read(name, changes)
    assert isinstance(trigger, TaskStarted | TaskStopped)
    assert str(trigger.place) == (service or "arn:aws:ecs:us-east-1:111122223333:cluster/prod")


def test_a_stopped_task_gives_all_reasons_and_shows_no_control_character() -> None:
    trigger = read(
        "task-stopped-ec2", {"detail.stoppedReason": "a\x1b[31m\nb\ud800", "detail.group": 7, "detail.stopCode": None}
    )
    assert isinstance(trigger, TaskStopped)
    assert trigger.reasons[0].text == r"a\x1b[31m\nb\ud800"
    assert trigger.reasons[1].text.startswith("CannotPullContainerError")
    assert (trigger.group, trigger.stop_code) == ("", "")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("register-task-definition", {"source": "aws.kms"}, "no trigger is known"),
        ("register-task-definition", {"source": "pullguard"}, "no trigger is known"),
        ("register-task-definition", {"source": ["aws.ecs"]}, "lacks its source"),
        ("register-task-definition", {"detail-type": "RegisterTaskDefinition ", "source": "aws.ecs"}, "no trigger"),
        ("register-task-definition", {"detail.eventName": None}, "no trigger is known for (absent)"),
        ("register-task-definition", {"detail.eventName": {"a": 1}}, "no trigger is known for (an object)"),
        ("register-task-definition", {"id": None}, "id (absent) is not an event id"),
        ("register-task-definition", {"id": "x\ny"}, r'id "x\ny" is not an event id'),
        ("register-task-definition", {"account": "11112222333\N{FULLWIDTH DIGIT THREE}"}, "is not an account id"),
        ("register-task-definition", {"account": 111122223333}, 'account "111122223333" is not an account id'),
        ("register-task-definition", {"region": "us-east-1\n"}, "is not a Region"),
        ("register-task-definition", {"time": "2026-11-23T00:00:00"}, "is not a time with its zone"),
        ("register-task-definition", {"time": "0001-01-01T00:00:00+23:00"}, "is not a time with its zone"),
        ("register-task-definition", {"time": 1}, 'time "1" is not a time'),
        ("register-task-definition", {"detail.recipientAccountId": "444455556666"}, "recipientAccountId"),
        ("register-task-definition", {"detail.errorMessage": "no"}, "the call failed"),
        (
            "register-task-definition",
            {"detail.responseElements.taskDefinition.taskDefinitionArn": REVISION.replace(":aws:", ":aws-cn:")},
            "is not of the event's Region",
        ),
        (
            "register-task-definition",
            {"detail.responseElements.taskDefinition.taskDefinitionArn": REVISION.removesuffix(":7")},
            "names no revision",
        ),
        ("register-task-definition", {"detail.responseElements.taskDefinition.taskDefinitionArn": 7}, "is not an ARN"),
        (
            "register-task-definition-response-dropped",
            {"detail.requestParameters.family": "web/../x"},
            'requestParameters.family "web/../x" is not a family',
        ),
        ("update-service", {"detail.responseElements": None, "detail.requestParameters": None}, "names no task"),
        (
            "update-service-response-dropped",
            {"detail.requestParameters.taskDefinition": "web:0"},
            "the sweep validates it",
        ),
        ("task-stopped-fargate", {"detail.taskDefinitionArn": None}, "taskDefinitionArn (absent) is not an ARN"),
        (
            "task-stopped-fargate",
            {"detail.taskArn": "arn:aws:ecs:us-east-1:444455556666:task/prod/1"},
            "is not of the event's account",
        ),
        ("task-stopped-fargate", {"detail.clusterArn": REVISION}, "is not a cluster"),
        ("task-stopped-ec2", {"detail.stopCode": "UserInitiated", "detail.containers": {}}, "not for a pull"),
        ("put-secret-value", {"detail.responseElements": None, "detail.requestParameters": None}, "names no secret"),
        ("put-secret-value", {"detail.responseElements.arn": f"{SECRET}:username::"}, "ends in a JSON key"),
        ("put-secret-value", {"detail.responseElements.arn": KEY}, "is an ARN of kms"),
        ("put-secret-value", {"detail.responseElements.arn": ["x"]}, "the secret (a list) is not a text"),
        (
            "put-secret-value",
            {"detail.responseElements.arn": SECRET.replace("ghcr", "\N{CYRILLIC SMALL LETTER GHE}hcr")},
            "no resource name may have",
        ),
        ("put-secret-value", {"detail.responseElements.arn": SECRET.replace("us-east-1", "eu-west-1")}, "Region"),
        ("secret-label-updated", {"resources": ["registry/ghcr"]}, "resources[0]"),
        ("secret-label-updated", {"resources": [SECRET.replace("111122223333", "444455556666")]}, "resources[0]"),
        ("secret-label-updated", {"detail.versionId": "1"}, 'versionId "1" is not a version id'),
        ("secret-label-updated", {"detail.labelUpdated": None}, "labelUpdated is missing"),
        ("rotation-started", {"detail.additionalEventData": {"SecretId": "registry/ghcr"}}, "is not an ARN"),
        ("disable-key", {"detail.resources": [{"ARN": KEY.replace("key/", "key/*")}]}, "no resource name may have"),
        ("retire-grant", {"detail.resources": None, "detail.responseElements": None}, "names no key"),
        ("put-role-policy", {"detail.requestParameters": None}, "requestParameters.roleName is missing"),
        ("put-role-policy", {"detail.requestParameters.roleName": "a" * 65}, "is not a role name"),
        ("put-role-policy", {"detail.requestParameters.roleName": "rôle"}, "is not a role name"),
        ("put-role-policy", {"detail.requestParameters.roleName": "*"}, "is not a role name"),
    ],
    ids=words_of,
)
def test_an_unusable_event_is_rejected_with_its_reason(name: str, changes: dict[str, Any], reason: str) -> None:
    message = refusal(name, changes)
    assert reason in message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "is not JSON"),
        ("null", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ("9" * 10_000, "JSON"),
        ('"' + "ä" * (EVENT_MAX_BYTES // 2) + '"', "is larger than the 256 KB"),
        ("x" * (EVENT_MAX_BYTES + 1), "is larger than the 256 KB"),
        ("\ud800", "is not JSON"),
    ],
    ids=["empty", "null", "deep", "long number", "too many bytes", "too many characters", "surrogate"],
)
def test_a_body_that_is_no_event_is_rejected(body: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        parse_event_text(body)


@given(st.text())
def test_any_text_is_a_trigger_or_rejected(body: str) -> None:
    with pytest.raises(Rejected):
        parse_event_text(body)


@given(data=st.data(), name=st.sampled_from(sorted(path.stem for path in SAMPLES.glob("*.json"))))
def test_a_sample_with_any_member_replaced_is_a_trigger_or_rejected(data: st.DataObject, name: str) -> None:
    event = sample(name)
    here: Any = event
    while isinstance(here, dict) and here:
        member = data.draw(st.sampled_from(sorted(here)))
        if not isinstance(here[member], dict) or data.draw(st.booleans()):
            here[member] = data.draw(JSON)
            break
        here = here[member]
    before = copy.deepcopy(event)
    try:
        key = deduplication_key(parse_event(event))
        assert key.isascii()
        assert key.isprintable()
    except Rejected:
        pass
    assert repr(event) == repr(before)


def test_a_provenance_is_read_back_from_a_message() -> None:
    cause = read("secret-label-updated").provenance
    assert cause.to_dict() == {"kind": "Secret Label Updated", "event_id": cause.event_id, "at": "2026-11-23T00:00:00Z"}
    assert Provenance.from_dict(cause.to_dict()) == cause


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "is not an object"),
        ({}, "cause.kind (absent)"),
        ({"kind": "Sweep\n", "event_id": "1", "at": "2026-11-23T00:00:00Z"}, "cause.kind"),
        ({"kind": "Sweep", "event_id": "", "at": "2026-11-23T00:00:00Z"}, "cause.event_id"),
        ({"kind": "Sweep", "event_id": "1", "at": "yesterday"}, 'cause.at "yesterday"'),
    ],
)
def test_an_invalid_provenance_is_rejected(data: object, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        Provenance.from_dict(data)
    assert reason in str(rejected.value)


def test_an_event_delivered_twice_is_one_change_and_two_events_are_two() -> None:
    for path in SAMPLES.glob("*.json"):
        assert deduplication_key(read(path.stem)) == deduplication_key(
            read(path.stem, {"time": "2026-11-23T00:00:09Z"})
        )
    first = deduplication_key(read("put-role-policy"))
    assert first != deduplication_key(read("put-role-policy", {"id": "another"}))
