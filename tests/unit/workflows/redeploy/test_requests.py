"""When the validator asks for a redeployment, and when it only reports one."""

from dataclasses import replace

from pullguard.planning.planner import Rules
from pullguard.store.ledger import Ledger
from tests.fakes import container, revision_arn, role, task_definition
from tests.flows import Harness
from tests.unit.planning.rotation_scene import GHCR, ROTATION, arn_of, running, world
from tests.unit.workflows.redeploy.scene import ASKED_FOR, ON, commands


def test_all_redeployments_are_one_group_of_the_queue(ledger: Ledger) -> None:
    other = task_definition(container(GHCR), family="other")
    both = world()
    here = Harness(ledger, replace(both, task_definitions=(*both.task_definitions, other)), rules=ON)
    here.validate(ASKED_FOR)
    here.validate(replace(ASKED_FOR, task_definition=other.arn))
    assert [each["MessageGroupId"] for each in commands(here)] == [commands(here)[0]["MessageGroupId"]] * 2


def test_observing_reports_the_plan_and_requests_nothing(harness: Harness) -> None:
    harness.mode = "observe"
    harness.validate(ASKED_FOR)
    harness.validate(ASKED_FOR, message_id="again")
    assert commands(harness) == []
    reported = harness.sent.details("Remediation Planned")
    assert [each["remediation"]["target"] for each in reported] == [arn_of("a"), arn_of("b")]


def test_it_is_off_unless_it_is_switched_on(harness: Harness) -> None:
    harness.rules = Rules()
    harness.validate(ASKED_FOR)
    assert (commands(harness), harness.sent.events) == ([], [])
    assert ("usage", str(revision_arn())) not in harness.world.asked


def test_a_rotation_in_a_batch_with_another_validation_is_not_swallowed(harness: Harness) -> None:
    validator = harness.validator()
    validator.validate(replace(ASKED_FOR, provenance=replace(ROTATION, kind="TagResource")), message_id="v-1")
    validator.validate(ASKED_FOR, message_id="v-2")
    assert len(commands(harness)) == 1


def test_a_missing_consent_is_reported_for_each_service_and_requests_nothing(harness: Harness) -> None:
    harness.world = replace(harness.world, roles=(role(reads=[GHCR], managed=False),))
    harness.validate(ASKED_FOR)
    assert commands(harness) == []
    reported = [each["remediation"] for each in harness.sent.details("Remediation Refused")]
    assert [(each["kind"], each["target"]) for each in reported] == [
        ("redeploy", arn_of("a")),
        ("redeploy", arn_of("b")),
    ]
    assert all("tag-role" in each["snippet"] for each in reported)


def test_a_redeployment_that_pullguard_may_not_make_is_reported(ledger: Ledger) -> None:
    here = Harness(ledger, world(running(controller="EXTERNAL")), rules=ON)
    here.validate(ASKED_FOR)
    assert commands(here) == []
    (reported,) = here.sent.details("Remediation Refused")
    assert reported["remediation"]["kind"] == "redeploy"
    assert "EXTERNAL" in reported["remediation"]["why"]
