"""A sweep is complete once everything that it asked for is answered with certainty."""

from dataclasses import replace

import pytest

from pullguard.domain.arn import Arn
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.settle import SECRETS_PER_ROLE, WAITS_S, Progress, Settler
from tests.fakes import NOW, World, revision_arn, role_arn, secret
from tests.flows import Harness
from tests.unit.workflows.granted_role import keep, recorded

SWEEP = Sweep(id="s-1", began_at=NOW.isoformat(), due=None)
WEB, API, JOB = (revision_arn(family) for family in ("web", "api", "job"))
LAST = len(WAITS_S) - 1


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    """A sweep that has asked for three task definitions, and a role with one grant that nothing needs."""
    here = Harness(ledger, World())
    here.definition_store.begin(SWEEP)
    for each in (WEB, API, JOB):
        here.definition_store.ask(each, SWEEP.id)
    keep(ledger, *recorded(secret()))
    return here


def answer(here: Harness, *arns: Arn, certain: bool = True) -> None:
    for each in arns:
        here.definition_store.answer(each, SWEEP.id, certain=certain)


def check(here: Harness, number: int = 0, sweep: Sweep = SWEEP) -> Progress:
    settler = Settler(definition_store=here.definition_store, granted=here.granted_roles(), now=here.now)
    return settler.check(sweep, number)


def state(here: Harness) -> tuple[str | None, bool, bool]:
    """The end of the sweep, whether it counts as complete, and whether a review of the role is asked for."""
    sweep = here.definition_store.sweep()
    assert sweep is not None
    reviews = [each["role"] for each in here.sent.bodies("grants.fifo")]
    return sweep.end, here.definition_store.complete() is not None, str(role_arn()) in reviews


@pytest.mark.parametrize("number", range(LAST))
def test_an_open_answer_is_waited_for_longer_and_longer(harness: Harness, number: int) -> None:
    answer(harness, WEB)
    assert check(harness, number) == Progress(
        asked=3, answered=1, uncertain=0, missing=(str(API), str(JOB)), waits_s=WAITS_S[number + 1]
    )
    assert state(harness) == (None, False, False)


def test_a_sweep_whose_answers_are_all_certain_is_complete(harness: Harness) -> None:
    answer(harness, WEB, API, JOB)
    progress = check(harness)
    assert progress == Progress(asked=3, answered=3, uncertain=0, secrets_per_role_max=1)
    assert progress.complete
    assert state(harness) == ("complete", True, True)
    assert harness.sent.bodies("grants.fifo")[0]["role"] == str(role_arn())


def test_an_uncertain_answer_ends_the_sweep_as_incomplete(harness: Harness) -> None:
    answer(harness, WEB, API)
    answer(harness, JOB, certain=False)
    progress = check(harness)
    assert (progress.uncertain, progress.missing, progress.waits_s) == (1, (str(JOB),), None)
    assert not progress.complete
    assert state(harness) == ("incomplete", False, True)


def test_after_the_last_check_an_open_answer_ends_the_sweep_as_incomplete(harness: Harness) -> None:
    answer(harness, WEB, API)
    assert check(harness, LAST).waits_s is None
    assert state(harness) == ("incomplete", False, True)


def test_a_sweep_that_has_ended_is_judged_no_more_and_its_reviews_are_asked_for_again(harness: Harness) -> None:
    answer(harness, WEB, API, JOB)
    check(harness)
    harness.definition_store.ask(revision_arn("late"), SWEEP.id)
    check(harness, 1, replace(SWEEP, end="complete"))
    assert state(harness) == ("complete", True, True)
    one, two = harness.sent.messages
    assert one == two


def test_a_sweep_that_another_has_replaced_never_counts_as_complete(harness: Harness) -> None:
    answer(harness, WEB, API, JOB)
    harness.definition_store.begin(replace(SWEEP, id="s-2"))
    check(harness)
    assert harness.definition_store.complete() is None


@pytest.mark.parametrize(
    ("most", "named"), [(None, set()), (3, {SECRETS_PER_ROLE})], ids=["before-the-end", "at-the-end"]
)
def test_the_metrics_of_a_sweep(most: int | None, named: set[str]) -> None:
    measures = Progress(asked=3, answered=2, uncertain=1, secrets_per_role_max=most).measures
    assert {name: measures[name] for name in ("SweepAsked", "SweepAnswered", "SweepUncertain")} == {
        "SweepAsked": 3,
        "SweepAnswered": 2,
        "SweepUncertain": 1,
    }
    assert set(measures) - {"SweepAsked", "SweepAnswered", "SweepUncertain"} == named
