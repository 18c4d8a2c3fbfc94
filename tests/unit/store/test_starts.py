"""Tasks that start outside services count as use: by rules, by schedules, and by callers of RunTask."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.aws.readers import starting
from pullguard.domain.errors import Rejected
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.usage import FailedStart, ScheduleUse, Usage
from pullguard.planning.scope import in_scope
from pullguard.store.ledger import Ledger
from pullguard.store.starts import NOT_LISTED, StartStore
from tests.fakes import NOW, World, container, denied, revision_arn, secret, task_definition
from tests.flows import Harness
from tests.unit.workflows.resolve_change.scene import asked, resolver, sample

OLD, OTHER = revision_arn("web", 7), revision_arn("api", 3)
RULE = ScheduleUse(kind="rule", name="nightly", within="target-1", task_definition=OLD)
SCHEDULE = ScheduleUse(kind="schedule", name="weekly", within="default", in_input=True, task_definition=OTHER)


@pytest.fixture
def here(ledger: Ledger) -> Harness:
    return Harness(ledger, World(()))


# --- What the ledger keeps ---------------------------------------------------------------------------------------


def test_the_starts_of_schedules_are_unknown_before_the_first_sweep(here: Harness) -> None:
    assert here.starts.schedules() == NOT_LISTED


def test_the_result_of_a_sweep_replaces_that_of_the_one_before_it(here: Harness) -> None:
    for found in ((RULE, SCHEDULE), (SCHEDULE,), (), (RULE,)):
        here.starts.keep_schedules(found)
        assert set(as_tuple(here.starts)) == set(found)


def test_a_schedule_that_names_its_revision_elsewhere_now_is_kept_so(here: Harness) -> None:
    for use in (SCHEDULE, replace(SCHEDULE, in_input=False), SCHEDULE):
        here.starts.keep_schedules((use,))
        assert as_tuple(here.starts) == (use,)


def test_unreadable_schedules_are_not_considered_absent_until_a_sweep_reads_them(here: Harness) -> None:
    here.starts.keep_schedules((RULE,))
    here.starts.keep_schedules(denied("scheduler:ListSchedules"))
    found = here.starts.schedules()
    assert isinstance(found, Unreadable)
    assert "scheduler:ListSchedules" in str(found)
    here.starts.keep_schedules((RULE,))
    assert as_tuple(here.starts) == (RULE,)


def test_a_start_counts_for_a_day_and_each_renews_it(here: Harness) -> None:
    here.starts.keep_alone(OLD, ran=True)
    here.later(hours=23)
    here.starts.keep_alone(OLD, ran=True)
    here.later(hours=23)
    assert here.starts.alone() == {OLD: True}
    here.later(hours=1)
    assert here.starts.alone() == {}


def test_one_of_many_starts_in_an_hour_is_written(here: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bool] = []
    put = StartStore._put

    def counted(self: StartStore, *args: Any, **named: Any) -> bool:
        written.append(put(self, *args, **named))
        return written[-1]

    monkeypatch.setattr(StartStore, "_put", counted)
    for _ in range(30):
        here.starts.keep_alone(OLD, ran=True)
        here.later(minutes=2)
    assert written == [True] + [False] * 29
    here.starts.keep_alone(OLD, ran=True)
    assert written[-1]


def test_a_task_that_ran_has_pulled_and_one_that_failed_to_start_has_not(here: Harness) -> None:
    here.starts.keep_alone(OLD, ran=False)
    assert not starting(ELSEWHERE, OLD, (), here.starts.alone()).has_pulled
    here.starts.keep_alone(OLD, ran=True)
    assert starting(ELSEWHERE, OLD, (), here.starts.alone()).has_pulled
    assert not starting(ELSEWHERE, OTHER, (), here.starts.alone()).has_pulled


def as_tuple(starts: StartStore) -> tuple[ScheduleUse, ...]:
    found = starts.schedules()
    assert isinstance(found, tuple)
    return found


# --- What counts as use ------------------------------------------------------------------------------------------

ELSEWHERE = Usage(newest=False, latest=revision_arn("web", 8))
FAILED = FailedStart(task_arn="arn:aws:ecs:us-east-1:111122223333:task/main/1", stopped_at=NOW, reasons=())
USES: dict[str, tuple[Usage, bool]] = {
    "nothing": (ELSEWHERE, False),
    "the newest": (replace(ELSEWHERE, newest=True), True),
    "a rule": (starting(ELSEWHERE, OLD, (RULE, SCHEDULE), {}), True),
    "another's schedule": (starting(ELSEWHERE, OLD, (SCHEDULE,), {}), False),
    "started in the last day": (starting(ELSEWHERE, OLD, (), {OLD: True}), True),
    "another was started": (starting(ELSEWHERE, OLD, (), {OTHER: True}), False),
    "schedules unread": (starting(ELSEWHERE, OLD, denied("scheduler:ListSchedules"), {}), True),
    "schedules not listed yet": (starting(ELSEWHERE, OLD, NOT_LISTED, {}), True),
    "a failed start": (replace(ELSEWHERE, failed_starts=(FAILED,)), True),
    "a failed start of a service that runs another": (
        replace(ELSEWHERE, failed_starts=(replace(FAILED, of_service=True),)),
        False,
    ),
}


@pytest.mark.parametrize(("usage", "used"), USES.values(), ids=USES)
def test_a_revision_is_gone_only_when_nothing_runs_or_starts_it(usage: Usage, *, used: bool) -> None:
    facts = World((task_definition(container(secret())),), running=usage).facts()
    assert in_scope(facts.with_usage(usage)) is used


def test_unknown_schedules_do_not_count_as_schedules_of_any_revision() -> None:
    assert isinstance(starting(ELSEWHERE, OLD, NOT_LISTED, {}).schedules, NotAsked)


# --- Events of starts --------------------------------------------------------------------------------------------


def test_a_task_that_was_started_alone_is_remembered_and_nothing_is_asked(here: Harness) -> None:
    resolver(here).resolve(sample("task-started"))
    assert here.starts.alone() == {OLD: True}
    assert asked(here) == []


ENDS: dict[str, tuple[dict[str, Any], bool]] = {
    "it-ran": ({}, True),
    "it-was-stopped": ({"stopCode": "UserInitiated"}, True),
    "it-was-stopped-before-it-ran": ({"stopCode": "UserInitiated", "startedAt": None}, False),
    "its-time-is-not-told": ({"startedAt": None}, True),
    "an-old-agent-says-no-code": ({"stopCode": None}, True),
}


@pytest.mark.parametrize(("changes", "ran"), ENDS.values(), ids=ENDS)
def test_a_task_that_was_started_alone_and_has_stopped_was_started(
    here: Harness, changes: dict[str, Any], *, ran: bool
) -> None:
    resolver(here).resolve(sample("task-ran", **changes))
    assert here.starts.alone() == {OLD: ran}
    assert asked(here) == []


def test_a_task_that_ran_longer_than_a_day_counts_for_a_day_from_its_end(here: Harness) -> None:
    resolver(here).resolve(sample("task-started"))
    here.later(hours=25)
    assert here.starts.alone() == {}
    resolver(here).resolve(sample("task-ran"))
    assert here.starts.alone() == {OLD: True}


def test_a_start_that_failed_and_comes_by_two_rules_is_one(here: Harness) -> None:
    event = sample("task-stopped-fargate", group="family:web")
    resolver(here).resolve(event)
    assert resolver(here).resolve(event).copy
    assert here.starts.alone() == {OLD: False}
    assert asked(here) == [str(OLD)]


@pytest.mark.parametrize(("group", "remembered"), [("family:web", True), ("nightly", True), ("service:web", False)])
def test_a_start_that_failed_counts_where_no_service_answers_for_it(
    here: Harness, group: str, *, remembered: bool
) -> None:
    resolver(here).resolve(sample("task-stopped-fargate", group=group))
    assert here.starts.alone() == ({OLD: False} if remembered else {})
    assert asked(here) == [str(OLD)]


def test_a_service_s_task_that_runs_is_no_start_and_other_states_are_none(here: Harness) -> None:
    with pytest.raises(Rejected, match="known from the service"):
        resolver(here).resolve(sample("task-started", group="service:web"))
    with pytest.raises(Rejected, match="but not for a pull that failed"):
        resolver(here).resolve(sample("task-ran", group="service:web"))
    with pytest.raises(Rejected, match="neither RUNNING nor STOPPED"):
        resolver(here).resolve(sample("task-started", lastStatus="PENDING"))
    assert here.starts.alone() == {}


def test_another_account_s_task_is_not_remembered(here: Harness) -> None:
    arn = str(OLD).replace(OLD.account, "999999999999")
    with pytest.raises(Rejected):
        resolver(here).resolve(sample("task-started", taskDefinitionArn=arn))
    assert here.starts.alone() == {}
