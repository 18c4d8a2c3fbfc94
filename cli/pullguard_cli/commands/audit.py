"""``pullguard audit``: check all task definitions of an account and Region."""

import io
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard_cli.audit_result import Audit
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
_NOTHING_HERE = "No task definitions in account {account}, {region}. Check --region and --profile."


def audit(
    *,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="GLOB",
            help="Only matching families, such as 'web-*'. Repeatable.",
            show_default="all",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="NAME",
            help="Only revisions that run in this cluster. Repeatable.",
            show_default="all",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="ID",
            help="Run only this check (see pullguard findings). Repeatable.",
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
        typer.Option("--severity", help="Minimum severity to report.", rich_help_panel=SAY_PANEL),
    ] = Least.WARNING,
    format_: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            help="Report format.",
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
            help="Write the report to a file. The suffix selects the format (.json, .html, .txt).",
            show_default="standard output",
            rich_help_panel=SAY_PANEL,
        ),
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option("--fail-on", help="Minimum severity that makes the exit code 1.", rich_help_panel=SAY_PANEL),
    ] = FailOn.ERROR,
    accept_unknown: AcceptUnknown = False,
    max_rate: Annotated[
        float | None,
        typer.Option(
            "--max-rate",
            metavar="N",
            min=0.1,
            help="Maximum ECS task definition calls per second (the account's quota of 20 is shared with deployments).",
            show_default="as fast as AWS allows",
            rich_help_panel=AWS_PANEL,
        ),
    ] = None,
    cache: Annotated[
        bool | None,
        typer.Option(
            "--cache/--no-cache",
            help="Use described revisions in the user's cache folder, and keep them there; or do neither.",
            show_default="cache, except with an emulator of AWS",
            rich_help_panel=AWS_PANEL,
        ),
    ] = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Find every task definition that cannot pull its private image, and say why.

    Checks the newest revision of each family and every revision that a service or a running task uses. Read-only.

    **Examples**

    - `pullguard audit` — everything, as a table
    - `pullguard audit --family 'web-*' --fail-on warning` — as a gate in a pipeline
    - `pullguard audit --cluster prod -o report.html` — a report to share
    - `pullguard audit | jq '.findings[].check'` — JSON, the default in a pipe
    """
    checks = _checks(check or [])
    form = format_ or _form(output_)
    if output_ is not None and (output_.is_dir() or not output_.parent.is_dir()):
        raise CannotRun(f"cannot write {output_}: pass a file in an existing folder.")

    # Imported here: slow, and not needed for the help text and shell completion.
    from pullguard_cli.connection import connect  # noqa: PLC0415
    from pullguard_cli.output.progress import watching  # noqa: PLC0415
    from pullguard_cli.revision_cache import cache_of  # noqa: PLC0415
    from pullguard_cli.run_audit import Auditor  # noqa: PLC0415

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
    is_cached = connection.is_aws if cache is None else cache
    revisions = cache_of(connection.account, connection.region) if is_cached else None
    with watching(errors()) as watcher:
        done = Auditor(connection, scope, watcher, cache=revisions).run()
    if revisions is not None:
        revisions.save()
        for warning in revisions.warnings:
            errors().print(says(f"pullguard: {warning}"))
    _report(done, form, output_)
    for sentence in done.gaps:
        errors().print(says(f"pullguard: incomplete: {sentence}"))
    if not done.summary.task_definitions:
        errors().print(says(f"pullguard: {_NOTHING_HERE.format(account=done.account, region=done.region)}"))
    raise typer.Exit(_exit_code(done, fail_on, accept_unknown=accept_unknown))


def _checks(ids: list[str]) -> tuple[Check, ...]:
    wanted = {check_of(each).id for each in ids}
    return tuple(check for check in CHECKS if not ids or check.id in wanted)


def _form(path: Path | None) -> ReportFormat:
    """Return the format for the file's suffix. On standard output: a table for a terminal, otherwise JSON."""
    if path is None:
        return ReportFormat.TABLE if sys.stdout.isatty() else ReportFormat.JSON
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise CannotRun(f"{path}: the suffix must be .json, .html or .txt. Rename the file or pass --format.")
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
        raise CannotRun(f"cannot write {path}: {error.strerror}.") from error
    errors().print(says(f"pullguard: wrote {path}"))


def _written(done: Audit, form: ReportFormat) -> str:
    match form:
        case ReportFormat.JSON:
            return json.dumps(done.to_dict(), indent=2) + "\n"
        case ReportFormat.HTML:
            from pullguard_cli.output.html import render  # noqa: PLC0415 (a template engine, needed for this format only)

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
