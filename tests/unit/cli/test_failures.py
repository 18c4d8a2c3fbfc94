"""The exit codes of the whole command, and the error that ends it."""

import pytest

from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.options import EXIT_CODES_IN_SHORT
from tests.unit.cli.conftest import Run


def test_the_exit_codes_are_those_of_the_help() -> None:
    codes = (EXIT_OK, "no findings"), (EXIT_FINDINGS, "findings"), (EXIT_COULD_NOT_RUN, "could not run, or incomplete")
    assert f"**Exit codes**: {' · '.join(f'{code} {words}' for code, words in codes)}." == EXIT_CODES_IN_SHORT


def test_a_command_that_cannot_run_says_why_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CannotRun("No AWS Region is set.")

    monkeypatch.setattr("pullguard_cli.connection.connect", fail)
    ran = run("audit")
    assert (ran.code, ran.out, ran.err) == (EXIT_COULD_NOT_RUN, "", "pullguard: No AWS Region is set.\n")
