"""Registration of a corrected revision: the request, what stops it, and the report and record of it."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.aws.ecs import Ecs
from pullguard.domain.errors import NotNow
from pullguard.domain.usage import ScheduleUse, Usage
from pullguard.planning.planner import Rules
from pullguard.workflows.redeploy import NOTHING
from pullguard.workflows.reregister import LOCK_S, Reregisterer
from tests.fakes import ACCOUNT, NOW, World, container, denied, role, service, task_definition
from tests.flows import ASKED_FOR, CAUSE
from tests.unit.workflows.reregister.scene import MOVING, NEW, OLD, SOURCE, STALE, SUCCESSOR, SetUp


def test_the_exact_request_is_made_and_reported(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration()
    result = here.run()
    assert result.registered == str(SUCCESSOR)
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert (detail["remediation"]["before"], detail["remediation"]["after"]) == (str(SOURCE), str(SUCCESSOR))
    assert [arn for arn, _ in here.requests()] == [str(SUCCESSOR), str(SOURCE)]


def test_a_second_run_finds_the_lock_taken_and_tries_again_after_it(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(message_id="m-1")
    here.harness.sent.messages.clear()
    assert here.run(message_id="m-2").why == "just registered, or about to be"
    assert here.requests() == [(str(SOURCE), LOCK_S)]


def test_after_a_run_that_died_the_next_registers_when_the_lock_has_ended(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(error="ServerException")
    with pytest.raises(ClientError):
        here.run()
    here.harness.later(seconds=LOCK_S)
    here.expect_description()
    here.expect_registration()
    assert here.run(message_id="m-1").registered == str(SUCCESSOR)


def test_a_successor_is_adopted_and_nothing_is_registered_twice(set_up: SetUp) -> None:
    # The run that registered died before it reported; the tag on the new revision proves the registration.
    here = set_up(replace(MOVING, running=Usage(newest=False, successor=SUCCESSOR)))
    assert here.run().why == NOTHING
    assert here.reported() == []


def test_a_revision_that_ecs_does_not_show_yet_is_not_registered_again(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(message_id="m-0")
    here.harness.later(seconds=LOCK_S)
    here.expect_validation_of(str(SUCCESSOR), taskDefinitionArn=str(SUCCESSOR), revision=8)
    with pytest.raises(NotNow, match="does not say yet"):
        here.run(message_id="m-1")


NOTHING_TO_DO: dict[str, dict[str, Any]] = {
    "the-need-has-gone": {"world": replace(STALE, task_definitions=(task_definition(container(NEW)),))},
    "the-task-definition-is-gone": {"world": World()},
    "it-cannot-be-described": {"world": replace(STALE, unreadable={"task-definition": denied()})},
    "infrastructure-as-code-owns-it": {
        "world": replace(
            STALE, task_definitions=(task_definition(container(OLD), tags={"aws:cloudformation:stack-name": "prod"}),)
        )
    },
    "a-newer-revision-exists": {"world": replace(STALE, running=Usage(newest=False, services=(service(),)))},
    "a-grant-comes-first": {"world": replace(STALE, roles=(role(),))},
    "a-grant-that-comes-first-is-refused": {"world": replace(STALE, roles=(role(managed=False),))},
    "the-mode-is-observe": {"world": STALE, "mode": "observe"},
    "services-are-not-to-be-moved": {"world": MOVING},
}


@pytest.mark.parametrize("changes", NOTHING_TO_DO.values(), ids=NOTHING_TO_DO)
def test_a_late_message_writes_nothing(set_up: SetUp, changes: dict[str, Any]) -> None:
    here = set_up(**changes)
    assert here.run().why == NOTHING
    assert (here.reported(), here.requests()) == ([], [])


def test_a_definition_that_changed_since_it_was_planned_is_not_registered(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description(containerDefinitions=[container(NEW)])
    here.run()
    assert "not any more" not in here.failure()["what"]
    assert "any more" in here.failure()["why"]


# --- What would be lost ---


def test_nothing_is_registered_where_it_is_not_seen_what_came_over_the_wire(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    ecs = Ecs(here.client)
    event = "before-parse.ecs.DescribeTaskDefinition"
    here.client.meta.events.unregister(event, unique_id=event)
    with pytest.raises(TypeError):
        Reregisterer(executor=here.harness.executor(), ecs=ecs).run(ASKED_FOR, message_id="m-1")
    assert here.reported() == []


@pytest.mark.parametrize("where", ["aThingOfNextYear", "containerDefinitions[0].aThingOfNextYear"])
def test_a_member_that_the_sdk_does_not_know_stops_the_registration(set_up: SetUp, where: str) -> None:
    here = set_up(STALE)
    if "[" in where:
        here.expect_description(containerDefinitions=[container(OLD, aThingOfNextYear=1)])
    else:
        here.expect_description(aThingOfNextYear={"x": 1})
    here.run()
    assert where in here.failure()["why"]
    assert "Update Pullguard" in here.failure()["why"]


def test_a_revision_that_aws_batch_registered_meanwhile_is_not_registered(set_up: SetUp) -> None:
    here = set_up(STALE)
    by_batch = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSServiceRoleForBatch/aws-batch"
    here.expect_description(registeredBy=by_batch)
    here.run()
    assert "AWS Batch registered the task definition for its jobs" in here.failure()["why"]
    assert "Register the job definition again" in here.failure()["why"]


BESIDE: dict[str, tuple[dict[str, Any], str]] = {
    "a-sibling": ({"aThingOfNextYear": {"x": 1}}, "aThingOfNextYear"),
    "a-member-of-a-tag": ({"tags": [{"key": "a", "value": "b", "propagate": True}]}, "tags[0].propagate"),
}


@pytest.mark.parametrize(("beside", "named"), BESIDE.values(), ids=BESIDE)
def test_a_loss_beside_the_definition_stops_the_registration(set_up: SetUp, beside: dict[str, Any], named: str) -> None:
    here = set_up(STALE)
    here.expect_description(beside=beside)
    assert here.run().registered is None
    assert named in here.failure()["why"]


# --- What becomes of it ---


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_refusal_of_ecs_is_reported(set_up: SetUp, code: str) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(error=code)
    here.run()
    assert "ecs:RegisterTaskDefinition" in here.failure()["why"]
    assert code in here.failure()["why"]
    assert here.failure()["remedy"]


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "written"), ("AccessDenied", "refused"), ("Throttling", "unknown")]
)
def test_a_write_to_ecs_is_in_the_history(set_up: SetUp, error: str | None, outcome: str) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(error=error)
    with suppress(ClientError):
        here.run()
    (write,) = here.harness.ledger.families.writes("web")
    assert here.harness.ledger.families.known() == ("web",)
    assert (write.kind, write.outcome, write.before) == ("reregister", outcome, str(SOURCE))
    assert write.after == (None if error else str(SUCCESSOR))
    assert (write.cause, write.event_id) == (CAUSE.kind, CAUSE.event_id)
    assert here.harness.ledger.write_counts.in_hour("family web", now=NOW) == (0 if error else 1)


def test_any_other_error_of_ecs_sends_the_message_back(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(error="ThrottlingException")
    with pytest.raises(ClientError):
        here.run()
    assert here.reported() == []


def test_the_circuit_breaker_stops_and_reports(set_up: SetUp) -> None:
    here = set_up(STALE, writes_per_hour=1)
    here.expect_description()
    here.expect_registration()
    here.run()
    for done in here.harness.ledger.families.done_in("web"):  # a person undid it, and allows it again
        here.harness.ledger.families.let_again("web", done)
    here.harness.later(seconds=LOCK_S)
    here.run(message_id="m-2")
    assert "family web was written to 1 times in this hour" in here.failure()["why"]


def test_copies_of_a_message_are_not_counted_by_the_circuit_breaker(set_up: SetUp) -> None:
    here = set_up(STALE, writes_per_hour=1)
    here.expect_description()
    here.expect_registration()
    for number in range(5):
        here.run(message_id=f"m-{number}")
    assert here.reported() == ["Remediation Completed"]


# --- Where it only observes ---

OBSERVED: dict[str, tuple[Rules, list[str]]] = {
    "moves-are-on": (
        Rules(move_services=True),
        [
            'Then it would move service "a" to the new revision.',
            'with an alert: "rule nightly", service "b", service "c".',
        ],
    ),
    "moves-are-off": (Rules(), ['with an alert: "rule nightly", service "a", service "b", service "c".']),
}


@pytest.mark.parametrize(("rules", "words"), OBSERVED.values(), ids=OBSERVED)
def test_observing_says_what_would_follow_the_registration(set_up: SetUp, rules: Rules, words: list[str]) -> None:
    owned = replace(service("c"), tags={"aws:cloudformation:stack-name": "prod"})
    usage = Usage(
        newest=True,
        services=(service("a"), service("b", controller="CODE_DEPLOY"), owned),
        schedules=(ScheduleUse(kind="rule", name="nightly", within="1", task_definition=SOURCE),),
    )
    here = set_up(replace(STALE, running=usage), mode="observe", rules=rules)
    here.harness.validate()
    ((_, why),) = here.deeds("Remediation Planned")
    assert all(each in why for each in words)
    assert ("would move" in why) == rules.move_services
