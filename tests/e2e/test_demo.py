"""The demo's outcomes, as `make demo` proves them, and how long they take."""

from collections.abc import Callable

import pytest

from sandbox.demo.outcomes import OUTCOMES
from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene, about, registrations_of, things_of
from sandbox.emulator import Call
from tests.e2e.conftest import DemoRun
from tests.e2e.families import family, fresh

WRITTEN_WITHIN_S = 300
"""Seconds on a machine that does nothing else, minutes on a busy one; without the event, the next sweep would write."""

WRITES = {
    ("iam", "PutRolePolicy"),
    ("ecs", "RegisterTaskDefinition"),
    ("ecs", "UpdateService"),
    ("ecs", "TagResource"),
    ("sns", "Publish"),
    ("events", "PutEvents"),
    ("sqs", "SendMessage"),
}


@pytest.mark.parametrize("outcome", [outcome.name for outcome in OUTCOMES])
def test_the_outcome_is_as_stated(ran: DemoRun, outcome: str) -> None:
    assert ran.faults[outcome] == ()


def test_nothing_is_written_or_said_in_the_minute_after(ran: DemoRun, left_alone: tuple[Call, ...]) -> None:
    """A sweep that ends in that minute may still have each role with grants reconciled, which writes nothing here."""

    def is_review(call: Call) -> bool:
        return call.role == ran.scene.roles["SweepAccountFunction"] and str(call.target).endswith("-GrantQueue.fifo")

    written = [call for call in left_alone if (call.service, call.action) in WRITES]
    assert [call for call in written if not is_review(call)] == []


def test_our_own_revision_is_registered_once(ran: DemoRun) -> None:
    registered = [call for call in ran.calls if call.action == "RegisterTaskDefinition"]
    assert [call.role for call in registered] == [ran.scene.roles["ReregisterTaskDefinitionFunction"]]


def test_only_one_function_writes_iam_one_ecs_and_one_publishes(ran: DemoRun) -> None:
    roles = ran.scene.roles

    def writers(service: str) -> set[str | None]:
        return {call.role for call in ran.calls if call.service == service and not call.is_read}

    assert writers("iam") == {roles["PatchExecutionRoleFunction"]}
    assert writers("ecs") == {roles["ReregisterTaskDefinitionFunction"]}
    assert writers("sns") == {roles["PublishAlertFunction"]}
    assert writers("secretsmanager") == writers("kms") - {roles["PublishAlertFunction"]} == set()


def test_no_function_asks_for_what_it_may_not_have(ran: DemoRun) -> None:
    denied = [call for call in ran.calls if call.error and "AccessDenied" in call.error]
    assert denied == []


def test_an_event_becomes_a_policy_long_before_a_sweep(
    scene: Scene, record_testsuite_property: Callable[[str, object], None]
) -> None:
    name = fresh("soon")
    scene.load(things_of(family(name)))
    scene.settle()
    scene.load(registrations_of(family(name)))
    registered = next(
        call.epoch_s
        for call in reversed(scene.aws.calls())
        if (call.action, call.role) == ("RegisterTaskDefinition", None)
    )

    def written() -> tuple[Call, ...]:
        return tuple(call for call in scene.calls(since_epoch_s=registered) if call.action == "PutRolePolicy")

    calls = wait_until(written, timeout_s=WRITTEN_WITHIN_S)
    assert calls, "no policy was written"
    took_s = calls[0].epoch_s - registered
    record_testsuite_property("event_to_policy_s", round(took_s, 1))
    scene.settle()
    kinds = [letter.attributes["kind"] for letter in about(scene.letters(), name)]
    # Two functions reported the first two at the same time, and a bus guarantees no order.
    assert sorted(kinds[:-1]) == ["Finding Opened", "Remediation Completed"]
    assert kinds[-1] == "Finding Resolved"
