"""The cost and the end of a rotation."""

import json
from typing import Any

import pytest

from pullguard.store.ledger import Ledger
from pullguard.workflows.resolve_change import COPIES_S
from tests.fakes import Crash, World, container, role, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import GHCR, asked, resolver, sample

SECONDS = iter(range(1, 1000))


def event(name: str, **changes: Any) -> str:
    """A sample as another event, later than all others of this process."""
    made, second = json.loads(sample(name, **changes)), next(SECONDS)
    return json.dumps(
        {**made, "id": f"rotation-{second}", "time": f"2026-11-23T00:{second // 60:02}:{second % 60:02}Z"}
    )


def moved(version: int = 1) -> list[str]:
    """AWSCURRENT moves to a version: natively, and through CloudTrail."""
    token = f"{version:08}-084a-49c9-8722-cbfb0f25c456"
    parameters = json.loads(sample("update-secret-version-stage"))["detail"]["requestParameters"]
    asked_for = {**parameters, "moveToVersionId": token}
    return [
        event("secret-label-updated", versionId=token),
        event("update-secret-version-stage", requestParameters=asked_for),
    ]


def begun() -> list[str]:
    return [event("rotate-secret"), event("rotation-started"), event("put-secret-value-pending")]


ENDED = event("rotation-succeeded")
NATIVELY, BY_CLOUDTRAIL = moved()
# Each row: the events in the order of their coming, and how many of the two dependents each of them asks for.
ROTATIONS: dict[str, tuple[list[str], list[int]]] = {
    "a good one": ([*begun(), *moved(), event("rotation-succeeded")], [1, 0, 0, 2, 0, 1]),
    "its end is told twice": ([*moved(), ENDED, ENDED], [2, 0, 1, 0]),
    "a copy comes after its end": ([NATIVELY, event("rotation-succeeded"), BY_CLOUDTRAIL], [2, 1, 0]),
    "two, one after the other": (
        [*begun(), *moved(2), event("rotation-succeeded"), *begun(), *moved(3), event("rotation-succeeded")],
        [1, 0, 0, 2, 0, 1, 0, 0, 0, 2, 0, 1],
    ),
    "the move was not told": ([*begun(), event("rotation-succeeded")], [1, 0, 0, 2]),
    "the move of the second was not told": (
        [*moved(4), event("rotation-succeeded"), *begun(), event("rotation-succeeded")],
        [2, 0, 1, 1, 0, 0, 2],
    ),
    "a write whose version is not told in between": (
        [*moved(5), event("update-secret-description"), event("rotation-succeeded")],
        [2, 0, 2, 2],
    ),
    "one that failed": ([*begun(), event("rotation-failed")], [1, 0, 0, 2]),
    "one that ends what had failed": (
        [event("rotation-failed"), *moved(6), event("rotation-succeeded"), *moved(7), event("rotation-succeeded")],
        [2, 2, 0, 2, 2, 0, 1],
    ),
    "one that is switched off": ([event("cancel-rotate-secret")], [2]),
    "one whose test failed": ([event("test-rotation-failed")], [2]),
}


@pytest.mark.parametrize(("events", "requests"), ROTATIONS.values(), ids=ROTATIONS)
def test_a_rotation_costs_one_round_of_validations_and_one_before_and_after_it(
    harness: Harness, events: list[str], requests: list[int]
) -> None:
    asked_for = []
    for each in events:
        harness.sent.messages.clear()
        result = resolver(harness).resolve(each)
        assert result.asked == len(asked(harness))
        asked_for.append(result.asked)
    assert asked_for == requests


def test_the_end_of_a_rotation_finds_a_dependent_that_its_move_did_not(harness: Harness) -> None:
    resolver(harness).resolve(NATIVELY)
    late = task_definition(container(GHCR), family="late")
    harness.world = World((late,), (role(),), (GHCR,))
    harness.validate(request(late.arn))
    assert resolver(harness).resolve(event("rotation-succeeded")).asked == 3


def test_the_end_of_a_rotation_that_crashed_validates_every_dependent(harness: Harness) -> None:
    resolver(harness).resolve(NATIVELY)
    harness.sent.messages.clear()
    end = event("rotation-succeeded")
    harness.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(harness).resolve(end)
    assert resolver(harness).resolve(end).asked == 2


def test_the_end_of_a_rotation_long_after_the_move_validates_every_dependent(harness: Harness) -> None:
    resolver(harness).resolve(NATIVELY)
    harness.later(seconds=COPIES_S)
    assert resolver(harness).resolve(event("rotation-succeeded")).asked == 2


# --- How it ended ---


def test_how_a_rotation_ended_is_remembered(harness: Harness) -> None:
    assert harness.ledger.rotations.end(GHCR.arn) is None
    resolver(harness).resolve(sample("rotation-started"))
    assert harness.ledger.rotations.end(GHCR.arn) is None
    resolver(harness).resolve(sample("rotation-failed"))
    end = harness.ledger.rotations.end(GHCR.arn)
    assert end is not None
    assert (end.outcome, end.step) == ("failed", "testSecret")


def test_an_earlier_end_that_comes_later_changes_nothing(harness: Harness) -> None:
    failed = json.loads(sample("rotation-failed"))
    failed["time"] = "2026-11-23T00:00:10Z"
    resolver(harness).resolve(json.dumps(failed))
    resolver(harness).resolve(sample("rotation-succeeded"))
    end = harness.ledger.rotations.end(GHCR.arn)
    assert end is not None
    assert end.outcome == "failed"


def test_the_rotation_of_an_unused_secret_is_not_remembered(ledger: Ledger) -> None:
    resolver(Harness(ledger, World())).resolve(sample("rotation-failed"))
    assert ledger.rotations.end(GHCR.arn) is None
