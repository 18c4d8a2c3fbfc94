"""Stops and holds in states that are not the usual ones."""

import pytest

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.lookup import Unreadable
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, Stack


def test_a_sweep_that_cannot_be_requested_happens_within_the_hour(run: Run, stack: Stack) -> None:
    run("stop", "--yes")
    in_account("sqs").delete_queue(QueueUrl=stack.sweep_queue_url)
    ran = run("resume", "--yes")
    assert (ran.code, stack.stopped()) == (0, None)
    assert "revalidated within the hour" in ran.out


@pytest.mark.parametrize(("command", "words"), [("stop", "is already stopped"), ("resume", "is not stopped")])
def test_repeating_a_stop_or_resume_changes_nothing(run: Run, stack: Stack, command: str, words: str) -> None:
    if command == "stop":
        run("stop", "--yes", "--reason", "first")
    before = stack.stopped()
    ran = run(command, "--yes", *(["--reason", "second"] if command == "stop" else []))
    assert (ran.code, stack.stopped()) == (0, before)
    assert words in ran.out


def test_stop_works_without_read_access_to_the_parameter(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = Unreadable(permission="ssm:GetParameter", resource=PARAMETER, reason="denied")
    with monkeypatch.context() as patched:
        patched.setattr(StopSwitch, "read", lambda _: unread)
        assert run("stop", "--yes").code == 0
        assert run("resume", "--yes").code == 2
    assert stack.stopped() is not None
