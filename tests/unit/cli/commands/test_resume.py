"""``pullguard resume``: end a stop or a hold, and request a sweep."""

from pullguard.domain.arn import Arn
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, Stack


def test_resume_ends_the_stop_and_requests_a_sweep(run: Run, stack: Stack) -> None:
    run("stop", "--yes")
    ran = run("resume", "--yes")
    assert (ran.code, stack.stopped()) == (0, None)
    (sweep,) = stack.sweeps()
    assert sweep["sweep"].startswith("asked-")
    assert sweep["token"] is None
    assert "Requested a sweep" in ran.out


def test_a_missing_parameter_can_be_stopped_but_not_resumed(run: Run, stack: Stack) -> None:
    in_account("ssm").delete_parameter(Name=PARAMETER)
    ran = run("resume", "--yes")
    assert ran.code == 2
    assert "deploy the stack again" in ran.err
    assert run("stop", "--yes").code == 0
    assert stack.stopped() is not None


BEFORE, AFTER = (Arn.parse(f"arn:aws:ecs:us-east-1:123456789012:task-definition/web:{number}") for number in (7, 8))


def test_resuming_a_family_allows_undone_actions_again(run: Run, stack: Stack, family: str) -> None:
    ledger, service = stack.ledger, "arn:aws:ecs:us-east-1:123456789012:service/main/web"
    ledger.families.keep_reregistered(BEFORE, AFTER)
    ledger.families.keep_move(service, BEFORE, AFTER)
    assert ledger.families.reregistered(BEFORE) == AFTER
    assert ledger.families.was_moved(service, BEFORE, AFTER)
    ran = run("resume", "--family", family, "--yes")
    assert "Actions that were undone are repeated" in ran.out.replace("\n", " ")
    assert ledger.families.reregistered(BEFORE) is None
    assert not ledger.families.was_moved(service, BEFORE, AFTER)
    assert len(stack.sweeps()) == 1
