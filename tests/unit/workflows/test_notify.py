import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.catalogue import incident_of
from pullguard.domain.errors import Rejected
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import NO_PERMISSION, Unreadable
from pullguard.domain.records import from_record
from pullguard.store.ledger import Ledger
from pullguard.workflows.publish_once import BeingReported
from tests.fakes import Crash, World, container, denied, revision_arn, role, secret, task_definition
from tests.flows import Harness

GHCR = secret()
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
CLAIM_S = 30


def as_delivered(event: dict[str, Any]) -> str:
    """The queue's message for an event that was put onto the bus."""
    return json.dumps(
        {
            "version": "0",
            "id": "e",
            "source": event["Source"],
            "detail-type": event["DetailType"],
            "detail": json.loads(event["Detail"]),
        }
    )


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    """A broken task definition was validated: its finding is open, and its event on the bus."""
    here = Harness(ledger, BROKEN)
    here.validate()
    return here


def incident_in(here: Harness) -> str:
    return incident_of(from_record(Finding, here.sent.details("Finding Opened")[0]["finding"]))


def heal(here: Harness) -> None:
    here.world = World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,))
    here.validate()


def event(here: Harness, number: int = 0, **changes: Any) -> str:
    """The body of one of the events, with members of its detail changed."""
    body: dict[str, Any] = json.loads(as_delivered(here.sent.events[number]))
    body["detail"] |= {name: value for name, value in changes.items() if name in body["detail"]}
    body |= {name.replace("_", "-"): value for name, value in changes.items() if name not in body["detail"]}
    return json.dumps(body)


# --- Once --------------------------------------------------------------------------------------------------------


def test_a_finding_is_reported_with_its_attributes(harness: Harness) -> None:
    assert harness.alerter().alert(event(harness)).sent
    (alert,) = harness.sent.alerts
    assert alert["TopicArn"] == "arn:topic"
    assert "secret-access-missing" in alert["Message"]
    attributes = {name: each["StringValue"] for name, each in alert["MessageAttributes"].items()}
    assert attributes["check"] == "secret-access-missing"
    assert (attributes["severity"], attributes["family"]) == ("error", "web")


UNKNOWN_TO_AWS = {
    "the-task-definition": (
        World(unreadable={"task-definition": denied("ecs:DescribeTaskDefinition", str(revision_arn()))}),
        "reference-malformed",
        "web - ecs:DescribeTaskDefinition denied",
    ),
    "the-secret": (
        replace(BROKEN, unreadable={str(GHCR.arn): denied("secretsmanager:DescribeSecret", str(GHCR.arn))}),
        "secret-not-found",
        "web, ghcr.io/acme/web:1 - secretsmanager:DescribeSecret denied",
    ),
    "the-registry": (
        replace(
            BROKEN,
            roles=(role(reads=[GHCR]),),
            verifications={
                "ghcr.io/acme/web:1": Unreadable(permission=NO_PERMISSION, resource="ghcr.io", reason="refused")
            },
        ),
        "credentials-rejected",
        "web, ghcr.io/acme/web:1",
    ),
}


@pytest.mark.parametrize(("world", "check", "reported"), UNKNOWN_TO_AWS.values(), ids=UNKNOWN_TO_AWS)
def test_an_unknown_finding_is_reported_without_a_diagnosis(
    ledger: Ledger, world: World, check: str, reported: str
) -> None:
    here = Harness(ledger, world)
    here.validate()
    here.alerter().alert(event(here))
    (alert,) = here.sent.alerts
    assert alert["Subject"] == f"[Pullguard] could not verify {reported}"
    assert alert["MessageAttributes"]["check"]["StringValue"] == check
    assert alert["MessageAttributes"]["status"]["StringValue"] == "unknown"


def test_the_end_of_a_finding_is_reported(harness: Harness) -> None:
    harness.alerter().alert(event(harness))
    harness.later(minutes=5)
    heal(harness)
    assert harness.alerter().alert(event(harness, 1)).sent
    assert harness.sent.details("Finding Resolved")[0]["sequence"] == 2
    assert "(lasted 5 min)" in harness.sent.alerts[1]["Message"]


def test_a_finding_that_ended_before_its_alert_is_not_reported(harness: Harness) -> None:
    heal(harness)
    results = [harness.alerter().alert(event(harness, number)).sent for number in (0, 1)]
    assert results == [False, False]
    assert harness.sent.alerts == []


def test_a_copy_of_an_event_is_silent(harness: Harness) -> None:
    results = [harness.alerter().alert(event(harness)) for _ in range(3)]
    assert [each.sent for each in results] == [True, False, False]
    assert results[1].why == "nothing about the incident has changed for people"
    assert len(harness.sent.alerts) == 1


def test_a_copy_is_silent_even_after_the_claim_has_ended(harness: Harness) -> None:
    harness.alerter().alert(event(harness))
    harness.later(days=1)
    assert not harness.alerter().alert(event(harness)).sent
    assert len(harness.sent.alerts) == 1


def test_an_event_that_the_finding_has_left_behind_reports_the_present_state(harness: Harness) -> None:
    harness.alerter().alert(event(harness, 0))
    heal(harness)
    assert harness.alerter().alert(event(harness, 0)).sent
    assert not harness.alerter().alert(event(harness, 1)).sent
    assert [each["Subject"].split(":")[0] for each in harness.sent.alerts] == [
        "[Pullguard] error",
        "[Pullguard] resolved",
    ]


def test_a_finding_that_opens_again_is_reported_again(harness: Harness) -> None:
    harness.alerter().alert(event(harness, 0))
    heal(harness)
    harness.alerter().alert(event(harness, 1))
    harness.world = BROKEN
    harness.validate()
    assert harness.alerter().alert(event(harness, 2)).sent
    assert harness.sent.details("Finding Opened")[1]["sequence"] == 3
    assert len(harness.sent.alerts) == 3


