"""A fix in a registry causes no event, so the hourly run revalidates."""

import json
from datetime import timedelta

import pytest

from pullguard.domain.messages import ValidationRequest
from pullguard.domain.verification import RegistryAnswer, Verification
from pullguard.store.ledger import Ledger
from pullguard.workflows.recheck_open import RECHECK
from pullguard.workflows.remind import Reminded
from tests.fakes import Crash, World, container, revision_arn, role, secret, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.incident_scene import HOURLY, NO_PASSWORD, deliver, subjects

SECRET = secret()
FAMILIES = ("api", "web", "worker")
DEFINITIONS = tuple(task_definition(container(SECRET), family=each) for each in FAMILIES)
IMAGE = DEFINITIONS[0].containers[0].image.text


def world(answer: RegistryAnswer) -> World:
    verifications = {IMAGE: Verification(answer=answer, detail="it said so")}
    return World(DEFINITIONS, (role(reads=[SECRET]),), (SECRET,), verifications=verifications)


def harness(ledger: Ledger, answer: RegistryAnswer) -> Harness:
    here = Harness(ledger, world(answer), reminder_every=None)
    for each in FAMILIES:
        here.validate(request(revision_arn(each)))
    deliver(here)
    here.sent.messages.clear()
    return here


def asked(here: Harness) -> list[ValidationRequest]:
    return [ValidationRequest.parse(json.dumps(each)) for each in here.sent.bodies("validations")]


@pytest.mark.parametrize("answer", ["rejected", "no-such-image", "rate-limited", "unreachable"])
def test_an_open_finding_about_a_registry_is_validated_each_hour(ledger: Ledger, answer: RegistryAnswer) -> None:
    here = harness(ledger, answer)
    for _ in range(3):
        here.later(hours=1)
        here.sent.messages.clear()
        reminded = here.alerter().handle(HOURLY)
        assert isinstance(reminded, Reminded)
        assert reminded.asked == len(FAMILIES)
        assert [each.task_definition for each in asked(here)] == [revision_arn(each) for each in FAMILIES]
        assert {each.provenance.kind for each in asked(here)} == {RECHECK}


def test_a_repair_in_the_registry_is_one_resolution_within_the_hour(ledger: Ledger) -> None:
    here = harness(ledger, "rejected")
    assert len(subjects(here)) == 1
    here.world = world("ok")
    here.time += timedelta(hours=1)
    here.alerter().handle(HOURLY)
    for each in asked(here):
        here.validate(each)
    deliver(here)
    assert [each.startswith("[Pullguard] resolved: ") for each in subjects(here)] == [False, True]
    here.sent.messages.clear()
    here.later(hours=1)
    here.alerter().handle(HOURLY)
    assert asked(here) == []


def test_a_run_that_comes_twice_asks_once(ledger: Ledger) -> None:
    here = harness(ledger, "rejected")
    for _ in range(2):
        here.alerter().handle(HOURLY)
    assert len(asked(here)) == len(FAMILIES)


def test_a_finding_that_an_event_would_end_is_not_validated_hourly(ledger: Ledger) -> None:
    here = Harness(ledger, World(DEFINITIONS, (role(reads=[SECRET]),), (NO_PASSWORD,)))
    here.validate(request(revision_arn("web")))
    deliver(here)
    assert subjects(here)
    here.sent.messages.clear()
    here.alerter().handle(HOURLY)
    assert asked(here) == []


def test_a_queue_that_refuses_raises(ledger: Ledger) -> None:
    here = harness(ledger, "rejected")
    here.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        here.alerter().handle(HOURLY)
