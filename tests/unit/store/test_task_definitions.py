"""The known task definitions, and how far the sweep over them has come."""

from dataclasses import replace

import pytest

from pullguard.domain.arn import Arn
from pullguard.store.ledger import Ledger
from pullguard.store.table import QUEUED_MAX_S, expiry_of
from pullguard.store.task_definitions import FIRST_PAGE, Known, KnownFamily, Sweep, TaskDefinitionStore
from tests.fakes import NOW, revision_arn

WEB, API = revision_arn("web"), revision_arn("api")
SWEEP = Sweep(id="s-1", began_at=NOW.isoformat())


@pytest.fixture
def store(ledger: Ledger) -> TaskDefinitionStore:
    return TaskDefinitionStore(ledger.entries._client, "ledger")


def remember(store: TaskDefinitionStore, each: Arn) -> None:
    """Do what the transaction does that stores its references."""
    store._client.update_item(**store.remembering(each))


def test_a_task_definition_is_known_until_it_is_forgotten(store: TaskDefinitionStore) -> None:
    remember(store, WEB)
    store.ask(API, "s-1")
    assert store.known() == (Known(task_definition=API, asked="s-1", check=0), Known(task_definition=WEB))
    store.forget(API)
    store.forget(API)
    assert store.known() == (Known(task_definition=WEB),)


@pytest.mark.parametrize("certain", [True, False])
def test_an_answer_is_kept_with_its_certainty(store: TaskDefinitionStore, certain: bool) -> None:
    store.ask(WEB, "s-1")
    store.answer(WEB, "s-1", certain=certain)
    assert store.known() == (Known(task_definition=WEB, asked="s-1", answered="s-1", certain=certain, check=0),)


def test_an_answer_to_an_earlier_sweep_or_about_a_forgotten_task_definition_is_dropped(
    store: TaskDefinitionStore,
) -> None:
    store.ask(WEB, "s-1")
    store.ask(WEB, "s-2")
    store.answer(WEB, "s-1", certain=True)
    store.answer(API, "s-1", certain=True)
    assert store.known() == (Known(task_definition=WEB, asked="s-2", check=0),)


def test_the_revisions_in_use_are_known(store: TaskDefinitionStore) -> None:
    store.use(WEB, "s-1")
    store.ask(WEB, "s-1", check=3)
    assert store.known() == (Known(task_definition=WEB, asked="s-1", used="s-1", check=3),)


def test_the_answer_about_a_family_names_its_newest_revision(store: TaskDefinitionStore) -> None:
    for family in ("api", "web"):
        store.ask_family(family, "s-1", now=NOW)
    store.answer_family("web", "s-1", WEB, certain=True)
    api, web = KnownFamily(family="api", asked="s-1"), KnownFamily(family="web", asked="s-1")
    assert store.families("s-1") == (api, replace(web, answered="s-1", certain=True, newest=WEB))
    assert store.families("s-0") == ()
    assert store.known() == ()
    store.answer_family("web", "s-1", None, certain=False)
    assert store.families("s-1") == (api, replace(web, answered="s-1"))


def test_an_answer_about_a_family_to_an_earlier_sweep_is_dropped(store: TaskDefinitionStore) -> None:
    for sweep in ("s-1", "s-2"):
        store.ask_family("web", sweep, now=NOW)
    for family in ("web", "never-asked-for"):
        store.answer_family(family, "s-1", WEB, certain=True)
    assert store.families("s-2") == (KnownFamily(family="web", asked="s-2"),)


def test_a_family_outlives_each_message_about_it(store: TaskDefinitionStore) -> None:
    store.ask_family("web", "s-1", now=NOW)
    (item,) = store._items("KNOWN", "FAMILY#")
    assert expiry_of(item) == NOW.timestamp() + QUEUED_MAX_S


def test_the_siblings_of_a_revision_are_the_known_others_of_its_family(store: TaskDefinitionStore) -> None:
    for each in (WEB, revision_arn("web", 8), revision_arn("web-2", 7), API):
        remember(store, each)
    assert store.siblings(WEB) == (revision_arn("web", 8),)
    assert store.siblings(revision_arn("web", 9)) == (WEB, revision_arn("web", 8))


def test_a_sweep_is_saved_unless_another_took_its_place(store: TaskDefinitionStore) -> None:
    assert store.sweep() is None
    assert not store.save(SWEEP)
    store.begin(SWEEP)
    second_page = SWEEP.turned("page-2")
    assert store.save(second_page)
    assert store.sweep() == second_page
    store.begin(replace(SWEEP, id="s-2"))
    assert not store.save(second_page)
    assert store.sweep() == replace(SWEEP, id="s-2")


def test_a_sweep_turns_page_by_page_until_all_are_listed() -> None:
    pages = [(SWEEP.due, SWEEP.last, SWEEP.listed)]
    sweep = SWEEP
    for following in ("page-2", None):
        sweep = sweep.turned(following)
        pages.append((sweep.due, sweep.last, sweep.listed))
    assert pages == [(FIRST_PAGE, None, False), ("page-2", FIRST_PAGE, False), (None, "page-2", True)]


def test_the_last_complete_sweep_is_kept(store: TaskDefinitionStore) -> None:
    assert store.complete() is None
    for each in (SWEEP, replace(SWEEP, id="s-2")):
        store.save_complete(each, now=NOW)
    assert store.complete() == {"sweep": "s-2", "ended_at": NOW.isoformat()}


def test_the_state_of_the_sweep_is_the_last_one(store: TaskDefinitionStore) -> None:
    store.save_sweep_state({"sweep": "1"})
    store.save_sweep_state({"sweep": "2"})
    assert store.sweep_state() == {"sweep": "2"}
