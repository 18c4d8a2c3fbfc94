"""A sweep is complete once everything that it asked for is answered with certainty."""

from dataclasses import replace

import pytest

from pullguard.domain.arn import Arn
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import Known, KnownFamily, Sweep
from pullguard.workflows.settle import SECRETS_PER_ROLE, WAITS_S, Progress, Settler, remaining
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


def test_families_count_as_revisions_do(harness: Harness) -> None:
    for family in ("a", "b", "c"):
        harness.definition_store.ask_family(family, SWEEP.id, now=NOW)
    harness.definition_store.ask_family("d", "s-0", now=NOW)
    answer(harness, WEB, API, JOB)
    harness.definition_store.answer_family("a", SWEEP.id, WEB, certain=True)
    harness.definition_store.answer_family("b", SWEEP.id, None, certain=False)
    progress = check(harness)
    assert (progress.asked, progress.answered, progress.uncertain, progress.missing) == (6, 5, 1, ("c", "b"))
    assert not progress.complete
    for family in ("b", "c"):
        harness.definition_store.answer_family(family, SWEEP.id, None, certain=True)
    assert check(harness, 1).complete


OLD, NEW = revision_arn("web", 6), revision_arn("web", 7)
OPEN = KnownFamily(family="web", asked="s-1")
ANSWERED = KnownFamily(family="web", asked="s-1", answered="s-1", newest=NEW)
REMAINING: dict[str, tuple[Known, tuple[KnownFamily, ...], int, bool]] = {
    "of-a-family-that-is-not-listed": (Known(task_definition=OLD), (), 0, True),
    "of-a-family-without-an-answer": (Known(task_definition=OLD), (OPEN,), 0, False),
    "of-a-family-that-answered-an-earlier-sweep": (
        Known(task_definition=OLD),
        (replace(ANSWERED, answered="s-0"),),
        0,
        False,
    ),
    "of-a-family-without-an-answer-at-last": (Known(task_definition=OLD), (OPEN,), LAST, True),
    "older-than-the-newest": (Known(task_definition=OLD), (ANSWERED,), 0, True),
    "the-newest": (Known(task_definition=NEW), (ANSWERED,), 0, False),
    "the-newest-that-is-in-use": (Known(task_definition=NEW, used="s-1"), (ANSWERED,), 0, False),
    "newer-than-the-newest": (Known(task_definition=NEW), (replace(ANSWERED, newest=OLD),), 0, True),
    "of-a-family-that-is-gone": (Known(task_definition=NEW), (replace(ANSWERED, newest=None),), 0, True),
    "of-another-family": (Known(task_definition=API), (OPEN,), 0, True),
    "asked-for-by-an-earlier-sweep": (Known(task_definition=OLD, asked="s-0", check=0), (ANSWERED,), 0, True),
    "asked-for-by-an-earlier-check": (Known(task_definition=OLD, asked="s-1", check=0), (ANSWERED,), 1, False),
    "asked-for-by-this-check": (Known(task_definition=OLD, asked="s-1", check=1), (ANSWERED,), 1, True),
    "asked-for-by-this-check-and-answered": (
        Known(task_definition=OLD, asked="s-1", answered="s-1", check=1),
        (ANSWERED,),
        1,
        False,
    ),
    "asked-for-by-an-earlier-version": (Known(task_definition=OLD, asked="s-1"), (ANSWERED,), 0, False),
}


@pytest.mark.parametrize(("known", "families", "number", "asks"), REMAINING.values(), ids=REMAINING)
def test_the_revisions_that_are_still_to_be_asked_for(
    known: Known, families: tuple[KnownFamily, ...], number: int, asks: bool
) -> None:
    assert list(remaining([known], families, "s-1", number)) == [known] * asks
