"""The ``pullguard`` command."""

import errno
import os
import signal
import sys
import threading
import traceback
from typing import Annotated

import typer

from pullguard_cli import INTERRUPTED, version_line
from pullguard_cli.command_line import Group, Listed, choose_shell
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, CannotRun
from pullguard_cli.options import (
    EXIT_CODES,
    EXIT_CODES_IN_SHORT,
    EXIT_CODES_OF_DIAGNOSE,
    EXIT_CODES_OF_EXPLAIN,
    EXIT_CODES_OF_PLAN,
)
from pullguard_cli.printing import errors, says, write_what_can_be_written

_INTERRUPTED = 130  # the exit code of Typer after Ctrl-C
_INSPECT = "Inspect"
_BEFORE = "Before registration"
_OPERATE = "Operate"
_REFERENCE = "Reference"


class Commands(Group):
    """All commands, in the order of the help text."""

    listed = (
        Listed(
            "audit:audit",
            "Find every task definition that cannot pull its private image, and say why.",
            _INSPECT,
            EXIT_CODES,
        ),
        Listed(
            "explain:explain",
            "Show every gate between a task definition and its image, with the deciding policy statements.",
            _INSPECT,
            EXIT_CODES_OF_EXPLAIN,
        ),
        Listed(
            "plan:plan",
            "Show the API calls that remediation would make for a task definition, as diffs. Read-only.",
            _INSPECT,
            EXIT_CODES_OF_PLAN,
        ),
        Listed(
            "diagnose:diagnose_command",
            "Explain why a task did not start, from the text that Amazon ECS reports. Works offline.",
            _INSPECT,
            EXIT_CODES_OF_DIAGNOSE,
        ),
        Listed(
            "check:check_command",
            "Check task definitions in files, before they are registered.",
            _BEFORE,
            EXIT_CODES,
        ),
        Listed(
            "history:history",
            "Show each write to a role's policy and to ECS: when, why, for which task definition, and the change.",
            _OPERATE,
        ),
        Listed(
            "rollback:rollback",
            "Restore an earlier version of Pullguard's policy on a role. Shows the diff and asks first.",
            _OPERATE,
        ),
        Listed("stop:stop", "Pause all remediation. Detection and alerts continue.", _OPERATE),
        Listed(
            "resume:resume",
            "Resume remediation, revalidate what was refused meanwhile, and show the remaining holds.",
            _OPERATE,
        ),
        Listed("findings:findings", "List all checks: failure condition, severity, fix and source.", _REFERENCE),
    )


app = typer.Typer(
    name="pullguard",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_IN_SHORT,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def pullguard(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Keep every Amazon ECS task able to pull its private-registry image.

    All commands use your AWS credentials. Only stop, resume and rollback change anything, and they ask first.
    AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL work as usual.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with 0, 1 or 2. Prints no traceback for AWS or user errors."""
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
    except Exception:  # noqa: BLE001 (a bug must not exit with 1, which means findings)
        traceback.print_exc()
        _leave(EXIT_COULD_NOT_RUN)


def _leave(code: int) -> None:
    """Exit without joining the threads of an interrupted audit, which may still wait for AWS."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        _cannot_be_written(error)
    if any(thread.name.startswith("audit") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _cannot_be_written(error: OSError) -> None:
    """Exit at once, since an orderly exit would flush the output again and fail again."""
    if error.errno != errno.EPIPE:  # a closed pipe is normal: `pullguard … | head`
        errors().print(says(f"pullguard: cannot write the output: {error.strerror}."))
    os._exit(EXIT_COULD_NOT_RUN)
