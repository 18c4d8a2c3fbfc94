"""Confirmation before a change."""

import sys
from io import StringIO

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import Stack


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Make standard input a terminal on which ``answer`` is typed."""
    typed = StringIO(answer)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)


@pytest.mark.parametrize("standard_input", [StringIO("y\n"), None], ids=["a pipe", "closed"])
@pytest.mark.parametrize("command", ["stop", "resume"])
def test_without_a_terminal_nothing_changes(
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
def test_a_person_at_a_terminal_is_asked(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, answer: str, stops: bool
) -> None:
    answering(monkeypatch, answer)
    ran = run("stop")
    assert (stack.stopped() is not None) is stops
    assert ran.code == (0 if stops else 1)
    assert ("Nothing was changed." in ran.out) is not stops
