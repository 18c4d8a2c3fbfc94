"""Invalid messages go to their queue's dead letters at once, with the reason; the rest of the batch is handled."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo.progress import insist, wait_until
from sandbox.demo.scene import Scene, about
from sandbox.runtime.samples import fresh as recent
from sandbox.worlds.demo import SECRETS
from tests.e2e.families import family, fresh

EVENTS = Path(__file__).parents[2] / "events"
WITHIN_S = 60
REFUSED = '"message":"Refused"'
OVERSIZED = json.dumps({"task_definition": "x" * 300_000})
NOTHING = ("", "is not JSON", "{", "[]", '"text"', "null", "{}", '{"task_definition": 7}', OVERSIZED)
A_BATCH = 5
REGION, ACCOUNT = "us-east-1", "111122223333"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A function with its queue and its dead letters; ``mate`` makes a message that it handles, and its mark."""

    queue: str
    function: str
    mate: Callable[[], tuple[str, str]]
    more: tuple[str, ...] = ()

    @property
    def dead(self) -> str:
        return self.queue.removesuffix("Queue") + "DeadLetters"

    @property
    def logical(self) -> str:
        return "".join(word.capitalize() for word in self.function.split("_")) + "Function"

    @property
    def bad(self) -> tuple[str, ...]:
        return tuple(text for text in (*NOTHING, *self.more) if text)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _event() -> tuple[str, str]:
    id_ = str(uuid.uuid4())
    event = json.loads(recent((EVENTS / "eventbridge" / "register-task-definition.json").read_text(encoding="utf-8")))
    return json.dumps({**event, "id": id_}), id_


def _validation() -> tuple[str, str]:
    name = fresh("mate")
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{name}:1"
    cause = {"kind": "Test", "event_id": name, "at": _now()}
    return json.dumps({"task_definition": arn, "cause": cause}), f"{name}:1"


def _sweep() -> tuple[str, str]:
    name = fresh("mate")
    return json.dumps({"sweep": name, "token": None}), name


def _validation_of(text: str) -> str:
    cause = {"kind": "Test", "event_id": "x", "at": _now()}
    return json.dumps({"task_definition": text, "cause": cause})


