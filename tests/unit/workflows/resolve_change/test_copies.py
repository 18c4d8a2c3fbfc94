"""One change leads to one validation, however many events report it."""

import pytest

from pullguard.store.claims import ClaimStore
from pullguard.workflows.resolve_change import CLAIM_S, COPIES_S, STOPS_S
from tests.fakes import Crash, World, container, role, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import API, GHCR, WEB, asked, resolver, sample

NATIVE, CLOUDTRAIL = sample("secret-label-updated"), sample("put-secret-value")
ELSEWHERE = sample("secret-label-updated", versionId="00000000-084a-49c9-8722-cbfb0f25c456")
# Each row: the events in the order of their coming, and which of them request validations.
COMINGS: dict[str, tuple[list[str], list[bool]]] = {
    "natively and through CloudTrail": ([NATIVE, CLOUDTRAIL], [True, False]),
    "through CloudTrail and natively": ([CLOUDTRAIL, NATIVE], [True, False]),
    "natively, through CloudTrail, both twice": ([NATIVE, CLOUDTRAIL, NATIVE, CLOUDTRAIL], [True, False, False, False]),
    "a label that moves away and back": ([NATIVE, ELSEWHERE, NATIVE], [True, True, True]),
    "a change of another kind in between": ([NATIVE, sample("tag-secret"), CLOUDTRAIL], [True, True, False]),
    "a write whose version is not told in between": (
        [NATIVE, sample("update-secret-description"), CLOUDTRAIL],
        [True, True, True],
    ),
    "a task that stops is told twice": ([sample("task-stopped-fargate")] * 2, [True, False]),
    "a task that stops is started again, and stops again": (
        [sample("task-stopped-fargate"), sample("task-stopped-fargate", version=4).replace('"id": "', '"id": "1')],
        [True, False],
    ),
    "a task stops for another kind of reason": (
        [
            sample("task-stopped-fargate"),
            sample("task-stopped-fargate", stoppedReason="CannotPullContainerError: toomanyrequests", containers=[]),
        ],
        [True, True],
    ),
    "two policies of one role": (
        [sample("put-role-policy"), sample("put-role-policy").replace('"id": "', '"id": "1')],
        [True, True],
    ),
}


@pytest.mark.parametrize(("events", "news"), COMINGS.values(), ids=COMINGS)
def test_the_same_change_is_validated_once(harness: Harness, events: list[str], news: list[bool]) -> None:
    results = [resolver(harness).resolve(event) for number, event in enumerate(events)]
    assert [not each.copy for each in results] == news
    assert len(asked(harness)) == sum(each.affected for each in results if not each.copy)
    assert [bool(each.asked) for each in results] == news


def test_a_message_that_comes_back_after_a_crash_is_no_copy(harness: Harness) -> None:
    harness.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(harness).resolve(NATIVE)
    assert not resolver(harness).resolve(NATIVE).copy
    assert asked(harness) == [str(API), str(WEB)]


def test_a_copy_that_comes_after_a_crash_is_handled(harness: Harness) -> None:
    harness.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(harness).resolve(NATIVE)
    assert not resolver(harness).resolve(CLOUDTRAIL).copy
    assert asked(harness) == [str(API), str(WEB)]


def test_a_change_that_a_dead_run_had_taken_up_is_taken_up_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # nothing is said of a run that ends at its time limit
        patched.setattr(ClaimStore, "record_change", lambda *_, **__: None)
        harness.sent.failing.append("send_message_batch")
        with pytest.raises(Crash):
            resolver(harness).resolve(NATIVE)
    assert resolver(harness).resolve(CLOUDTRAIL).copy  # its death is unknown yet
    harness.later(seconds=CLAIM_S)
    assert not resolver(harness).resolve(NATIVE).copy
    assert asked(harness) == [str(API), str(WEB)]


def test_a_copy_that_finds_more_dependents_is_handled(harness: Harness) -> None:
    resolver(harness).resolve(NATIVE)
    late = task_definition(container(GHCR), family="late")
    harness.world = World((late,), (role(),), (GHCR,))
    harness.validate(request(late.arn))
    assert resolver(harness).resolve(CLOUDTRAIL).affected == 3


def test_after_ten_minutes_nothing_is_a_copy(harness: Harness) -> None:
    resolver(harness).resolve(NATIVE)
    harness.later(seconds=COPIES_S)
    assert not resolver(harness).resolve(NATIVE).copy


def test_a_storm_of_stops_is_one_validation_a_minute(harness: Harness) -> None:
    for number in range(120):  # a stop each second
        stop = sample("task-stopped-fargate", version=number).replace('"id": "', f'"id": "{number}')
        resolver(harness).resolve(stop)
        harness.later(seconds=1)
    assert len(asked(harness)) == 120 / STOPS_S
