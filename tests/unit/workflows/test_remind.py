"""Each hour people are reminded of incidents that are still open and due."""

from collections import Counter
from typing import Any

import pytest

from pullguard.aws.deadline import Deadline
from pullguard.domain.errors import NotNow
from pullguard.incidents import Member
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.workflows.publish_once import CLAIM_S
from pullguard.workflows.recheck_open import Recheck
from pullguard.workflows.remind import Reminded
from tests.fakes import Crash, World, container, role, secret, task_definition
from tests.flows import Harness
from tests.unit.workflows.incident_scene import HOURLY, SECRET, all_working, deliver, subjects, validate, world


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return all_working(ledger)


def remind(here: Harness) -> Reminded:
    result = here.alerter().handle(HOURLY)
    assert isinstance(result, Reminded)
    return result


def broken(here: Harness, *families: str) -> None:
    here.world = world(broken=True)
    validate(here, *families)
    deliver(here)


def test_people_are_reminded_of_what_is_still_broken_each_time_that_it_is_due(harness: Harness) -> None:
    broken(harness, "f0", "f1")
    reminded = []
    for _ in range(50):
        harness.later(hours=1)
        reminded.append(remind(harness).reminded)
    assert [hour for hour, count in enumerate(reminded, start=1) if count] == [24, 48]
    assert subjects(harness)[1].startswith("[Pullguard] reminder, error: 2 services cannot pull: secret ")
    assert "(open for 1 d)" in harness.sent.alerts[1]["Message"]
    assert "reference it" not in harness.sent.alerts[1]["Message"]


def test_no_reminder_is_sent_of_a_resolved_incident(harness: Harness) -> None:
    broken(harness, "f0")
    harness.world = world(broken=False)
    validate(harness, "f0")
    deliver(harness)
    harness.later(days=2)
    assert remind(harness) == Reminded()
    assert len(harness.sent.alerts) == 2


def test_a_warning_is_reminded_of_once_a_week(ledger: Ledger) -> None:
    by_name = task_definition(container("registry/ghcr"))
    here = Harness(ledger, World((by_name,), (role(reads=[SECRET]),), (SECRET,)))
    here.validate()
    deliver(here)
    assert "warning" in subjects(here)[0]
    reminded = []
    for _ in range(15):
        here.later(days=1)
        reminded.append(remind(here).reminded)
    assert [day for day, count in enumerate(reminded, start=1) if count] == [7, 14]


def test_reminders_can_be_switched_off(harness: Harness) -> None:
    harness.reminder_every = None
    broken(harness, "f0")
    harness.later(days=30)
    assert remind(harness) == Reminded(open=1)


def test_two_copies_of_the_hour_are_one_reminder(harness: Harness) -> None:
    broken(harness, "f0")
    harness.later(hours=24)
    assert [remind(harness).reminded for _ in range(3)] == [1, 0, 0]


def test_a_reminder_that_could_not_be_sent_is_sent_the_next_time(harness: Harness) -> None:
    broken(harness, "f0")
    harness.later(hours=24)
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        remind(harness)
    harness.later(minutes=3)
    assert remind(harness).reminded == 1


def test_two_runs_at_once_send_one_reminder(harness: Harness) -> None:
    broken(harness, "f0")
    harness.later(days=1)
    claim, others = IncidentStore.claim, list[Reminded]()

    def other_run_then_claim(self: IncidentStore, *args: Any, **kwargs: Any) -> bool:
        if not others:
            others.append(Reminded())
            others.append(remind(harness))
        return claim(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(IncidentStore, "claim", other_run_then_claim)
        own = remind(harness)
    assert (others[1].reminded, own.reminded) == (1, 0)
    assert len(harness.sent.alerts) == 2


def test_a_reminder_that_another_run_has_claimed_is_not_sent_beside_it(harness: Harness) -> None:
    broken(harness, "f0")
    harness.later(days=1)
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        remind(harness)
    assert remind(harness).reminded == 0
    harness.later(seconds=CLAIM_S)
    assert remind(harness).reminded == 1


def test_the_hourly_run_reports_the_unreported_incidents(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0")
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(harness)
    harness.later(hours=1)
    assert remind(harness) == Reminded(open=1, told=1)
    assert len(harness.sent.alerts) == 1


# --- Many incidents ----------------------------------------------------------------------------------------------

OTHERS = tuple(f"g{number}" for number in range(6))


def break_each(here: Harness, *families: str) -> None:
    """Let each family name a missing secret of its own: an incident each."""
    definitions = [task_definition(container(secret(f"registry/{each}")), family=each) for each in families]
    here.world = World(tuple(definitions), (role(),), ())
    validate(here, *families)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The incidents whose members were read, each within a second of an invocation of six seconds."""
    ids = list[str]()
    members = IncidentStore.members

    def recorded(self: IncidentStore, incident_id: str) -> tuple[Member, ...]:
        ids.append(incident_id)
        return members(self, incident_id)

    monkeypatch.setattr(IncidentStore, "members", recorded)
    return ids


def remind_in_six_seconds(here: Harness, checked: list[str]) -> Reminded:
    checked.clear()
    with Deadline(6, clock=lambda: float(len(checked))).applied():
        return remind(here)


def test_an_incident_that_is_not_due_costs_one_query(harness: Harness) -> None:
    client: Any = harness.ledger.entries._client
    calls = Counter[str]()
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.update([model.name]))
    spent = []
    for families in (OTHERS[:2], OTHERS[2:]):
        break_each(harness, *families)
        deliver(harness)
        calls.clear()
        assert remind(harness).told == 0
        spent.append(Counter(calls))
    assert spent[1] - spent[0] == {"Query": 4}
    assert set(spent[1]) == {"Query"}


def test_with_little_time_other_incidents_are_checked_in_each_run(harness: Harness, checked: list[str]) -> None:
    break_each(harness, *OTHERS)
    deliver(harness)
    seen = set[str]()
    for _ in range(4):
        harness.later(hours=1)
        assert remind_in_six_seconds(harness, checked) == Reminded(open=6, unchecked=2)
        seen.update(checked)
    assert len(seen) == len(OTHERS)


def test_with_little_time_each_delivery_goes_on_where_the_last_one_stopped(
    harness: Harness, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in OTHERS:
        break_each(harness, each)
        harness.sent.failing = ["publish"]
        with pytest.raises(Crash):
            deliver(harness)
    asked, alerts = list[int](), list[int]()

    def ask(_: Recheck) -> int:
        asked.append(len(harness.sent.alerts))
        return 0

    monkeypatch.setattr(Recheck, "ask", ask)
    for _ in range(2):
        harness.later(minutes=3)
        with pytest.raises(NotNow):
            remind_in_six_seconds(harness, checked)
        alerts.append(len(harness.sent.alerts))
    harness.later(minutes=3)
    assert remind_in_six_seconds(harness, checked) == Reminded(open=6, told=2, unchecked=4)
    assert [*alerts, len(harness.sent.alerts)] == [2, 4, 6]
    assert asked == [0, 2, 4]


def test_the_hourly_run_reports_what_no_event_does(harness: Harness) -> None:
    broken(harness, "f0")
    harness.later(minutes=30)
    harness.world = world(broken=True, families=("f0", "new"))
    validate(harness, "new")
    deliver(harness)
    assert remind(harness).told == 0
    harness.later(minutes=30)
    assert remind(harness).told == 1
    harness.world = world(broken=False, families=("f0", "new"))
    validate(harness, "f0", "new")
    harness.sent.events.clear()
    assert remind(harness).told == 1
    assert [each.startswith("[Pullguard] resolved: ") for each in subjects(harness)] == [False, False, True]