WILD = _validation_of(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/*")
OTHER_SERVICE = _validation_of(f"arn:aws:iam::{ACCOUNT}:role/x")
WITHOUT_CAUSE = json.dumps({"task_definition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:1"})
MALFORMED = tuple(path.read_text(encoding="utf-8") for path in sorted((EVENTS / "malformed").glob("*.json")))
NO_FACTS = (
    json.dumps({"source": "somebody", "detail-type": "Finding Opened", "detail": {}}),
    json.dumps({"source": "pullguard", "detail-type": "Something Else", "detail": {}}),
    json.dumps({"source": "pullguard", "detail-type": "Finding Opened", "detail": {"finding": {"id": "x"}}}),
)
LANES = (
    Lane(queue="ChangeQueue", function="resolve_change", mate=_event, more=MALFORMED),
    Lane(
        queue="ValidationQueue",
        function="validate_task_definition",
        mate=_validation,
        more=(WILD, OTHER_SERVICE, WITHOUT_CAUSE),
    ),
    Lane(queue="GrantQueue", function="patch_execution_role", mate=_validation, more=(WILD, OTHER_SERVICE)),
    Lane(queue="ReregisterQueue", function="reregister_task_definition", mate=_validation, more=(WILD, WITHOUT_CAUSE)),
    Lane(queue="SweepQueue", function="sweep_account", mate=_sweep, more=('{"sweep": 7}', '{"token": "x"}')),
)


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.queue)
def test_bad_messages_go_to_the_dead_letters_and_their_mates_are_handled(scene: Scene, lane: Lane) -> None:
    bodies, marks = _with_mates(lane)
    refused_before = _logged(scene, lane.logical, REFUSED)

    _send(scene, lane.queue, bodies)

    dead = _dead_letters(scene, lane.dead, len(lane.bad))
    assert sorted(letter["Body"] for letter in dead) == sorted(lane.bad)
    for letter in dead:
        attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        assert attributes["function"] == lane.function
        assert len(attributes["reason"]) > 10
    scene.settle()
    assert all(_logged(scene, lane.logical, mark) for mark in marks)
    assert _logged(scene, lane.logical, REFUSED) - refused_before == len(lane.bad)
    assert scene.stack.depths()[lane.queue] == 0


def _with_mates(lane: Lane) -> tuple[list[str], list[str]]:
    """Return the bad messages with a good one among every few, and the marks of the good ones."""
    bodies: list[str] = []
    marks: list[str] = []
    for number, text in enumerate(lane.bad):
        if number % A_BATCH == 1:
            body, mark = lane.mate()
            bodies.append(body)
            marks.append(mark)
        bodies.append(text)
    return bodies, marks


def test_a_forged_event_causes_no_alert(scene: Scene) -> None:
    already = len(scene.letters())
    finding = {"id": "0123456789abcdef", "task_definition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:1"}
    detail = {"schema_version": 1, "sequence": 1, "finding": finding, "text": "Click https://evil.example"}
    forged: list[tuple[str, dict[str, Any]]] = [
        ("Finding Opened", detail),
        ("Remediation Completed", {"remediation": finding}),
    ]
    for kind, content in forged:
        _put_event(scene, kind, content)
    for text in NO_FACTS:
        _send(scene, "AlertQueue", [text])

    dead = _dead_letters(scene, "AlertDeadLetters", len(forged) + len(NO_FACTS))

    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in dead]
    assert sum("the ledger knows no" in reason for reason in reasons) == len(forged)
    scene.settle()
    assert scene.letters(after=already) == ()


def test_a_replayed_event_causes_one_alert_despite_invalid_messages_in_its_batch(scene: Scene) -> None:
    already = len(scene.letters())
    reported = [event for event in scene.aws.events() if event["Source"] == "pullguard"]
    replayed = [_envelope(event) for event in reported[:5]]

    _send(scene, "AlertQueue", [replayed[0], "not JSON", *replayed[1:], OVERSIZED])

    assert len(_dead_letters(scene, "AlertDeadLetters", 2)) == 2
    scene.settle()
    assert scene.letters(after=already) == ()


def test_copies_of_an_event_make_one_alert_and_one_write(scene: Scene) -> None:
    name = fresh("copied")
    scene.hold()
    scene.load(family(name))
    (event,) = (
        event
        for event in scene.aws.events()
        if event["DetailType"].startswith("AWS API Call") and _is_registration(event, name)
    )
    _send(scene, "ChangeQueue", [_envelope(event)] * 20)
    with scene.aws.hold_calls("PutRolePolicy", f"{name}-execution"):  # what is fixed at once is reported as fixed only
        scene.release()
        insist(lambda: about(scene.letters(), name), "an alert before the write", timeout_s=WITHIN_S)
    wait_until(lambda: len(about(scene.letters(), name)) == 3, timeout_s=WITHIN_S)
    scene.settle()

    kinds = [letter.attributes["kind"] for letter in about(scene.letters(), name)]
    assert sorted(kinds) == ["Finding Opened", "Finding Resolved", "Remediation Completed"]
    writes = [
        event
        for event in scene.aws.events()
        if '"PutRolePolicy"' in event["Detail"] and f'"{name}-execution"' in event["Detail"]
    ]
    assert len(writes) == 1


def test_a_denied_read_is_unknown_and_names_the_permission(scene: Scene) -> None:
    name = fresh("unseen")
    world = family(name, readable=True)
    scene.hold()
    scene.load(world)
    validator = scene.roles["ValidateTaskDefinitionFunction"]
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{validator}"},
        "Action": "secretsmanager:DescribeSecret",
        "Resource": "*",
    }
    scene.aws.client("secretsmanager").put_resource_policy(
        SecretId=scene.names[f"secret:registry/{name}"],
        ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    scene.release()

    letters = wait_until(lambda: about(scene.letters(), name), timeout_s=WITHIN_S)
    scene.settle()

    letters = about(scene.letters(), name)
    assert {letter.attributes["status"] for letter in letters} == {"unknown"}
    assert all("secretsmanager:DescribeSecret" in letter.text for letter in letters)
    assert all(letter.subject.endswith(" - secretsmanager:DescribeSecret denied") for letter in letters)
    assert SECRETS["web"] not in letters[0].text


# --- Queues and events ---------------------------------------------------------------------------------------------


def _send(scene: Scene, queue: str, bodies: list[str]) -> None:
    """Send messages, as many at once as go; those of a FIFO queue all in one group."""
    scene.send(queue, *bodies, group=fresh("group"))


def _dead_letters(scene: Scene, queue: str, count: int) -> list[dict[str, Any]]:
    """Return the dead letters as soon as there are ``count`` of them, and take them out."""
    client, url = scene.aws.client("sqs"), scene.stack.queues[queue]
    found: list[dict[str, Any]] = []

    def all_there() -> bool:
        answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message)
        return len(found) >= count

    wait_until(all_there, timeout_s=WITHIN_S)
    return found


def _logged(scene: Scene, function: str, mark: str) -> int:
    return sum(mark in line for line in scene.stack.logs(function))


def _put_event(scene: Scene, kind: str, detail: Mapping[str, Any]) -> None:
    entry = {"Source": "pullguard", "DetailType": kind, "Detail": json.dumps(detail)}
    answer = scene.aws.client("events").put_events(Entries=[{**entry, "EventBusName": scene.stack.outputs["BusName"]}])
    assert answer["FailedEntryCount"] == 0


def _envelope(event: Mapping[str, Any]) -> str:
    """Return an event as EventBridge puts it into a queue."""
    detail = json.loads(event["Detail"])
    return json.dumps(
        {
            "version": "0",
            "id": event["EventId"],
            "detail-type": event["DetailType"],
            "source": event["Source"],
            "account": ACCOUNT,
            "time": detail.get("eventTime", _now()),
            "region": REGION,
            "resources": event.get("Resources", []),
            "detail": detail,
        }
    )


def _is_registration(event: Mapping[str, Any], name: str) -> bool:
    detail = json.loads(event["Detail"])
    return (detail["eventName"], detail["requestParameters"].get("family")) == ("RegisterTaskDefinition", name)
