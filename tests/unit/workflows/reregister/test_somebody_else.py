"""Other people's registrations, deployments and rollbacks are not hidden, reverted or repeated."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules
from pullguard.workflows.execute import WAITS_S
from tests.fakes import REGION, container, revision_arn, service, task_definition
from tests.flows import request
from tests.unit.workflows.reregister.scene import MOVING, NEW, SOURCE, STALE, SUCCESSOR, ReregisterHarness, SetUp

# --- Meanwhile ---

HUMAN: dict[str, Any] = {
    "taskDefinitionArn": str(SUCCESSOR),
    "revision": 8,
    "containerDefinitions": [container(NEW, image="x/web:2")],
}
LATE = revision_arn(revision=9)


@pytest.mark.parametrize("earlier_validations", [0, 1])
def test_a_revision_that_another_caller_registered_after_the_proof_is_not_hidden(
    set_up: SetUp, earlier_validations: int
) -> None:
    here = set_up(STALE)
    for _ in range(earlier_validations):
        here.expect_description()
    here.expect_description(**HUMAN)
    result = here.run()
    assert (result.registered, here.reported()) == (None, [])
    assert "web:8" in result.why
    assert here.requests() == [(str(SOURCE), WAITS_S[0])]


BETWEEN: dict[str, tuple[dict[str, Any], bool]] = {
    "somebody's": (HUMAN, True),
    "somebody's-that-is-deregistered": ({**HUMAN, "status": "INACTIVE"}, False),
    "there-is-none": ({}, False),
}


EARLIER: dict[str, dict[str, Any]] = {
    "deregistered": {"status": "INACTIVE"},
    "there-is-none": {},
}


@pytest.mark.parametrize("newer", EARLIER.values(), ids=EARLIER)
def test_a_revision_that_was_hidden_with_another_after_it_is_reported(set_up: SetUp, newer: dict[str, Any]) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(new=revision_arn(revision=10))
    here.expect_validation_of(
        "web:9", **({**HUMAN, "taskDefinitionArn": str(LATE), "revision": 9, **newer} if newer else {})
    )
    here.expect_validation_of("web:8", **HUMAN)
    assert here.run().registered == str(revision_arn(revision=10))
    assert here.reported() == ["Remediation Completed", "Remediation Failed"]
    assert "another caller registered web:8 at the same moment" in here.failure()["why"]


@pytest.mark.parametrize(("members", "hidden"), BETWEEN.values(), ids=BETWEEN)
def test_a_revision_that_was_hidden_in_the_last_moment_is_reported(
    set_up: SetUp, members: dict[str, Any], *, hidden: bool
) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(new=LATE)
    here.expect_validation_of("web:8", **members)
    assert here.run().registered == str(LATE)
    assert here.reported() == ["Remediation Completed", *(["Remediation Failed"] if hidden else [])]
    if hidden:
        assert "another caller registered web:8 at the same moment" in here.failure()["why"]
        assert f"deregister-task-definition --region {REGION} --task-definition {LATE}" in here.failure()["remedy"]


def test_no_service_is_moved_to_a_copy_that_hides_somebodys_revision(set_up: SetUp) -> None:
    late = task_definition(container(NEW), revision=9)
    usage = Usage(newest=False, successor=LATE, services=(service(),))
    here = set_up(
        replace(STALE, task_definitions=(*STALE.task_definitions, late), running=usage), rules=Rules(move_services=True)
    )
    here.harness.validate(request(LATE))
    here.harness.sent.events.clear()
    here.expect_validation_of("web:8", **HUMAN)
    assert here.run().moved == 0
    assert here.reported() == ["Remediation Failed"]


DEPLOYED: dict[str, dict[str, Any]] = {
    "another-revision": {"taskDefinition": str(LATE)},
    "a-deployment-of-another-revision-began": {"deployments": [{"status": "PRIMARY", "taskDefinition": str(LATE)}]},
    "it-is-gone": {"status": "INACTIVE"},
    "codedeploy-has-it-now": {"deploymentController": {"type": "CODE_DEPLOY"}},
}


@pytest.mark.parametrize("earlier_validations", [0, 1])
@pytest.mark.parametrize("members", DEPLOYED.values(), ids=DEPLOYED)
def test_a_service_that_was_deployed_meanwhile_is_not_moved_back(
    moving: ReregisterHarness, members: dict[str, Any], earlier_validations: int
) -> None:
    moving.expect_comparison()
    for _ in range(earlier_validations):
        moving.expect_service()
    moving.expect_service(**members)
    result = moving.run()
    assert (result.moved, moving.reported()) == (0, [])
    assert [arn for arn, _ in moving.requests()] == [str(SOURCE)]


# --- What was undone stays undone ---

UNDONE: dict[str, dict[str, Any]] = {
    "deregistered": {"taskDefinitionArn": str(SUCCESSOR), "status": "INACTIVE"},
    "about-to-be-deleted": {"taskDefinitionArn": str(SUCCESSOR), "status": "DELETE_IN_PROGRESS"},
    "deleted": {},
}


@pytest.mark.parametrize("members", UNDONE.values(), ids=UNDONE)
def test_a_revision_that_was_deregistered_is_not_registered_again(set_up: SetUp, members: dict[str, Any]) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(message_id="m-0")
    for number in range(1, 4):
        here.harness.later(hours=6)
        here.expect_validation_of(str(SUCCESSOR), **members)
        assert here.run(message_id=f"m-{number}").registered is None
    assert here.reported() == ["Remediation Completed", "Remediation Refused"]
    ((_, why),) = here.deeds("Remediation Refused")
    assert "web:8, which Pullguard registered in its place, is not active any more" in why


def test_a_registration_of_a_run_that_died_at_once_stays_undone_too(set_up: SetUp) -> None:
    here = set_up(STALE)
    here.expect_description()
    here.expect_registration(error="ServerException")  # and yet it took effect
    with pytest.raises(ClientError):
        here.run()
    here.harness.world = replace(MOVING, running=Usage(newest=False, successor=SUCCESSOR))
    here.run()
    here.harness.world = STALE
    here.harness.later(hours=6)
    here.expect_validation_of(str(SUCCESSOR))
    assert here.run(message_id="m-2").registered is None


def test_a_service_that_was_moved_back_stays_there(moving: ReregisterHarness) -> None:
    moving.expect_comparison()
    moving.expect_move()
    moving.run()
    for number in range(2, 4):
        moving.harness.later(hours=6)
        moving.expect_comparison()
        assert moving.run(message_id=f"m-{number}").moved == 0
    assert moving.reported() == ["Remediation Completed", "Remediation Refused"]
    ((target, why),) = moving.deeds("Remediation Refused")
    assert (target, "moved back" in why) == ("web", True)
