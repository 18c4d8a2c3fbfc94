"""The ``pullguard`` command."""

import errno
import os
import signal
import sys
import threading
import traceback
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from pullguard_cli import INTERRUPTED
from pullguard_cli.command_line import Command, Group, choose_shell
from pullguard_cli.commands.audit import audit
from pullguard_cli.commands.check import check_command
from pullguard_cli.commands.diagnose import diagnose_command
from pullguard_cli.commands.explain import explain
from pullguard_cli.commands.findings import findings
from pullguard_cli.commands.history import history
from pullguard_cli.commands.plan import plan
from pullguard_cli.commands.resume import resume
from pullguard_cli.commands.rollback import rollback
from pullguard_cli.commands.stop import stop
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, CannotRun
from pullguard_cli.options import (
    EXIT_CODES,
    EXIT_CODES_IN_SHORT,
    EXIT_CODES_OF_DIAGNOSE,
    EXIT_CODES_OF_EXPLAIN,
    EXIT_CODES_OF_PLAN,
)
from pullguard_cli.printing import errors, says, write_what_can_be_written

app = typer.Typer(
    name="pullguard",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_IN_SHORT,
)
_INTERRUPTED = 130  # as the library ends a command whose person pressed Ctrl-C
_EVERY_DAY = "ValidationRequest"
_BEFORE = "Before it is registered"
_DEPLOYED = "Of the deployed application"
_READ_UP = "Read up"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pullguard {version_of('pullguard')}")
        raise typer.Exit


@app.callback()
def pullguard(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Keep every Amazon ECS task able to pull its private-registry image.

    Every command works with your AWS credentials and only reads, but for stop, resume and rollback, which ask first.
    AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL work as usual.
    """


for _command, _name, _panel, _codes in (
    (audit, "audit", _EVERY_DAY, EXIT_CODES),
    (explain, "explain", _EVERY_DAY, EXIT_CODES_OF_EXPLAIN),
    (plan, "plan", _EVERY_DAY, EXIT_CODES_OF_PLAN),
    (diagnose_command, "diagnose", _EVERY_DAY, EXIT_CODES_OF_DIAGNOSE),
    (check_command, "check", _BEFORE, EXIT_CODES),
    (history, "history", _DEPLOYED, None),
    (rollback, "rollback", _DEPLOYED, None),
    (stop, "stop", _DEPLOYED, None),
    (resume, "resume", _DEPLOYED, None),
    (findings, "findings", _READ_UP, None),
):
    app.command(_name, cls=Command, rich_help_panel=_panel, epilog=_codes)(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0, 1 or 2, and never a traceback for what AWS or a person did."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    write_what_can_be_written()
    choose_shell(sys.argv[1:] if arguments is None else arguments)
    try:
        app(arguments, prog_name="pullguard")
    except SystemExit as done:
        if done.code == _INTERRUPTED:
            errors().print(INTERRUPTED)
        known = isinstance(done.code, int) and done.code != _INTERRUPTED
        _leave(int(done.code or 0) if known else EXIT_COULD_NOT_RUN if done.code else 0)
    except CannotRun as why:
        errors().print(says(f"pullguard: {why}"))
        _leave(EXIT_COULD_NOT_RUN)
    except OSError as error:
        _cannot_be_written(error)
    except Exception:  # noqa: BLE001 (a fault of ours must not look like findings, which exit with 1)
        traceback.print_exc()
        _leave(EXIT_COULD_NOT_RUN)


def _leave(code: int) -> None:
    """Exit now: threads of an interrupted audit may still wait for AWS, and nobody waits for them."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        _cannot_be_written(error)
    if any(thread.name.startswith("audit") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _cannot_be_written(error: OSError) -> None:
    """Exit at once: what has not been written cannot be, and would be tried again at an orderly end."""
    if error.errno != errno.EPIPE:  # a reader who has read enough need not be told
        errors().print(says(f"pullguard: the output cannot be written: {error.strerror}."))
    os._exit(EXIT_COULD_NOT_RUN)
