"""An action that was undone in a family is not repeated until an operator allows it."""

import pytest

from pullguard.store.ledger import Ledger
from tests.fakes import revision_arn, service

SOURCE, NEW, LATER = (revision_arn(revision=number) for number in (7, 8, 9))
SERVICE = service().service_arn


def test_a_registration_is_remembered_for_its_source_only(ledger: Ledger) -> None:
    ledger.keep_reregistered(SOURCE, NEW)
    assert [ledger.reregistered(each) for each in (SOURCE, NEW, revision_arn("api"))] == [NEW, None, None]
    ledger.keep_reregistered(SOURCE, LATER)
    assert ledger.reregistered(SOURCE) == LATER


def test_only_the_last_move_of_a_service_counts(ledger: Ledger) -> None:
    assert not ledger.was_moved(SERVICE, SOURCE, NEW)
    ledger.keep_move(SERVICE, SOURCE, NEW)
    assert ledger.was_moved(SERVICE, SOURCE, NEW)
    assert not ledger.was_moved(SERVICE, NEW, SOURCE)
    assert not ledger.was_moved(service("other").service_arn, SOURCE, NEW)
    ledger.keep_move(SERVICE, NEW, LATER)
    assert [ledger.was_moved(SERVICE, *each) for each in ((SOURCE, NEW), (NEW, LATER))] == [False, True]


@pytest.mark.parametrize("number", [0, 1])
def test_each_thing_that_was_done_can_be_let_again(ledger: Ledger, number: int) -> None:
    ledger.keep_reregistered(SOURCE, NEW)
    ledger.keep_move(SERVICE, SOURCE, NEW)
    done = (f"REREGISTERED#{SOURCE}", f"MOVED#{SERVICE}")
    assert (ledger.done_in("web"), ledger.done_in("api")) == (done, ())
    ledger.let_again("web", done[number])
    assert ledger.done_in("web") == (done[1 - number],)
    assert (ledger.reregistered(SOURCE) is None, ledger.was_moved(SERVICE, SOURCE, NEW)) == (number == 0, number == 0)
