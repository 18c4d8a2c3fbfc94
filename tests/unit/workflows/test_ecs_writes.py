"""A write to ECS is checked, intended, recorded, made and counted; what is held or too frequent is not made."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.alerts import describe
from pullguard.domain.actions import MoveService
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.remediation import Remediation
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.ecs_writes import EcsWriter
from pullguard.workflows.write_checks import Held, TooManyWrites
from tests.fakes import CLUSTER, NOW, World, revision_arn, role, service
from tests.flows import ASKED_FOR, Harness

ROLE = role()
SOURCE, SUCCESSOR = revision_arn(revision=7), revision_arn(revision=8)
MOVE = MoveService(cluster=CLUSTER, service=service().service_arn, before=SOURCE, after=SUCCESSOR)
DONE = Remediation(event="Remediation Completed", deed=describe(MOVE), before=str(SOURCE), after=str(SUCCESSOR))
STOP = Stop(by="ada", at="noon")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World(), writes_per_hour=2)


def writer(here: Harness) -> EcsWriter:
    return EcsWriter(executor=here.executor())


def check(here: Harness, scope: str) -> None:
    writer(here).check(scope, role=ROLE.arn, family="web")


def write(here: Harness, call: Any = lambda: None) -> Any:
    return writer(here).write(DONE, ASKED_FOR, call, scope="service web", role=ROLE.arn, message_id="m-1")


@pytest.mark.parametrize(("made", "after"), [(None, SUCCESSOR), (revision_arn(revision=9), revision_arn(revision=9))])
def test_a_write_is_intended_recorded_and_counted(harness: Harness, made: Arn | None, after: Arn) -> None:
    def call() -> Arn | None:
        assert [each.outcome for each in harness.ledger.families.writes("web")] == ["unknown"]
        assert harness.ledger.intents.of("m-1") == (replace(DONE, message_id="m-1"),)
        return made

    assert write(harness, call) == made
    (kept,) = harness.ledger.families.writes("web")
    assert (kept.kind, kept.target, kept.outcome) == ("move-service", MOVE.service, "written")
    assert (kept.before, kept.after) == (str(SOURCE), str(after))
    assert harness.ledger.write_counts.in_hour("service web", now=NOW) == 1


PROBLEMS: dict[str, tuple[Exception, str]] = {
    "denied": (Denied("ecs:UpdateService", "web", "AccessDeniedException"), "refused"),
    "not-now": (NotNow("AWS answered with 500"), "unknown"),
    "another-error-of-aws": (ClientError({"Error": {"Code": "ServerException"}}, "UpdateService"), "unknown"),
}


@pytest.mark.parametrize(("problem", "outcome"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_failed_write_is_recorded_with_what_is_known_of_it(
    harness: Harness, problem: Exception, outcome: str
) -> None:
    def call() -> None:
        raise problem

    with pytest.raises(type(problem)):
        write(harness, call)
    assert [each.outcome for each in harness.ledger.families.writes("web")] == [outcome]
    assert harness.ledger.write_counts.in_hour("service web", now=NOW) == 0


@pytest.mark.parametrize("held", ["role", "family"])
def test_a_hold_that_comes_after_the_record_keeps_the_call_from_being_made(harness: Harness, held: str) -> None:
    if held == "role":
        harness.ledger.roles.save_hold(ROLE.arn, STOP)
    else:
        harness.ledger.families.save_hold("web", STOP)
    with pytest.raises(Held):
        write(harness, lambda: pytest.fail("called"))
    assert [each.outcome for each in harness.ledger.families.writes("web")] == ["refused"]


# --- The check before a write ---


def test_the_circuit_breaker_opens_for_its_scope_and_closes_with_the_hour(harness: Harness) -> None:
    for _ in range(2):
        check(harness, "service web")
        write(harness)
    with pytest.raises(TooManyWrites, match="service web was written to 2 times in this hour") as caught:
        check(harness, "service web")
    assert caught.value.scope == "service web"
    check(harness, "service api")
    harness.later(hours=1)
    check(harness, "service web")


@pytest.mark.parametrize("held", ["everything", "role", "family"])
def test_a_stop_or_a_hold_comes_before_an_open_circuit_breaker(harness: Harness, held: str) -> None:
    for _ in range(2):
        write(harness)
    match held:
        case "everything":
            harness.stop = switch_text(STOP)
        case "role":
            harness.ledger.roles.save_hold(ROLE.arn, STOP)
        case _:
            harness.ledger.families.save_hold("web", STOP)
    with pytest.raises(Held):
        check(harness, "service web")
