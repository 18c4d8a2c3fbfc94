"""Help, version, exit codes and interrupts of the whole command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

COMMAND = Path(sys.executable).with_name("pullguard")


@pytest.mark.parametrize("command", ["", "audit", "explain", "plan", "check", "findings"])
def test_help_says_what_a_command_does(run: Run, command: str) -> None:
    ran = run(*filter(None, (command, "--help")))
    assert ran.code == 0
    assert "Usage: pullguard" in ran.out
    assert "Exit codes" in ran.out or command == "findings"
    assert "<bool>" not in ran.out
    assert ("--fail-on" in ran.out) == (command in ("audit", "check"))
    assert "Examples" in ran.out or command == ""


def test_a_full_disk_is_reported_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "findings"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "pullguard: cannot write the output: No space left on device.\n"


def test_an_early_interrupt_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pullguard_cli.connection.connect", interrupted)
    ran = run("audit")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "pullguard: interrupted before there was anything to report.\n"


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("pullguard ")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (
            "pullguard ",
            {"audit", "explain", "plan", "diagnose", "check", "history", "rollback", "stop", "resume", "findings"},
        ),
        ("pullguard findings reference-st", {"reference-stale"}),
    ],
)
def test_a_shell_completes(words: str, offered: set[str]) -> None:
    environment = {
        **os.environ,
        "_PULLGUARD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert set(done.stdout.split()) == offered
