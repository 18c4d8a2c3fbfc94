"""``history`` and ``resume`` show every hold, even without any write."""

import json
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.stop import Stop
from pullguard.store.holds import HoldStore
from pullguard.store.ledger import Ledger
from pullguard_cli.operations.held import Held, described, print_held
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, Stack, create

ROLE = Arn.parse("arn:aws:iam::123456789012:role/team/web-execution")
ADA = Stop(by="arn:aws:iam::123456789012:user/ada", at="2026-11-23T13:00:00+01:00", reason="incident 4711")
BOB = Stop(by="bob", at="2026-11-24T08:30:00+00:00")


@pytest.fixture
def stack(aws: None) -> Stack:
    """A stack without writes, in which a role and a family are held."""
    in_account("iam").create_role(RoleName="web-execution", Path="/team/", AssumeRolePolicyDocument="{}")
    stack = create()
    stack.ledger.roles.save_hold(ROLE, ADA)
    stack.ledger.families.save_hold("web", BOB)
    return stack


def words(out: str) -> str:
    return " ".join(out.split())


OF_THE_ROLE = {"role": str(ROLE), **ADA.to_dict(), "resume": "pullguard resume team/web-execution"}
OF_THE_FAMILY = {"family": "web", **BOB.to_dict(), "resume": "pullguard resume --family web"}


# --- The history -------------------------------------------------------------------------------------------------


def test_the_history_lists_holds_without_any_write(run: Run, stack: Stack) -> None:
    reported = json.loads(run("history").out)
    assert (reported["writes"], reported["ecs_writes"]) == ([], [])
    assert (reported["holds"], reported["family_holds"]) == ([OF_THE_ROLE], [OF_THE_FAMILY])
    assert reported["stop"] == {"stopped": False}


def test_the_history_shows_the_stop_and_its_caller(run: Run, stack: Stack) -> None:
    run("stop", "--yes", "--reason", "incident 4711")
    stop = stack.stopped()
    assert stop is not None
    reported = json.loads(run("history").out)["stop"]
    assert reported == {"stopped": True, **stop.to_dict(), "resume": "pullguard resume"}


def test_the_text_is_a_table_of_holds(run: Run, stack: Stack) -> None:
    out = run("history", "--format", "text").out
    assert "No writes are recorded." in out
    rows = {words(line) for line in out.splitlines()}
    assert "family web 2026-11-24 08:30:00 bob pullguard resume --family web" in rows
    for text in (
        "role",
        "team/web-execution",
        "2026-11-23 12:00:00",
        "incident",
        "pullguard resume team/web-execution",
    ):
        assert text in out  # 13:00 an hour east of UTC


ONE: dict[str, tuple[tuple[str, ...], list[Any], list[Any]]] = {
    "its-role": (("team/web-execution",), [OF_THE_ROLE], []),
    "its-family": (("--family", "web"), [], [OF_THE_FAMILY]),
    "another-role": (("other",), [], []),
    "another-family": (("--family", "web-2"), [], []),
    "both": (("team/web-execution", "--family", "web"), [OF_THE_ROLE], [OF_THE_FAMILY]),
}


@pytest.mark.parametrize(("asked", "holds", "family_holds"), ONE.values(), ids=ONE)
def test_a_filtered_history_has_only_its_holds(
    run: Run, stack: Stack, asked: tuple[str, ...], holds: list[Any], family_holds: list[Any]
) -> None:
    reported = json.loads(run("history", *asked).out)
    assert (reported["holds"], reported["family_holds"]) == (holds, family_holds)
    said = words(run("history", *asked, "--format", "text").out)
    assert ("is held." in said) is not bool(holds or family_holds)


def test_an_ended_hold_is_not_listed(run: Run, stack: Stack) -> None:
    stack.ledger.roles.end_hold(ROLE)
    stack.ledger.families.end_hold("web")
    reported = json.loads(run("history").out)
    assert (reported["holds"], reported["family_holds"]) == ([], [])
    assert "Nothing is held." in run("history", "--format", "text").out


def test_the_resume_command_names_a_stack_with_another_name(run: Run, aws: None) -> None:
    create("prod").ledger.families.save_hold("web", BOB)
    (reported,) = json.loads(run("history", "--stack", "prod").out)["family_holds"]
    assert reported["resume"] == "pullguard resume --family web --stack prod"


# --- A stop that cannot be read is not taken for none ---------------------------------------------------------------


def test_a_missing_stop_parameter_is_not_reported_as_running(run: Run, stack: Stack) -> None:
    in_account("ssm").delete_parameter(Name=PARAMETER)
    reported = json.loads(run("history").out)["stop"]
    assert (reported["stopped"], PARAMETER in reported["why"]) == (None, True)


