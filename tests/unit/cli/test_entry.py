"""The entry point: an interrupt ends with one line at any time, and nothing is imported that is not needed."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pullguard_cli import entry, main
from pullguard_cli.command_line import Listed


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


def modules_after(*arguments: str) -> set[str]:
    """Return what is imported when the command ends."""
    program = (
        "import sys; from pullguard_cli.entry import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def test_the_version_needs_no_other_import(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = modules_after("--version")
    assert not loaded & {"typer", "rich", "botocore", "boto3", "pullguard"}
    monkeypatch.setattr(sys, "argv", ["pullguard", "--version"])
    entry.main()
    early = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main.main(["--version"])
    assert early == capsys.readouterr().out
    assert early.startswith("pullguard ")


def test_the_help_imports_no_command() -> None:
    loaded = modules_after("--help")
    assert not {each for each in loaded if each.startswith(("pullguard_cli.commands", "pullguard.checks"))}
    assert not loaded & {"botocore", "boto3"}


def test_a_check_of_a_file_imports_no_sdk(tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    file.write_text('{"family": "web", "containerDefinitions": [{"name": "app", "image": "public.ecr.aws/a/b:1"}]}')
    loaded = modules_after("check", str(file))
    assert {each for each in loaded if each.startswith("pullguard_cli.commands.")} == {"pullguard_cli.commands.check"}
    assert not loaded & {"boto3", "botocore.loaders", "botocore.exceptions", "urllib3", "jinja2"}


@pytest.mark.parametrize("listed", main.Commands.listed, ids=lambda listed: listed.name)
def test_a_command_is_listed_with_its_own_first_sentence(listed: Listed) -> None:
    command = listed.imported()
    assert command.name == listed.name
    assert listed.summary == " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split())
    assert (command.rich_help_panel, command.epilog) == (listed.panel, listed.epilog)