def test_a_remediation_is_reported_once(harness: Harness) -> None:
    harness.world = replace(BROKEN, secrets=(secret(registry=None),))
    harness.validate()
    (number,) = (n for n, kind in enumerate(harness.sent.reported()) if kind == "Remediation Refused")
    assert [harness.alerter().alert(event(harness, number)).sent for _ in range(2)] == [True, False]
    assert "not opted in" in harness.sent.alerts[0]["Message"]


# --- Runs that die -----------------------------------------------------------------------------------------------


def test_a_run_that_died_before_it_sent_leaves_the_message_to_the_next(harness: Harness) -> None:
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        harness.alerter().alert(event(harness))
    with pytest.raises(BeingReported):  # the message goes back to its queue
        harness.alerter().alert(event(harness))
    harness.later(seconds=CLAIM_S)
    assert harness.alerter().alert(event(harness)).sent
    assert len(harness.sent.alerts) == 1


def a_run_dies_that_has_claimed_it(here: Harness) -> None:
    here.sent.failing = ["publish"]
    with pytest.raises(Crash):
        here.alerter().alert(event(here))


def test_a_copy_waits_for_the_run_that_has_claimed_it(harness: Harness) -> None:
    a_run_dies_that_has_claimed_it(harness)
    waits: list[float] = []

    def other_run_ends(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            kept = harness.incidents.record(incident_in(harness))
            assert kept is not None
            harness.incidents.save(replace(kept, reported=1), over=kept, now=harness.now())

    result = harness.alerter(pause=other_run_ends).alert(event(harness))
    assert (result.sent, result.why) == (False, "published by another run")
    assert len(waits) == 2
    assert harness.sent.alerts == []


def test_the_wait_for_another_run_ends(harness: Harness) -> None:
    a_run_dies_that_has_claimed_it(harness)
    waits: list[float] = []
    with pytest.raises(BeingReported):
        harness.alerter(pause=waits.append).alert(event(harness))
    assert 0 < sum(waits) < 10


# --- Foreign events ----------------------------------------------------------------------------------------------


def _forged(**members: Any) -> Callable[[Harness], str]:
    """The true event with another text for members of its finding."""

    def make(here: Harness) -> str:
        detail = here.sent.details("Finding Opened")[0]
        return event(here, finding={**detail["finding"], **members})

    return make


REJECTED: dict[str, tuple[Callable[[Harness], str], str]] = {
    "no-json": (lambda _: "{", "is not JSON"),
    "an-array": (lambda _: "[]", "not an object"),
    "another-source": (lambda here: event(here, source="aws.ecs"), "the event's source is"),
    "no-detail": (lambda here: event(here, detail=None), "no detail-type or no detail"),
    "another-kind": (lambda here: event(here, detail_type="Something Else"), "not one of Pullguard's"),
    "no-finding": (lambda here: event(here, finding=None), 'has no "finding"'),
    "an-unknown-id": (_forged(id="0" * 16), "the ledger knows no finding"),
    "an-id-that-is-none": (_forged(id="../../etc"), "is not 16 hexadecimal digits"),
    "an-id-in-upper-case": (_forged(id="A" * 16), "is not 16 hexadecimal digits"),
    "an-id-of-another-type": (_forged(id=7), "is not 16 hexadecimal digits"),
    "another-task-definition": (_forged(task_definition=str(revision_arn("api"))), "the ledger knows no finding"),
    "no-task-definition": (_forged(task_definition=None), "is not an ARN"),
    "another-services-arn": (_forged(task_definition="arn:aws:iam::111122223333:role/x"), "not to ecs"),
    "a-state-that-never-was": (lambda here: event(here, sequence=99), "in that state"),
    "a-sequence-of-another-type": (lambda here: event(here, sequence="1"), "in that state"),
    "a-sequence-that-is-true": (lambda here: event(here, sequence=True), "in that state"),
    "no-remediation": (lambda here: event(here, detail_type="Remediation Completed"), 'has no "remediation"'),
}


@pytest.mark.parametrize(("make", "words"), REJECTED.values(), ids=REJECTED)
def test_a_forged_event_is_rejected_and_nothing_is_reported(
    harness: Harness, make: Callable[[Harness], str], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        harness.alerter().alert(make(harness))
    assert harness.sent.alerts == []


def test_a_forged_deed_is_rejected(harness: Harness) -> None:
    forged = {"id": "0" * 16, "task_definition": str(revision_arn()), "what": "send money"}
    body = {"source": "pullguard", "detail-type": "Remediation Completed", "detail": {"remediation": forged}}
    with pytest.raises(Rejected, match="the ledger knows no remediation"):
        harness.alerter().alert(json.dumps(body))


def test_the_words_of_an_event_are_never_repeated(harness: Harness) -> None:
    detail = harness.sent.details("Finding Opened")[0]
    lies = {"cause": "Call 555-0100 and tell your password", "evidence": "lies", "container": "lies"}
    assert harness.alerter().alert(event(harness, finding={**detail["finding"], **lies})).sent
    reported = json.dumps(harness.sent.alerts)
    assert "555-0100" not in reported
    assert "lies" not in reported


@pytest.mark.parametrize("form", ["text", "json", "chat"])
def test_an_alert_is_in_the_form_of_the_setting(harness: Harness, form: str) -> None:
    harness.alerter(form).alert(event(harness))
    (alert,) = harness.sent.alerts
    if form == "text":
        assert not alert["Message"].startswith("{")
    else:
        assert isinstance(json.loads(alert["Message"]), dict)
