"""How a rotation ended, reported until the next one succeeds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.secret import Rotation, RotationEnd
from pullguard.domain.usage import Usage
from pullguard.store.rotations import RotationStore
from tests.fakes import NOW, World, container, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.validate.scene import KEYED, SetUp

ROTATED = secret(rotation=Rotation(enabled=True, interval_days=30, last_rotated_at=NOW - timedelta(days=2)))
ROTATING = World((task_definition(container(ROTATED)),), (role(reads=[ROTATED]),), (ROTATED,))
FAILED = RotationEnd(outcome="failed", at=NOW - timedelta(minutes=1), step="setSecret")


def evidence_of(here: Harness) -> str:
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["check"] == "secret-rotation-failed"
    return str(detail["finding"]["evidence"])


@pytest.mark.parametrize("outcome", ["failed", "abandoned", "test-failed"])
def test_a_rotation_that_failed_is_reported_with_the_services_at_risk(harness: SetUp, outcome: Any) -> None:
    running = replace(service(), desired_count=2, running_count=2)
    here = harness(replace(ROTATING, running=Usage(newest=True, services=(running, service("other")))))
    here.ledger.rotations.keep(ROTATED.arn, replace(FAILED, outcome=outcome))
    here.validate(request(kind="RotationFailed"))
    evidence = evidence_of(here)
    assert "in the setSecret step of its function" in evidence
    assert "service web (2 running) pulls when it is next deployed or scaled out, or a task is replaced" in evidence
    assert "service other pulls when it is scaled out from 0" in evidence


ENDED_WELL = {
    "the next one succeeded": RotationEnd(outcome="succeeded", at=NOW),
    "it failed before the last that succeeded": replace(FAILED, at=NOW - timedelta(days=3)),
}


@pytest.mark.parametrize("end", ENDED_WELL.values(), ids=ENDED_WELL)
def test_a_rotation_that_ended_well_is_not_reported(harness: SetUp, end: RotationEnd) -> None:
    here = harness(ROTATING)
    here.ledger.rotations.keep(ROTATED.arn, end)
    assert here.validate(request(kind="RotationSucceeded")).findings == 0


def test_a_rotation_that_failed_is_resolved_by_the_next_one_and_by_nothing_before_it(harness: SetUp) -> None:
    here = harness(ROTATING)
    here.ledger.rotations.keep(ROTATED.arn, FAILED)
    here.validate(request(kind="RotationFailed"))
    here.validate(request(kind="Sweep"))
    assert here.sent.reported() == ["Finding Opened"]
    here.ledger.rotations.keep(ROTATED.arn, RotationEnd(outcome="succeeded", at=NOW))
    here.validate(request(kind="RotationSucceeded"))
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]


def test_how_a_rotation_ended_is_asked_once_in_a_batch_and_only_of_secrets_that_rotate(
    harness: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, asked = harness(ROTATING), list[Arn]()
    monkeypatch.setattr(RotationStore, "end", lambda _, secret: asked.append(secret))
    twin = task_definition(container(ROTATED), family="twin")
    still = task_definition(container(KEYED), family="still")
    here.world = replace(ROTATING, task_definitions=(*ROTATING.task_definitions, twin, still), secrets=(ROTATED, KEYED))
    validator = here.validator()
    for arn in (revision_arn(), twin.arn, still.arn):
        validator.validate(request(arn), message_id=str(arn))
    assert asked == [ROTATED.arn]
