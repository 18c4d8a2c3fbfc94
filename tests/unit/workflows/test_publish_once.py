"""An alert is published once: a short claim keeps two runs apart, a lasting mark keeps copies silent."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pullguard.alerts import Notice
from pullguard.aws.messaging import Topic
from pullguard.workflows.publish_once import Alerted, BeingReported, Publisher
from tests.fakes import ACCOUNT, NOW, REGION, Crash, Sent
from tests.unit.store.test_entries import record

NOTICE = Notice(
    kind="Finding Opened",
    account=ACCOUNT,
    region=REGION,
    findings=(record().finding,),
    opened_at=NOW,
)
WAITS = 6


@dataclass
class Mark:
    """Whether the alert is claimed or reported; another run reports it after it was asked ``after`` times."""

    after: int | None = None
    asked: int = 0
    claimed: bool = False
    set: bool = False
    waits: list[float] = field(default_factory=list)

    def claim(self) -> bool:
        if self.claimed or self.set:
            return False
        self.claimed = True
        return True

    def is_reported(self) -> bool:
        self.asked += 1
        return self.set or (self.after is not None and self.asked > self.after)

    def reported(self) -> None:
        self.set = True


def publish(sent: Sent, mark: Mark) -> Alerted:
    client: Any = sent
    publisher = Publisher(topic=Topic(client, "arn:topic"), form="text", pause=mark.waits.append)
    return publisher.once(NOTICE, "alert x", claim=mark.claim, is_reported=mark.is_reported, reported=mark.reported)


def test_an_alert_is_published_and_then_marked() -> None:
    sent, mark = Sent(), Mark()
    assert publish(sent, mark) == Alerted(sent=True)
    assert (len(sent.alerts), mark.set, mark.waits, mark.asked) == (1, True, [], 0)


def test_an_alert_that_is_marked_is_not_published() -> None:
    sent, mark = Sent(), Mark(set=True)
    assert publish(sent, mark) == Alerted(sent=False, why="published before")
    assert (sent.alerts, mark.waits) == ([], [])


@pytest.mark.parametrize("waits", [1, WAITS])
def test_a_run_waits_for_another_one_that_has_claimed_the_alert(waits: int) -> None:
    sent, mark = Sent(), Mark(claimed=True, after=waits)
    assert publish(sent, mark) == Alerted(sent=False, why="published by another run")
    assert (mark.waits, sent.alerts) == ([0.5] * waits, [])


def test_a_claim_that_comes_to_no_end_sends_the_message_back() -> None:
    sent, mark = Sent(), Mark(claimed=True)
    with pytest.raises(BeingReported):
        publish(sent, mark)
    assert (mark.waits, sent.alerts) == ([0.5] * WAITS, [])


def test_a_run_that_fails_to_publish_leaves_the_alert_claimed_and_unmarked() -> None:
    sent, mark = Sent(), Mark()
    sent.failing = ["publish"]
    with pytest.raises(Crash):
        publish(sent, mark)
    assert (mark.claimed, mark.set) == (True, False)


def test_the_outcome_names_the_event_and_keeps_its_id() -> None:
    outcome = Alerted(sent=True, id="c")
    assert outcome.about("Finding Opened") == Alerted(sent=True, id="c", event="Finding Opened")
    assert outcome.about("Finding Opened", "d").id == "d"
