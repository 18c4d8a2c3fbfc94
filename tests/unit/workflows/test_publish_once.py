"""An alert is published once: a short claim keeps two runs apart, a lasting mark keeps copies silent."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pullguard.alerts import Notice
from pullguard.aws.messaging import Topic
from pullguard.store.ledger import Ledger
from pullguard.workflows.publish_once import Alerted, BeingReported, Publisher
from tests.fakes import ACCOUNT, NOW, REGION, Crash, World
from tests.flows import Harness
from tests.unit.store.test_entries import record

NOTICE = Notice(
    kind="Finding Opened",
    account=ACCOUNT,
    region=REGION,
    findings=(record().finding,),
    opened_at=NOW,
)
CLAIM, CLAIM_S, WAITS = "alert x", 30, 6


@dataclass
class Mark:
    """Whether the alert is reported; ``after`` is how many questions it takes until another run has reported it."""

    after: int | None = None
    asked: int = 0
    set: bool = False
    waits: list[float] = field(default_factory=list)

    def is_reported(self) -> bool:
        self.asked += 1
        return self.set or (self.after is not None and self.asked > self.after)

    def reported(self) -> None:
        self.set = True


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World())


def publish(here: Harness, mark: Mark) -> Alerted:
    client: Any = here.sent
    publisher = Publisher(
        ledger=here.ledger, topic=Topic(client, "arn:topic"), form="text", now=here.now, pause=mark.waits.append
    )
    return publisher.once(NOTICE, CLAIM, is_reported=mark.is_reported, reported=mark.reported)


def test_an_alert_is_published_and_then_marked(harness: Harness) -> None:
    mark = Mark()
    assert publish(harness, mark) == Alerted(sent=True)
    assert (len(harness.sent.alerts), mark.set, mark.waits) == (1, True, [])


def test_an_alert_that_is_marked_is_not_published_and_not_even_claimed(harness: Harness) -> None:
    assert publish(harness, Mark(set=True)) == Alerted(sent=False, why="told before")
    assert harness.sent.alerts == []
    assert harness.ledger.claims.lock(CLAIM, CLAIM_S, now=harness.now())


def test_a_mark_that_comes_with_the_claim_keeps_the_alert_silent(harness: Harness) -> None:
    assert publish(harness, Mark(after=1)) == Alerted(sent=False, why="told before")
    assert harness.sent.alerts == []


@pytest.mark.parametrize("waits", [1, WAITS])
def test_a_run_waits_for_another_one_that_has_claimed_the_alert(harness: Harness, waits: int) -> None:
    harness.ledger.claims.lock(CLAIM, CLAIM_S, now=harness.now())
    mark = Mark(after=waits)
    assert publish(harness, mark) == Alerted(sent=False, why="told by another run")
    assert (mark.waits, harness.sent.alerts) == ([0.5] * waits, [])


def test_a_claim_that_comes_to_no_end_sends_the_message_back(harness: Harness) -> None:
    harness.ledger.claims.lock(CLAIM, CLAIM_S, now=harness.now())
    mark = Mark()
    with pytest.raises(BeingReported):
        publish(harness, mark)
    assert (mark.waits, harness.sent.alerts) == ([0.5] * WAITS, [])


def test_a_run_that_died_leaves_the_alert_to_the_next_once_its_claim_expires(harness: Harness) -> None:
    harness.sent.failing = ["publish"]
    mark = Mark()
    with pytest.raises(Crash):
        publish(harness, mark)
    assert not mark.set
    harness.later(seconds=CLAIM_S)
    assert publish(harness, mark).sent


def test_the_outcome_names_the_event_and_keeps_its_id() -> None:
    outcome = Alerted(sent=True, id="c")
    assert outcome.about("Finding Opened") == Alerted(sent=True, id="c", event="Finding Opened")
    assert outcome.about("Finding Opened", "d").id == "d"
