import pytest

from pullguard.domain.stop import Stop
from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import ROLE, Stack

# --- Everything --------------------------------------------------------------------------------------------------


def test_stop_records_caller_time_and_reason(run: Run, stack: Stack) -> None:
    ran = run("stop", "--yes", "--reason", "incident\n4711")
    assert (ran.code, ran.err) == (0, "")
    stop = stack.stopped()
    assert stop is not None
    assert stop.by.startswith("arn:aws:")
    assert stop.at.endswith("+00:00")
    assert stop.reason == "incident\n4711"
    assert str(stop).replace("\n", "") in ran.out.replace("\n", "")


# --- One role ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-execution", str(ROLE)])
def test_a_role_is_held_and_resumed(run: Run, stack: Stack, name: str) -> None:
    assert run("stop", name, "--yes", "--reason", "mine").code == 0
    hold = stack.ledger.roles.hold(ROLE)
    assert isinstance(hold, Stop)
    assert hold.reason == "mine"
    assert stack.stopped() is None
    assert "already held" in run("stop", name, "--yes").out
    ran = run("resume", name, "--yes")
    assert (ran.code, stack.ledger.roles.hold(ROLE)) == (0, None)
    assert len(stack.sweeps()) == 1
    assert "is not held" in run("resume", name, "--yes").out


# --- One family ---


def test_a_family_is_held_and_resumed(run: Run, stack: Stack, family: str) -> None:
    assert run("stop", "--family", family, "--yes", "--reason", "mine").code == 0
    hold = stack.ledger.families.hold(family)
    assert isinstance(hold, Stop)
    assert (hold.reason, stack.stopped()) == ("mine", None)
    assert "already held" in run("stop", "--family", family, "--yes").out
    ran = run("resume", "--family", family, "--yes")
    assert (ran.code, stack.ledger.families.hold(family)) == (0, None)
    assert len(stack.sweeps()) == 1
    assert "is not held" in run("resume", "--family", family, "--yes").out


# --- Which stack -------------------------------------------------------------------------------------------------
