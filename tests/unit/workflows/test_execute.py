"""Both executors prove the need again, ask for validations, record writes, and report the outcome."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.alerts import describe
from pullguard.domain.actions import Grant, MoveService
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.messages import ATTEMPTS_MAX
from pullguard.domain.remediation import Remediation
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard.workflows.execute import DELAY_MAX_S, TRY_AGAIN, WAITS_S
from pullguard.workflows.write_checks import CannotReport, Held, NotWritten, TooManyWrites
from tests.fakes import CLUSTER, NOW, World, container, denied, revision_arn, role, secret, service, task_definition
from tests.flows import ASKED_FOR, Harness, request

GHCR, ROLE = secret(), role()
BROKEN = World((task_definition(container(GHCR)),), (ROLE,), (GHCR,))
SOURCE, SUCCESSOR = revision_arn(revision=7), revision_arn(revision=8)
MOVE = MoveService(cluster=CLUSTER, service=service().service_arn, before=SOURCE, after=SUCCESSOR)
GRANT = Grant(task_definition=SOURCE, role=ROLE.arn, secret=GHCR.arn, key=None, findings=("f",))
DONE = Remediation(event="Remediation Completed", deed=describe(MOVE), before=str(SOURCE), after=str(SUCCESSOR))
STOP = Stop(by="ada", at="noon")
HELD = Held("the role is held", STOP, "pullguard resume web-execution")
TRIPPED = TooManyWrites("service web", 20)


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, BROKEN)


# --- The need ---


def test_the_need_is_proved_from_the_present_state(harness: Harness) -> None:
    proof = harness.executor().prove(ASKED_FOR)
    assert proof is not None
    assert [type(each) for each in proof.actions] == [Grant]
    assert {each.check for each in proof.examination.findings} == {"secret-access-missing"}
    harness.world = replace(BROKEN, roles=(role(reads=[GHCR]),))
    proof = harness.executor().prove(ASKED_FOR)
    assert proof is not None
    assert (proof.actions, proof.examination.findings) == ((), ())


NOTHING: dict[str, tuple[dict[str, Any], World]] = {
    "the-task-definition-is-gone": ({}, World()),
    "it-cannot-be-described": ({}, replace(BROKEN, unreadable={"task-definition": denied()})),
    "the-stack-observes": ({"mode": "observe"}, BROKEN),
    "a-tag-says-observe": ({}, replace(BROKEN, roles=(role(tags={"pullguard:mode": "observe"}),))),
}


@pytest.mark.parametrize(("changes", "world"), NOTHING.values(), ids=NOTHING)
def test_there_is_no_proof_where_nothing_may_be_written(ledger: Ledger, changes: dict[str, Any], world: World) -> None:
    assert Harness(ledger, world, **changes).executor().prove(ASKED_FOR) is None


def test_a_task_definition_of_another_account_is_rejected(harness: Harness) -> None:
    stranger = Arn.parse(str(SOURCE).replace("111122223333", "444455556666"))
    with pytest.raises(Rejected, match="not of this account"):
        harness.executor().prove(request(stranger))


# --- Validations ---


def asked(here: Harness) -> list[tuple[int, int]]:
    """The attempt and the delay of each validation request."""
    bodies = here.sent.bodies("validations")
    return [
        (body.get("attempt", 0), each["DelaySeconds"]) for body, each in zip(bodies, here.sent.messages, strict=True)
    ]


def test_a_written_resource_is_validated_again(harness: Harness) -> None:
    harness.executor().revalidate(ASKED_FOR, request(SUCCESSOR))
    assert asked(harness) == [(1, WAITS_S[0])] * 2


@pytest.mark.parametrize("attempt", range(ATTEMPTS_MAX + 1))
def test_a_write_that_does_not_show_is_checked_at_growing_intervals(harness: Harness, attempt: int) -> None:
    harness.executor().retry_until_visible(replace(ASKED_FOR, attempt=attempt))
    assert asked(harness) == ([] if attempt == ATTEMPTS_MAX else [(attempt + 1, WAITS_S[attempt])])


# --- Reports ---


@pytest.mark.parametrize(
    ("event", "hours", "reported"),
    [("Remediation Completed", (0, 1), 1), ("Remediation Failed", (0, 1), 1), ("Remediation Failed", (0, 24), 2)],
)
def test_a_failure_is_reported_once_a_day_and_a_deed_once_for_its_message(
    harness: Harness, event: Any, hours: tuple[int, ...], reported: int
) -> None:
    for each in hours:
        harness.time = NOW + timedelta(hours=each)
        harness.executor().report(Remediation(event=event, deed=describe(MOVE)), message_id="m-1")
    assert harness.sent.reported() == [event] * reported


def test_each_failed_action_is_reported_with_its_reason_and_a_remedy(harness: Harness) -> None:
    harness.executor().report_failed((MOVE, GRANT), "it is broken", message_id="m-1")
    failed = [each["remediation"] for each in harness.sent.details("Remediation Failed")]
    assert [(each["kind"], each["why"], each["remedy"]) for each in failed] == [
        ("move-service", "it is broken", TRY_AGAIN),
        ("grant", "it is broken", TRY_AGAIN),
    ]


NOT_WRITTEN: dict[str, tuple[NotWritten, list[str], bool, int]] = {
    "held": (HELD, ["Remediation Planned"] * 2, True, 0),
    "too-many-writes": (TRIPPED, ["Remediation Failed"], False, 1),
}


@pytest.mark.parametrize(("error", "events", "waits", "requests"), NOT_WRITTEN.values(), ids=NOT_WRITTEN)
def test_a_write_that_was_not_made_is_reported_once_and_requested_again(
    harness: Harness, error: NotWritten, events: list[str], waits: bool, requests: int
) -> None:
    for _ in range(2):
        harness.executor().report_not_written((describe(MOVE), describe(GRANT)), error, ASKED_FOR)
    assert harness.sent.reported() == events
    assert harness.ledger.holds.waiting(now=NOW) == ((SOURCE,) if waits else ())
    assert asked(harness) == [(1, DELAY_MAX_S)] * requests
    detail = harness.sent.details(events[0])[0]["remediation"]
    assert detail["why"] == str(error)
    assert detail["remedy"].startswith(error.remedy)


def test_without_an_answer_about_the_stop_it_is_reported_and_the_message_comes_back(harness: Harness) -> None:
    with pytest.raises(CannotReport):
        harness.executor().report_not_written((describe(MOVE),), CannotReport("no answer"), ASKED_FOR)
    assert harness.sent.reported() == ["Remediation Failed"]
