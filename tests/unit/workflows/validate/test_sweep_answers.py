"""A validation answers the sweep that asked for it, and forgets task definitions that are gone."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.messages import LISTED, UNLISTED, FamilyRequest
from pullguard.domain.provenance import Provenance
from pullguard.domain.usage import Usage
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.validate import Validated
from tests.fakes import NOW, Crash, World, denied, revision_arn, role, service, task_definition
from tests.flows import ASKED_FOR, Harness, request
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


def answers(here: Harness) -> dict[str, tuple[str | None, Arn | None, bool]]:
    """What the sweep e-1 knows of the families that it asked for."""
    return {each.family: (each.answered, each.newest, each.certain) for each in here.definition_store.families("e-1")}


def ask_for_web(here: Harness) -> Validated:
    message = FamilyRequest(family="web", provenance=Provenance(kind=LISTED, event_id="e-1", at=NOW))
    here.definition_store.ask_family("web", "e-1", now=NOW)
    done = here.validator().run(message.to_json(), message_id="m-1", receives=1, receipt_handle="r-1")
    assert isinstance(done, Validated)
    return done


def test_a_family_is_answered_by_its_newest_revision(harness: SetUp) -> None:
    """``AwsReaders`` describes it once for both questions (tests/functions/test_sweep_costs.py)."""
    older = replace(task_definition(), arn=revision_arn("web", 6), revision=6)
    here = harness(replace(HEALTHY, task_definitions=(older, *HEALTHY.task_definitions)))
    done = ask_for_web(here)
    assert done == Validated(task_definition=str(revision_arn()), findings=0, told=0, asked=0, cause=LISTED)
    assert answers(here) == {"web": ("e-1", revision_arn(), True)}
    assert known(here) == {"web:7": (None, False)}
    described = [reference for kind, reference in here.world.asked if kind == "task-definition"]
    assert described == ["web", str(revision_arn())]


def test_the_newest_revision_of_a_family_is_reported_and_fixed_as_any_other(harness: SetUp) -> None:
    here = harness(BROKEN)
    ask_for_web(here)
    assert here.sent.reported() == ["Finding Opened"]
    (command,) = here.sent.bodies("grants.fifo")
    assert command["task_definition"] == str(revision_arn())


def test_a_family_that_is_gone_is_answered_and_not_certain(harness: SetUp) -> None:
    """The sweep has listed it a moment before."""
    here = harness(World())
    done = ask_for_web(here)
    assert done == Validated(task_definition="web", findings=0, told=0, asked=0, certain=False, cause=LISTED)
    assert answers(here) == {"web": ("e-1", None, False)}
    assert here.sent.events == []


def test_a_family_whose_newest_revision_cannot_be_read_is_not_certain(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {"web": denied("ecs:DescribeTaskDefinition")}
    assert not ask_for_web(here).certain
    assert answers(here) == {"web": ("e-1", None, False)}


def test_a_family_whose_role_cannot_be_read_is_not_certain(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {str(role().arn): denied()}
    ask_for_web(here)
    assert answers(here) == {"web": ("e-1", revision_arn(), False)}


def test_a_family_and_its_newest_revision_share_an_answer_in_a_batch(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.definition_store.ask_family("web", "e-1", now=NOW)
    validator = here.validator()
    validator.validate(ASKED_FOR, message_id="m-1")
    message = FamilyRequest(family="web", provenance=Provenance(kind=LISTED, event_id="e-1", at=NOW))
    validator.run(message.to_json(), message_id="m-2", receives=1, receipt_handle="r-2")
    assert len(here.sent.bodies("grants.fifo")) == 1
    assert answers(here) == {"web": ("e-1", revision_arn(), True)}


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