def test_with_only_the_table_the_stop_is_unknown(run: Run, stack: Stack) -> None:
    reported = json.loads(run("history", "--table", "ledger").out)
    assert reported["holds"] == [OF_THE_ROLE]
    assert (reported["stop"]["stopped"], "--stack" in reported["stop"]["why"]) == (None, True)


UNREAD: dict[str, tuple[Missing | Unreadable | NotAsked, str]] = {
    "gone": (Missing(resource="/p/stop"), "there is no parameter /p/stop, so nothing is written"),
    "denied": (
        Unreadable(permission="ssm:GetParameter", resource="/p/stop", reason="denied"),
        "ssm:GetParameter on /p/stop: access was denied",
    ),
    "not-asked": (NotAsked(why="no stack was asked", switch="--stack"), "no stack was asked (--stack)"),
}


@pytest.mark.parametrize(("stop", "why"), UNREAD.values(), ids=UNREAD)
def test_an_unknown_stop_has_a_reason(stop: Any, why: str) -> None:
    held = Held(stack="pullguard", stop=stop, roles={}, families={})
    console = Console(file=StringIO(), width=200)
    print_held(held, console)
    assert isinstance(console.file, StringIO)
    assert f"Could not read whether the stack is stopped: {why}" in console.file.getvalue()
    reported = described(held)["stop"]
    assert (reported["stopped"], reported["why"].startswith(why)) == (None, True)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_command_is_never_wrapped_and_untrusted_text_is_escaped(width: int) -> None:
    name = "x" * 60
    evil = Stop(by="\x1b[2Jada", at="an unknown time", reason="[red]r[/red]")
    held = Held(stack="pullguard", stop=evil, roles={}, families={name: evil, "a'; rm -rf ~": evil})
    console = Console(file=StringIO(), width=width)
    print_held(held, console)
    assert isinstance(console.file, StringIO)
    out = console.file.getvalue()
    assert ("\x1b" in out, out.count("x") >= 2 * len(name)) == (False, True)
    assert described(held)["family_holds"][1]["resume"] == """pullguard resume --family 'a'"'"'; rm -rf ~'"""


# --- Resume ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "not-stopped"])
def test_resuming_the_stack_lists_the_remaining_holds(run: Run, stack: Stack, *, stopped: bool) -> None:
    if stopped:
        run("stop", "--yes")
    out = run("resume", "--yes").out
    assert ("is resumed" in out) is stopped
    assert "pullguard resume team/web-execution" in out
    assert "pullguard resume --family web" in out
    assert "everything in the stack" not in out
    assert stack.ledger.roles.hold(ROLE) == ADA


RESUMED: dict[str, tuple[tuple[str, ...], bool, list[Any], list[Any]]] = {
    "everything": ((), False, [OF_THE_ROLE], [OF_THE_FAMILY]),
    "a-role": (("team/web-execution",), True, [], [OF_THE_FAMILY]),
    "a-family": (("--family", "web"), True, [OF_THE_ROLE], []),
}


@pytest.mark.parametrize(("asked", "stopped", "holds", "family_holds"), RESUMED.values(), ids=RESUMED)
def test_json_of_the_remaining_holds_is_alone_on_standard_output(
    run: Run, stack: Stack, asked: tuple[str, ...], holds: list[Any], family_holds: list[Any], *, stopped: bool
) -> None:
    run("stop", "--yes")
    ran = run("resume", *asked, "--yes", "--format", "json")
    reported = json.loads(ran.out)
    assert (reported["schema_version"], reported["stop"]["stopped"]) == (2, stopped)
    assert (reported["holds"], reported["family_holds"]) == (holds, family_holds)
    assert (ran.code, "is resumed" in ran.err, "Requested a sweep" in words(ran.err)) == (0, True, True)


def test_resuming_a_role_of_a_stopped_stack_shows_the_stop(run: Run, stack: Stack) -> None:
    run("stop", "--yes")
    out = words(run("resume", "team/web-execution", "--yes").out)
    assert "arn:aws:iam::123456789012:role/team/web-execution is resumed" in out
    assert "everything in the stack" in out


def test_without_holds_resume_says_so(run: Run, stack: Stack) -> None:
    run("resume", "team/web-execution", "--yes")
    assert "Nothing is held." in run("resume", "--family", "web", "--yes").out


@pytest.mark.parametrize(("form", "code"), [("text", 0), ("json", 2)])
def test_holds_that_cannot_be_read_are_not_reported_as_none(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, form: str, code: int
) -> None:
    def denied(_: Ledger) -> dict[Arn, Stop]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    monkeypatch.setattr(HoldStore, "roles", denied)
    run("stop", "--yes")
    ran = run("resume", "--yes", "--format", form)
    assert (ran.code, stack.stopped()) == (code, None)
    assert "Could not read the remaining holds." in words(ran.out + ran.err)
    assert "Nothing is held" not in ran.out
