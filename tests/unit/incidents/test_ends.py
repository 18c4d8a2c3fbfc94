"""A finding ends only when its own check passes or when its revision is out of use."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.lookup import Lookup, NotAsked
from pullguard.domain.usage import FailedStart, Reason, TaskUse, Usage
from pullguard.domain.verification import Verification
from pullguard.store.ledger import Ledger
from tests.fakes import CLUSTER, World, container, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.incident_scene import deliver, subjects

SECRET = secret()
IMAGE = "ghcr.io/acme/web:1"
WORLD = World((task_definition(container(SECRET)),), (role(reads=[SECRET]),), (SECRET,))
NO_WAY = "CannotPullContainerError: dial tcp: i/o timeout"


def answered(answer: Any) -> Lookup[Verification]:
    return answer if isinstance(answer, NotAsked) else Verification(answer=answer, detail="It said so.")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, replace(WORLD, verifications={IMAGE: answered("ok")}))


def handle(here: Harness, kind: str = "Secret Label Updated", **seconds: float) -> list[str]:
    """Validate, deliver the resulting events, and advance the clock; return the kinds of the alerts."""
    known = len(here.sent.alerts)
    here.validate(request(kind=kind))
    deliver(here)
    here.later(**seconds or {"minutes": 1})
    return [each["MessageAttributes"]["kind"]["StringValue"] for each in here.sent.alerts[known:]]


# --- The registry ------------------------------------------------------------------------------------------------

NOT_ASKED = NotAsked(why="the secret has no tag", switch="tag it")
PROVES_NOTHING = {
    "too-many-requests": "rate-limited",
    "no-answer": "unreachable",
    "no-such-image": "no-such-image",  # behind which many registries hide what they deny
    "not-asked": NOT_ASKED,
}


@pytest.mark.parametrize("answer", PROVES_NOTHING.values(), ids=PROVES_NOTHING)
def test_a_refusal_ends_with_a_pull_that_works_and_with_nothing_before(harness: Harness, answer: Any) -> None:
    reported = []
    for each in ("rejected", answer, "rejected", answer, "ok"):
        harness.world.verifications = {IMAGE: answered(each)}
        handle(harness)
        reported = [each for each in subjects(harness) if each.endswith("credentials-rejected")]
    assert [each.split()[1] for each in reported] == ["error:", "resolved:"]


# --- A task that failed to start ---------------------------------------------------------------------------------


def failing(here: Harness, *running: TaskUse) -> None:
    """ECS remembers a task that failed a moment ago, and says what runs."""
    start = FailedStart(
        task_arn=f"{CLUSTER}/{here.time:%d%H%M%S}", stopped_at=here.time, reasons=(Reason(text=NO_WAY),)
    )
    here.world.running = Usage(newest=True, services=(service(),), failed_starts=(start,), tasks=running)


def task(here: Harness, **since: float) -> TaskUse:
    started = here.time + timedelta(**since)
    return TaskUse(
        cluster_arn=CLUSTER, task_arn=f"{CLUSTER}/9", task_definition=str(revision_arn()), started_at=started
    )


def test_a_failed_start_is_reported_once_whichever_validation_follows(harness: Harness) -> None:
    failing(harness)
    reported = [
        handle(harness, kind, seconds=10) for _ in range(3) for kind in ("ECS Task State Change", "PutRolePolicy")
    ]
    assert [each for some in reported for each in some] == ["Finding Opened"]


def test_a_day_of_hourly_failures_is_one_message(harness: Harness) -> None:
    reported = []
    for _ in range(24):
        failing(harness)
        reported += handle(harness, "ECS Task State Change", minutes=30)
        reported += handle(harness, "PutRolePolicy", minutes=30)
    assert reported == ["Finding Opened"]


def test_the_end_of_all_attempts_resolves_nothing(harness: Harness) -> None:
    failing(harness)
    handle(harness, "ECS Task State Change", hours=6)
    harness.world.running = Usage(newest=True, services=(service(),))
    assert handle(harness, "Sweep") == []


STARTED = {"before-it-failed": ({"minutes": -5}, []), "after-it-failed": ({"minutes": 2}, ["Finding Resolved"])}


@pytest.mark.parametrize(("since", "reported"), STARTED.values(), ids=STARTED)
def test_a_failed_start_ends_with_a_task_that_started_after_it(
    harness: Harness, since: dict[str, float], reported: list[str]
) -> None:
    failing(harness)
    running = task(harness, **since)
    handle(harness, "ECS Task State Change", hours=1)
    harness.world.running = Usage(newest=True, services=(service(),), tasks=(running,))
    assert handle(harness, "PutRolePolicy") == reported


def test_a_task_that_started_after_one_failed_is_no_failure(harness: Harness) -> None:
    failing(harness, task(harness, seconds=1))
    assert handle(harness, "ECS Task State Change") == []


def test_a_failed_start_ends_with_the_use_of_its_revision(harness: Harness) -> None:
    failing(harness)
    handle(harness, "ECS Task State Change")
    harness.world.running = Usage(newest=False)
    assert handle(harness, "PutRolePolicy") == ["Finding Resolved"]
