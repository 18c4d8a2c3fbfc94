"""A validation answers the sweep that asked for it, and forgets task definitions that are gone."""

from typing import Any

import pytest

from pullguard.domain.messages import LISTED, UNLISTED
from pullguard.domain.usage import Usage
from pullguard.store.task_definitions import TaskDefinitionStore
from tests.fakes import Crash, World, denied, revision_arn, role, service
from tests.flows import ASKED_FOR, request
from tests.unit.workflows.validate.scene import BROKEN, GHCR, HEALTHY, SetUp, known, world


def test_only_the_validation_for_a_sweep_answers_it(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate()
    assert known(here) == {"web:7": (None, False)}
    here.validate(request(kind=LISTED))
    assert known(here) == {"web:7": ("e-1", True)}


def test_a_crash_answers_nothing(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.definition_store.ask(revision_arn(), "e-1")
    here.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.validate(request(kind=LISTED))
    assert known(here) == {"web:7": (None, False)}


def test_each_validation_of_a_batch_answers_its_own_sweep(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.definition_store.ask(revision_arn(), "e-1")
    validator = here.validator()
    validator.validate(ASKED_FOR, message_id="m-1")
    validator.validate(request(kind=LISTED), message_id="m-2")
    assert known(here) == {"web:7": ("e-1", True)}


UNCERTAIN: dict[str, dict[str, Any]] = {
    "the-task-definition": {"task-definition": denied()},
    "the-role": {str(role().arn): denied()},
    "the-secret": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
    "where-it-runs": {"usage": denied("ecs:ListServices")},
}


@pytest.mark.parametrize("unreadable", UNCERTAIN.values(), ids=UNCERTAIN)
def test_an_answer_that_could_not_read_everything_is_not_certain(harness: SetUp, unreadable: dict[str, Any]) -> None:
    here = harness(BROKEN)
    here.world.unreadable = unreadable
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate(request(kind=UNLISTED))
    assert known(here) == {"web:7": ("e-1", False)}


@pytest.mark.parametrize("world_after", [HEALTHY, World()], ids=["an-old-revision", "deregistered-and-deleted"])
def test_a_revision_that_is_not_listed_and_runs_nowhere_is_forgotten(harness: SetUp, world_after: World) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = world(world_after, running=Usage(newest=False))
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate(request(kind=UNLISTED))
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]
    assert here.ledger.entries.dependents(str(GHCR.arn)) == ()
    assert known(here) == {}
    assert not here.ledger.entries.get(revision_arn()).seen


def test_a_running_revision_that_no_page_listed_is_kept(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.running = Usage(newest=False, services=(service(),))
    here.validate(request(kind=UNLISTED))
    assert here.ledger.entries.dependents(str(GHCR.arn)) == (revision_arn(),)
    assert list(known(here)) == ["web:7"]


def test_a_run_that_could_not_read_its_services_forgets_nothing(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.unreadable = {"usage": denied("ecs:ListServices")}
    here.validate(request(kind=UNLISTED))
    assert here.ledger.entries.dependents(str(GHCR.arn)) == (revision_arn(),)


def test_forgetting_that_dies_half_way_is_asked_for_again(harness: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.running = Usage(newest=False)
    with monkeypatch.context() as patched:
        patched.setattr(TaskDefinitionStore, "forget", crash)
        with pytest.raises(Crash):
            here.validate(request(kind=UNLISTED))
    assert list(known(here)) == ["web:7"]
    here.validate(request(kind=UNLISTED))
    assert known(here) == {}


def crash(*_: object) -> None:
    raise Crash("forget")
