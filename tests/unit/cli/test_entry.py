"""The entry point: an interrupt ends with one line at any time."""

import os

import pytest

from pullguard_cli import entry, main


class Left(Exception):
    """Replaces the end of the process."""


def leave(code: int) -> None:
    raise Left(code)


def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_while_the_command_loads_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "main", interrupted)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left, match="2"):
        entry.main()
    assert capsys.readouterr().err == "pullguard: interrupted before there was anything to report.\n"


def test_without_an_interrupt_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[bool] = []
    monkeypatch.setattr(main, "main", lambda: ran.append(True))
    entry.main()
    assert ran == [True]
