"""``pullguard check FILE...``: check task definitions in files, before they are registered."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pullguard.checks.gather import Readers
from pullguard.domain.arn import is_region
from pullguard.domain.errors import shown
from pullguard.domain.findings import NotChecked, Summary
from pullguard.domain.lookup import Unreadable
from pullguard_cli.check_result import Checked, Placed, in_file
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.input.declared import Declared, declared_in
from pullguard_cli.input.located import Unusable
from pullguard_cli.input.reading import read_file
from pullguard_cli.options import AWS_PANEL, LOOK_PANEL, SAY_PANEL, AcceptUnknown, FailOn, Profile, ReadValues
from pullguard_cli.output.check_text import as_text
from pullguard_cli.output.github import annotations
from pullguard_cli.output.sarif import sarif
from pullguard_cli.printing import errors, output, says
from pullguard_cli.scope import values_to_read
from pullguard_cli.unregistered import Home, OfflineReaders, home_of, judge

if TYPE_CHECKING:
    from pullguard.aws.readers import ReadValues as Values


class CheckFormat(StrEnum):
    """Output formats of the findings."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


@dataclass(slots=True)
class _Collected:
    """Results of the files so far."""

    placed: list[Placed] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    homes: set[Home] = field(default_factory=set)
    summary: Summary = field(default_factory=Summary)
    unread: dict[str, tuple[Unreadable, ...]] = field(default_factory=dict)
    not_checked: list[NotChecked] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The readers of AWS facts, and the known account and Region of the registration."""

    readers: Readers
    now: datetime
    region: str | None = None
    account: str | None = None
    live: bool = False


def check_files(files: Iterable[str], judge_by: Judge) -> Checked:
    """Check every file. An unusable file does not prevent the others from being checked."""
    collected = _Collected()
    for file in dict.fromkeys(files):
        try:
            declared = declared_in(file, read_file(file))
            for each in declared:
                _judge(each, judge_by, collected)
        except Unusable as unusable:
            collected.unusable.append(unusable)
        else:
            collected.empty.extend(() if declared else (file,))
    regions = {home.known_region for home in collected.homes}
    accounts = {home.known_account for home in collected.homes}
    return Checked(
        placed=tuple(collected.placed),
        unusable=tuple(collected.unusable),
        empty=tuple(collected.empty),
        summary=collected.summary,
        unread=collected.unread,
        not_checked=tuple(collected.not_checked),
        account=next(iter(accounts)) if len(accounts) == 1 else judge_by.account,
        region=next(iter(regions)) if len(regions) == 1 else judge_by.region,
        live=judge_by.live,
    )


def _judge(declared: Declared, judge_by: Judge, collected: _Collected) -> None:
    home = home_of(declared, region=judge_by.region, account=judge_by.account, environment=os.environ)
    examination = judge(declared, home, judge_by.readers, now=judge_by.now)
    lines = {container.name: container for container in declared.containers}
    collected.homes.add(home)
    collected.summary += examination.summary
    collected.not_checked += examination.not_checked
    for finding in examination.findings:
        container = lines.get(finding.container or "")
        if container is not None:
            line = container.line
        else:
            line = declared.role_line if finding.check.startswith("execution-role") else declared.line
        here = in_file(finding, declared, os.environ)
        place = Placed(
            finding=here, file=declared.file, line=line, account=home.known_account, region=home.known_region
        )
        collected.placed.append(place)
        if finding.id in examination.unread:
            collected.unread[here.id] = examination.unread[finding.id]


def check_command(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Task definitions as JSON or YAML, CloudFormation templates, or - for standard input.",
            show_default=False,
        ),
    ],
    *,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Also read the roles, secrets and keys that the files name from AWS.",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = False,
    read_values: ReadValues = None,
    format_: Annotated[
        CheckFormat,
        typer.Option("--format", help="Output format; github prints annotations.", rich_help_panel=SAY_PANEL),
    ] = CheckFormat.TEXT,
    fail_on: Annotated[
        FailOn,
        typer.Option("--fail-on", help="Minimum severity that makes the exit code 1.", rich_help_panel=SAY_PANEL),
    ] = FailOn.ERROR,
    accept_unknown: AcceptUnknown = False,
    profile: Profile = None,
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="REGION",
            help="AWS Region of the registration.",
            show_default="from ARNs in the file, or AWS_REGION",
            rich_help_panel=AWS_PANEL,
        ),
    ] = None,
) -> None:
    """Check task definitions in files, before they are registered.

    Accepts the input of `aws ecs register-task-definition --cli-input-json`, the output of
    `aws ecs describe-task-definition`, and CloudFormation's AWS::ECS::TaskDefinition, alone or in a template. Works
    offline unless --live is given.

    In GitHub Actions, findings are also printed as annotations.

    **Examples**

    - `pullguard check task-definition.json` — offline, before it is registered
    - `pullguard check template.yaml --region eu-central-1 --live` — with the current roles, secrets and keys
    - `pullguard check deploy/*.json --format sarif > pullguard.sarif` — for code scanning
    """
    if read_values is not None and not live:
        raise CannotRun("--read-values and --no-values require --live.")
    if live:
        checked = _check_live(files, profile, region, values_to_read(read_values))
    else:
        checked = check_files(files, _offline_judge(region))
    for unusable in checked.unusable:
        errors().print(says(f"pullguard: {unusable}"))
    for sentence in checked.gaps:
        errors().print(says(f"pullguard: incomplete: {sentence}"))
    _print(checked, format_)
    raise typer.Exit(exit_code(checked, fail_on, accept_unknown=accept_unknown))


def exit_code(checked: Checked, fail_on: FailOn, *, accept_unknown: bool = False) -> int:
    """Return 2 if something could not be checked, 1 if a finding is at least as severe as ``fail_on``, else 0."""
    if checked.unusable or (checked.gaps and not accept_unknown):
        return EXIT_COULD_NOT_RUN
    if fail_on is FailOn.NEVER:
        return EXIT_OK
    found = checked.at_least("error" if fail_on is FailOn.ERROR else "warning")
    counted = [each for each in found if each.finding.status == "fail" or not accept_unknown]
    return EXIT_FINDINGS if counted else EXIT_OK


def _offline_judge(region: str | None) -> Judge:
    if region is not None and not is_region(region):
        raise CannotRun(f"{shown(region)} is not an AWS Region. Pass --region a Region such as eu-central-1.")
    return Judge(readers=OfflineReaders(), now=datetime.now(UTC), region=region)


def _check_live(files: Iterable[str], profile: str | None, region: str | None, values: "Values") -> Checked:
    from pullguard_cli.aws_failures import asking_aws  # noqa: PLC0415 (slow import, not needed offline)

    with asking_aws():
        return check_files(files, _live_judge(profile, region, values))


def _live_judge(profile: str | None, region: str | None, values: "Values") -> Judge:
    """Return a judge that reads AWS with the caller's credentials, in the session's Region."""
    # Imported here: boto3 is slow to import, and not needed offline.
    from pullguard.aws.readers import AwsReaders  # noqa: PLC0415
    from pullguard_cli.connection import connect  # noqa: PLC0415

    connection = connect(profile=profile, region=region)
    return Judge(
        readers=AwsReaders(connection.clients, values=values, account=connection.account, lists_all=True),
        now=datetime.now(UTC),
        region=connection.region,
        account=connection.account,
        live=True,
    )


def _print(checked: Checked, format_: CheckFormat) -> None:
    match format_:
        case CheckFormat.JSON:
            typer.echo(json.dumps(checked.to_dict(), indent=2))
        case CheckFormat.SARIF:
            typer.echo(json.dumps(sarif(checked, os.environ), indent=2))
        case CheckFormat.GITHUB:
            _print_annotations(checked)
        case CheckFormat.TEXT:
            console = output()
            for text in as_text(checked):
                console.print(text, soft_wrap=True)
            if os.environ.get("GITHUB_ACTIONS") == "true":
                _print_annotations(checked)


def _print_annotations(checked: Checked) -> None:
    for line in annotations(checked, os.environ):
        typer.echo(line)
