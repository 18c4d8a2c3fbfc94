import sys
from io import StringIO

import pytest

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Unreadable
from pullguard.domain.stop import Stop
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, Stack, create

ROLE = Arn.parse("arn:aws:iam::123456789012:role/web-execution")


@pytest.fixture
def stack(aws: None) -> Stack:
    in_account("iam").create_role(RoleName="web-execution", AssumeRolePolicyDocument="{}")
    return create()


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Somebody sits at the terminal."""
    typed = StringIO(answer)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)


# --- Everything --------------------------------------------------------------------------------------------------


def test_stop_says_who_and_when_and_why(run: Run, stack: Stack) -> None:
    ran = run("stop", "--yes", "--reason", "incident\n4711")
    assert (ran.code, ran.err) == (0, "")
    stop = stack.stopped()
    assert stop is not None
    assert stop.by.startswith("arn:aws:")
    assert stop.at.endswith("+00:00")
    assert stop.reason == "incident\n4711"
    assert str(stop).replace("\n", "") in ran.out.replace("\n", "")


def test_resume_lets_it_write_again_and_asks_for_a_sweep(run: Run, stack: Stack) -> None:
    run("stop", "--yes")
    ran = run("resume", "--yes")
    assert (ran.code, stack.stopped()) == (0, None)
    (sweep,) = stack.sweeps()
    assert sweep["sweep"].startswith("asked-")
    assert sweep["token"] is None
    assert "Requested a sweep" in ran.out


def test_who_may_not_ask_for_a_sweep_reads_that_the_hourly_run_asks(run: Run, stack: Stack) -> None:
    run("stop", "--yes")
    in_account("sqs").delete_queue(QueueUrl=stack.sweep_queue_url)
    ran = run("resume", "--yes")
    assert (ran.code, stack.stopped()) == (0, None)
    assert "revalidated within the hour" in ran.out


@pytest.mark.parametrize(("command", "words"), [("stop", "is already stopped"), ("resume", "is not stopped")])
def test_what_is_so_already_is_said_and_nothing_is_written(run: Run, stack: Stack, command: str, words: str) -> None:
    if command == "stop":
        run("stop", "--yes", "--reason", "first")
    before = stack.stopped()
    ran = run(command, "--yes", *(["--reason", "second"] if command == "stop" else []))
    assert (ran.code, stack.stopped()) == (0, before)
    assert words in ran.out


@pytest.mark.parametrize("standard_input", [StringIO("y\n"), None], ids=["a pipe", "closed"])
@pytest.mark.parametrize("command", ["stop", "resume"])
def test_without_a_terminal_nothing_is_done_unasked(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, command: str, standard_input: StringIO | None
) -> None:
    if command == "resume":
        run("stop", "--yes")
    before = stack.stopped()
    monkeypatch.setattr(sys, "stdin", standard_input)
    ran = run(command)
    assert (ran.code, stack.stopped()) == (2, before)
    assert "--yes" in ran.err


@pytest.mark.parametrize(
    ("answer", "stops"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_somebody_at_a_terminal_is_asked(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, answer: str, stops: bool
) -> None:
    answering(monkeypatch, answer)
    ran = run("stop")
    assert (stack.stopped() is not None) is stops
    assert ran.code == (0 if stops else 1)
    assert ("Nothing was changed." in ran.out) is not stops


def test_a_parameter_that_is_gone_stops_and_cannot_be_resumed(run: Run, stack: Stack) -> None:
    in_account("ssm").delete_parameter(Name=PARAMETER)
    ran = run("resume", "--yes")
    assert ran.code == 2
    assert "deploy the stack again" in ran.err
    assert run("stop", "--yes").code == 0
    assert stack.stopped() is not None


def test_who_may_not_read_the_parameter_may_still_stop(run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = Unreadable(permission="ssm:GetParameter", resource=PARAMETER, reason="denied")
    with monkeypatch.context() as patched:
        patched.setattr(StopSwitch, "read", lambda _: unread)
        assert run("stop", "--yes").code == 0
        assert run("resume", "--yes").code == 2
    assert stack.stopped() is not None


# --- One role ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-execution", str(ROLE)])
def test_a_role_is_held_and_let_go(run: Run, stack: Stack, name: str) -> None:
    assert run("stop", name, "--yes", "--reason", "mine").code == 0
    hold = stack.ledger.hold(ROLE)
    assert isinstance(hold, Stop)
    assert hold.reason == "mine"
    assert stack.stopped() is None
    assert "already held" in run("stop", name, "--yes").out
    ran = run("resume", name, "--yes")
    assert (ran.code, stack.ledger.hold(ROLE)) == (0, None)
    assert len(stack.sweeps()) == 1
    assert "is not held" in run("resume", name, "--yes").out


@pytest.mark.parametrize(
    ("name", "words"), [("web-executoin", "There is no role"), ("a b", "Pass a role name"), ("arn:x", "an ARN")]
)
def test_a_role_that_is_misspelt_is_not_held(run: Run, stack: Stack, name: str, words: str) -> None:
    ran = run("stop", name, "--yes")
    assert ran.code == 2
    assert words in ran.err


# --- One family ---

BEFORE, AFTER = (Arn.parse(f"arn:aws:ecs:us-east-1:123456789012:task-definition/web:{number}") for number in (7, 8))


@pytest.fixture
def family(stack: Stack) -> str:
    in_account("ecs").register_task_definition(
        family="web", containerDefinitions=[{"name": "app", "image": "x", "memory": 64}]
    )
    return "web"


def test_a_family_is_held_and_let_go(run: Run, stack: Stack, family: str) -> None:
    assert run("stop", "--family", family, "--yes", "--reason", "mine").code == 0
    hold = stack.ledger.family_hold(family)
    assert isinstance(hold, Stop)
    assert (hold.reason, stack.stopped()) == ("mine", None)
    assert "already held" in run("stop", "--family", family, "--yes").out
    ran = run("resume", "--family", family, "--yes")
    assert (ran.code, stack.ledger.family_hold(family)) == (0, None)
    assert len(stack.sweeps()) == 1
    assert "is not held" in run("resume", "--family", family, "--yes").out


def test_resuming_a_family_lets_what_was_undone_be_done_again(run: Run, stack: Stack, family: str) -> None:
    ledger, service = stack.ledger, "arn:aws:ecs:us-east-1:123456789012:service/main/web"
    ledger.keep_reregistered(BEFORE, AFTER)
    ledger.keep_move(service, BEFORE, AFTER)
    assert ledger.reregistered(BEFORE) == AFTER
    assert ledger.was_moved(service, BEFORE, AFTER)
    ran = run("resume", "--family", family, "--yes")
    assert "Actions that were undone are repeated" in ran.out.replace("\n", " ")
    assert ledger.reregistered(BEFORE) is None
    assert not ledger.was_moved(service, BEFORE, AFTER)
    assert len(stack.sweeps()) == 1


@pytest.mark.parametrize("command", ["stop", "resume"])
@pytest.mark.parametrize(
    ("words", "said"),
    [(("--family", "a b"), "Invalid family name"), (("x", "--family", "web"), "not both")],
    ids=["no-name", "role-and-family"],
)
def test_what_is_no_family_is_said(run: Run, stack: Stack, command: str, words: tuple[str, ...], said: str) -> None:
    ran = run(command, *words, "--yes")
    assert ran.code == 2
    assert said in ran.err


def test_a_family_that_is_misspelt_is_not_held(run: Run, stack: Stack, family: str) -> None:
    ran = run("stop", "--family", "wbe", "--yes")
    assert ran.code == 2
    assert "no active revision of the family wbe" in ran.err
    assert stack.ledger.family_hold("wbe") is None


# --- Which stack -------------------------------------------------------------------------------------------------


def test_a_stack_that_is_not_there_is_said_in_one_line(run: Run, aws: None) -> None:
    ran = run("stop", "--yes", "--stack", "nope")
    assert ran.code == 2
    assert "nope" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_stack_of_something_else_is_not_taken_for_ours(run: Run, aws: None) -> None:
    in_account("cloudformation").create_stack(
        StackName="theirs", TemplateBody='{"Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}}}'
    )
    ran = run("stop", "--yes", "--stack", "theirs")
    assert ran.code == 2
    assert "has no output StopParameter" in ran.err
