"""``pullguard audit``: options in, one report out, one exit code."""

import io
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard_cli.audit import Audit
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.options import (
    AWS_PANEL,
    LOOK_PANEL,
    SAY_PANEL,
    AcceptUnknown,
    CrossCheck,
    FailOn,
    Least,
    LiveRegistry,
    Profile,
    ReadValues,
    Region,
    ReportFormat,
    complete_check,
)
from pullguard_cli.output.catalogue import check_of
from pullguard_cli.output.table import print_audit
from pullguard_cli.printing import errors, output, says
from pullguard_cli.scope import Scope, values_to_read

_SUFFIXES = {
    ".json": ReportFormat.JSON,
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".txt": ReportFormat.TABLE,
    "": ReportFormat.TABLE,
}
_NOTHING_HERE = "There is nothing to look at in account {account}, {region}. Is it the right one? (--region, --profile)"


def audit(
    *,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="GLOB",
            help="Only families that match, such as 'web-*'. May be given again.",
            show_default="all",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="NAME",
            help="Only what runs in this cluster. May be given again.",
            show_default="all",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="ID",
            help="Ask only this check (pullguard findings lists them). May be given again.",
            show_default="all",
            autocompletion=complete_check,
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    read_values: ReadValues = None,
    live_registry: LiveRegistry = False,
    cross_check: CrossCheck = False,
    severity: Annotated[
        Least,
        typer.Option("--severity", help="Tell only of findings at least so severe.", rich_help_panel=SAY_PANEL),
    ] = Least.WARNING,
    format_: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            help="The form of the report.",
            show_default="table on a terminal, json elsewhere",
            rich_help_panel=SAY_PANEL,
        ),
    ] = None,
    output_: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the report to a file; .json and .html tell the form.",
            show_default="standard output",
            rich_help_panel=SAY_PANEL,
        ),
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option("--fail-on", help="Exit with 1 from this severity on.", rich_help_panel=SAY_PANEL),
    ] = FailOn.ERROR,
    accept_unknown: AcceptUnknown = False,
    max_rate: Annotated[
        float | None,
        typer.Option(
            "--max-rate",
            metavar="N",
            min=0.1,
            help="At most N ECS task definition calls a second (the account's quota is 20, and deployments need some).",
            show_default="as fast as AWS lets us",
            rich_help_panel=AWS_PANEL,
        ),
    ] = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Find every task definition that cannot pull its private image, and say why.

    Looks at the newest revision of each family and at every revision that a service or a running task uses. Reads
    only; changes nothing.

    **Examples**

    - `pullguard audit` — everything, as a table
    - `pullguard audit --family 'web-*' --fail-on warning` — a gate in a pipeline
    - `pullguard audit --cluster prod -o report.html` — a report to send around
    - `pullguard audit | jq '.findings[].check'` — JSON, where it goes to a program
    """
    checks = _checks(check or [])
    form = format_ or _form(output_)
    if output_ is not None and (output_.is_dir() or not output_.parent.is_dir()):
        raise CannotRun(f"{output_} cannot be written: name a file in a folder that exists.")

    # Imported where it is used: the help text and the completion of a shell need not wait for boto3.
    from pullguard_cli.auditing import Auditor  # noqa: PLC0415
    from pullguard_cli.connection import connect  # noqa: PLC0415
    from pullguard_cli.output.progress import watching  # noqa: PLC0415

    connection = connect(profile=profile, region=region, max_rate=max_rate)
    scope = Scope(
        families=tuple(family or ()),
        clusters=tuple(cluster or ()),
        severity="error" if severity is Least.ERROR else "warning",
        checks=checks,
        read_values=values_to_read(read_values),
        live_registry=live_registry,
        cross_check=cross_check,
    )
    with watching(errors()) as watcher:
        done = Auditor(connection, scope, watcher).run()
    _report(done, form, output_)
    for sentence in done.gaps:
        errors().print(says(f"pullguard: not finished: {sentence}"))
    if not done.summary.task_definitions:
        errors().print(says(f"pullguard: {_NOTHING_HERE.format(account=done.account, region=done.region)}"))
    raise typer.Exit(_exit_code(done, fail_on, accept_unknown=accept_unknown))


def _checks(ids: list[str]) -> tuple[Check, ...]:
    wanted = {check_of(each).id for each in ids}
    return tuple(check for check in CHECKS if not ids or check.id in wanted)


def _form(path: Path | None) -> ReportFormat:
    """Return the form that the name of a file says, on standard output what suits whoever reads there."""
    if path is None:
        return ReportFormat.TABLE if sys.stdout.isatty() else ReportFormat.JSON
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise CannotRun(f"{path}: the report is written as .json, .html or .txt. Name such a file, or give --format.")
    return form


def _report(done: Audit, form: ReportFormat, path: Path | None) -> None:
    if form is ReportFormat.TABLE and path is None:
        print_audit(done, output())
        return
    text = _written(done, form)
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}.") from error
    errors().print(says(f"pullguard: wrote {path}"))


def _written(done: Audit, form: ReportFormat) -> str:
    match form:
        case ReportFormat.JSON:
            return json.dumps(done.to_dict(), indent=2) + "\n"
        case ReportFormat.HTML:
            from pullguard_cli.output.html import render  # noqa: PLC0415 (a template engine, for this form only)

            return render(done)
        case ReportFormat.TABLE:
            text = io.StringIO()
            print_audit(done, output(file=text, width=120))
            return text.getvalue()


def _exit_code(done: Audit, fail_on: FailOn, *, accept_unknown: bool) -> int:
    if done.unfinished or (done.gaps and not accept_unknown):
        return EXIT_COULD_NOT_RUN
    if fail_on is FailOn.NEVER:
        return EXIT_OK
    found = done.at_least("error" if fail_on is FailOn.ERROR else "warning")
    counted = [each for each in found if each.status == "fail" or not accept_unknown]
    return EXIT_FINDINGS if counted else EXIT_OK
