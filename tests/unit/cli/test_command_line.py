"""Error messages and shell completion of the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

COMMAND = Path(sys.executable).with_name("pullguard")


def test_a_wrong_value_has_a_plain_message(run: Run) -> None:
    ran = run("audit", "--format", "xml")
    assert (ran.code, "Value error" in ran.err, "is not one of" in ran.err) == (2, False, True)


@pytest.mark.parametrize(("shell", "says"), [("fish", "complete --command pullguard"), ("zsh", "#compdef pullguard")])
def test_completion_is_for_the_named_shell(shell: str, says: str) -> None:
    done = subprocess.run([COMMAND, "--show-completion", shell], capture_output=True, text=True, timeout=60, check=True)
    assert says in done.stdout
