"""The ``pullguard`` command."""

import os
import signal
import sys
import threading
import traceback
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from pullguard_cli.audit_command import audit
from pullguard_cli.check_files import check_command
from pullguard_cli.commands import explain, findings, plan
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, CannotRun
from pullguard_cli.history_commands import history, rollback
from pullguard_cli.options import EXIT_CODES
from pullguard_cli.printing import errors, says
from pullguard_cli.stop_commands import resume, stop

app = typer.Typer(
    name="pullguard",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
_EVERY_DAY = "Look"
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


app.command("audit", rich_help_panel=_EVERY_DAY, epilog=EXIT_CODES)(audit)
app.command("explain", rich_help_panel=_EVERY_DAY, epilog=EXIT_CODES)(explain)
app.command("plan", rich_help_panel=_EVERY_DAY, epilog=EXIT_CODES)(plan)
app.command("check", rich_help_panel=_BEFORE, epilog=EXIT_CODES)(check_command)
app.command("history", rich_help_panel=_DEPLOYED)(history)
app.command("rollback", rich_help_panel=_DEPLOYED)(rollback)
app.command("stop", rich_help_panel=_DEPLOYED)(stop)
app.command("resume", rich_help_panel=_DEPLOYED)(resume)
app.command("findings", rich_help_panel=_READ_UP)(findings)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0, 1 or 2, and never a traceback for what AWS or a person did."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(arguments, prog_name="pullguard")
    except SystemExit as done:
        _leave(done.code if isinstance(done.code, int) else EXIT_COULD_NOT_RUN if done.code else 0)
    except CannotRun as why:
        errors().print(says(f"pullguard: {why}"))
        _leave(EXIT_COULD_NOT_RUN)
    except Exception:  # noqa: BLE001 (a fault of ours must not look like findings, which exit with 1)
        traceback.print_exc()
        _leave(EXIT_COULD_NOT_RUN)


def _leave(code: int) -> None:
    """Exit now: threads of an interrupted audit may still wait for AWS, and nobody waits for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name.startswith("audit") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
