"""An alert is published once: a short claim keeps two runs apart, a lasting mark keeps copies silent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pytest

from pullguard.alerts import Notice
from pullguard.aws.messaging import Topic
from pullguard.domain.remediation import Deed
from pullguard.incidents import Dependent
from pullguard.incidents.alert_limits import STACK, UNUSED, AlertLimits
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import SentAlertStore
from pullguard.store.table import Puts
from pullguard.workflows.publish_once import Alerted, BeingReported, Publisher
from tests.fakes import ACCOUNT, NOW, REGION, Crash, Sent, revision_arn, service
from tests.flows import NO_LIMITS
from tests.unit.store.test_entries import record

NOTICE = Notice(
    kind="Finding Opened",
    account=ACCOUNT,
    region=REGION,
    findings=(record().finding,),
    opened_at=NOW,
)
WAITS = 6
Publish: TypeAlias = Callable[..., Alerted]


@dataclass
class Mark:
    """Whether the alert is claimed or reported; another run reports it after it was asked ``after`` times."""

    name: str = "x"
    after: int | None = None
    asked: int = 0
    claimed: bool = False
    set: bool = False
    waits: list[float] = field(default_factory=list)
    write: Callable[[Mapping[str, Any]], bool] = lambda _: True
    held: list[str] = field(default_factory=list)

    def claim(self, also: Puts) -> bool:
        if self.claimed or self.set or any(not self.write(each) for each in also):
            return False
        self.claimed = True
        return True

    def is_reported(self) -> bool:
        self.asked += 1
        return self.set or (self.after is not None and self.asked > self.after)

    def reported(self) -> None:
        self.set = True

    def hold(self, limit: str) -> bool:
        self.held.append(limit)
        return not self.claimed and not self.set


def publisher_to(sent: Sent, ledger: Ledger, pause: Callable[[float], None], limits: AlertLimits) -> Publisher:
    client: Any = sent
    return Publisher(
        topic=Topic(client, "arn:topic"),
        form="text",
        claims=ledger.claims,
        sent_alerts=SentAlertStore(ledger.entries._client, "ledger"),
        limits=limits,
        now=lambda: NOW,
        pause=pause,
    )


def publish_with(publisher: Publisher, mark: Mark, notice: Notice = NOTICE) -> Alerted:
    mark.write = publisher.sent_alerts._write
    return publisher.once(
        notice,
        f"alert {mark.name}",
        claim=mark.claim,
        is_reported=mark.is_reported,
        reported=mark.reported,
        hold=mark.hold,
    )


@pytest.fixture
def publish(ledger: Ledger) -> Publish:
    def run(sent: Sent, mark: Mark, notice: Notice = NOTICE, limits: AlertLimits = NO_LIMITS) -> Alerted:
        return publish_with(publisher_to(sent, ledger, mark.waits.append, limits), mark, notice)

    return run


def test_an_alert_is_published_and_then_marked(publish: Publish) -> None:
    sent, mark = Sent(), Mark()
    assert publish(sent, mark) == Alerted(sent=True)
    assert (len(sent.alerts), mark.set, mark.waits, mark.asked) == (1, True, [], 0)


def test_an_alert_that_is_marked_is_not_published(publish: Publish) -> None:
    sent, mark = Sent(), Mark(set=True)
    assert publish(sent, mark) == Alerted(sent=False, why="published before")
    assert (sent.alerts, mark.waits) == ([], [])


@pytest.mark.parametrize("waits", [1, WAITS])
def test_a_run_waits_for_another_one_that_has_claimed_the_alert(publish: Publish, waits: int) -> None:
    sent, mark = Sent(), Mark(claimed=True, after=waits)
    assert publish(sent, mark) == Alerted(sent=False, why="published by another run")
    assert (mark.waits, sent.alerts) == ([0.5] * waits, [])


def test_a_claim_that_comes_to_no_end_sends_the_message_back(publish: Publish) -> None:
    sent, mark = Sent(), Mark(claimed=True)
    with pytest.raises(BeingReported):
        publish(sent, mark)
    assert (mark.waits, sent.alerts) == ([0.5] * WAITS, [])


def test_a_batch_waits_once_for_an_alert_that_comes_to_no_end(ledger: Ledger) -> None:
    sent, waits, batch = Sent(), list[float](), list[int]()
    publisher = publisher_to(sent, ledger, waits.append, NO_LIMITS)
    for name in ("x", "x", "y", "x"):
        with pytest.raises(BeingReported):
            publish_with(publisher, Mark(name=name, claimed=True))
        batch.append(len(waits))
    assert batch == [WAITS, WAITS, 2 * WAITS, 2 * WAITS]
    assert publish_with(publisher, Mark(name="x", set=True)).why == "published before"


def test_a_run_that_fails_to_publish_leaves_the_alert_claimed_and_unmarked(publish: Publish) -> None:
    sent, mark = Sent(), Mark()
    sent.failing = ["publish"]
    with pytest.raises(Crash):
        publish(sent, mark)
    assert (mark.claimed, mark.set) == (True, False)


def test_the_outcome_names_the_event_and_keeps_its_id() -> None:
    outcome = Alerted(sent=True, id="c")
    assert outcome.about("Finding Opened") == Alerted(sent=True, id="c", event="Finding Opened")
    assert outcome.about("Finding Opened", "d").id == "d"


# --- Limits ------------------------------------------------------------------------------------------------------

SHOP = replace(NOTICE.findings[0], task_definition=str(revision_arn("shop")))


def about(family: str, *services: str) -> Notice:
    arn = str(revision_arn(family))
    dependents = tuple(Dependent(arn=service(each).service_arn, task_definition=arn) for each in services)
    return replace(NOTICE, findings=(replace(SHOP, task_definition=arn),), dependents=dependents)


def of_a_write(kind: Any, family: str = "web") -> Notice:
    deed = Deed(kind="grant", what="grant access", task_definition=str(revision_arn(family)), target="role")
    return Notice(kind=kind, account=ACCOUNT, region=REGION, deed=deed)


SHARED = replace(NOTICE, dependents=(*about("web", "web").dependents, *about("shop", "shop").dependents))
# Alerts that were sent before, the next one, and the limit that it exceeds.
FULL: dict[str, tuple[list[Notice], Notice, AlertLimits, str]] = {
    "one-family": ([about("web")], about("web"), AlertLimits(family=1), "web"),
    "its-end": ([about("web")], replace(about("web"), kind="Finding Resolved"), AlertLimits(family=1), "web"),
    "a-refusal": ([about("web")], of_a_write("Remediation Refused"), AlertLimits(family=1), "web"),
    "a-plan": ([of_a_write("Remediation Planned")], about("web"), AlertLimits(family=1), "web"),
    "another-family": ([about("web")], about("shop"), AlertLimits(family=1), ""),
    "several-families": ([about("web")], SHARED, AlertLimits(family=1), ""),
    "a-write": ([about("web")], of_a_write("Remediation Completed"), AlertLimits(family=1), ""),
    "after-a-failed-write": ([of_a_write("Remediation Failed")], about("web"), AlertLimits(family=1), ""),
    "a-write-in-a-full-stack": (
        [about("web", "web")],
        of_a_write("Remediation Completed"),
        AlertLimits(stack=1),
        STACK,
    ),
    "several-in-a-full-stack": ([about("web", "web")], SHARED, AlertLimits(stack=1), STACK),
    "no-service": ([about("web")], about("shop"), AlertLimits(stack=2), UNUSED),
    "a-service": ([about("web")], about("shop", "shop"), AlertLimits(stack=2), ""),
    "a-write-beside-what-nothing-runs": (
        [about("web")],
        of_a_write("Remediation Failed"),
        AlertLimits(stack=2),
        "",
    ),
}


@pytest.mark.parametrize(("before", "notice", "limits", "limit"), FULL.values(), ids=FULL)
def test_an_alert_above_a_limit_is_held_back(
    publish: Publish, before: list[Notice], notice: Notice, limits: AlertLimits, limit: str
) -> None:
    sent, mark = Sent(), Mark()
    for number, each in enumerate(before):
        assert publish(sent, Mark(name=f"{number}"), each, limits).sent
    result = publish(sent, mark, notice, limits)
    assert (result.sent, result.held, mark.held) == (not limit, limit, [limit] if limit else [])
    assert result.measures == ({"AlertsHeldBack": 1} if limit else {})
    assert len(sent.alerts) == len(before) + (not limit)


def test_an_alert_that_another_run_has_sent_is_not_held_back(publish: Publish) -> None:
    limits = AlertLimits(family=1)
    publish(Sent(), Mark(), about("web"), limits)
    sent, mark = Sent(), Mark(name="y", set=True)
    assert publish(sent, mark, about("web"), limits) == Alerted(sent=False, why="published before")


def test_a_retry_of_an_alert_that_was_counted_is_sent(publish: Publish) -> None:
    limits, sent = AlertLimits(family=1), Sent()
    sent.failing = ["publish"]
    with pytest.raises(Crash):
        publish(sent, Mark(), about("web"), limits)
    assert publish(sent, Mark(), about("web"), limits).sent
