"""``pullguard rollback``: confirmation and errors."""

import sys
from io import StringIO

import pytest

from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack
from tests.unit.cli.writes import ONE, ROLE, TWO, policy, standing, written


@pytest.fixture
def stack(aws: None) -> Stack:
    return written()


def test_the_diff_is_shown_before_the_confirmation(run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = StringIO("n\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    ran = run("rollback", "web-execution")
    assert ran.code == 1
    assert '-        "arn:aws:secretsmanager:us-east-1:123456789012:secret:two-AbCdEf"' in ran.out
    assert standing() == policy(ONE, TWO)
    assert (stack.ledger.roles.hold(ROLE), len(stack.ledger.roles.writes(ROLE))) == (None, 2)


def test_without_a_terminal_or_yes_nothing_is_written(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert "--yes" in ran.err
    assert stack.ledger.roles.hold(ROLE) is None


CANNOT: dict[str, tuple[tuple[str, ...], str]] = {
    "no-such-version": (("web-execution", "--to", "ffffffff"), "has no version"),
    "no-such-role": (("web-executoin",), "There is no role"),
    "a-role-never-written": (("other",), "has no write"),
}


@pytest.mark.parametrize(("arguments", "words"), CANNOT.values(), ids=CANNOT)
def test_an_impossible_rollback_is_reported_in_one_line(
    run: Run, stack: Stack, arguments: tuple[str, ...], words: str
) -> None:
    in_account("iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")
    ran = run("rollback", *arguments, "--yes")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
