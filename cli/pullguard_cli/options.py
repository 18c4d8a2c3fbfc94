"""Options shared by several commands."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer

DEFAULT_STACK = "pullguard"
AWS_PANEL = "AWS connection"
LOOK_PANEL = "Scope"
SAY_PANEL = "Output"
EXIT_CODES_IN_SHORT = "**Exit codes**: 0 no findings · 1 findings · 2 could not run, or incomplete."
EXIT_CODES_OF_EXPLAIN = (
    "**Exit codes**: 0 every gate passes · 1 a gate fails or may fail · 2 could not run, or incomplete."
)
EXIT_CODES_OF_PLAN = (
    "**Exit codes**: 0 nothing to fix · 1 something to fix, by Pullguard or by hand · 2 could not run, or incomplete."
)
EXIT_CODES_OF_DIAGNOSE = "**Exit codes**: 0 any text, recognized or not · 2 the text cannot be read."
EXIT_CODES = (
    "**Exit codes**: 0 nothing at or above --fail-on · 1 findings · 2 could not run, or incomplete. "
    "Progress and errors go to standard error."
)


class FailOn(StrEnum):
    """The minimum severity that makes the command exit with 1."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


class Least(StrEnum):
    """The minimum severity to report."""

    ERROR = "error"
    WARNING = "warning"


class ReportFormat(StrEnum):
    """The formats of an audit report."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class TextFormat(StrEnum):
    """Text for people, JSON for programs."""

    TEXT = "text"
    JSON = "json"


def complete_check(incomplete: str) -> Iterable[tuple[str, str]]:
    """Complete check ids, with their meaning."""
    from pullguard.checks.catalogue import CHECKS  # noqa: PLC0415 (slow import, not needed for the help text)

    return [(check.id, check.fails_when) for check in CHECKS if check.id.startswith(incomplete)]


def complete_profile(incomplete: str) -> Iterable[str]:
    """Complete the profiles of the AWS configuration."""
    import botocore.session  # noqa: PLC0415 (slow import, not needed for the help text)

    names = botocore.session.Session().available_profiles
    return [name for name in names if name.startswith(incomplete)]


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="AWS profile.",
        show_default="AWS_PROFILE, or the default credential chain",
        autocompletion=complete_profile,
        rich_help_panel=AWS_PANEL,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="AWS Region.",
        show_default="AWS_REGION, or the profile's",
        rich_help_panel=AWS_PANEL,
    ),
]
ReadValues = Annotated[
    bool | None,
    typer.Option(
        "--read-values/--no-values",
        help=(
            "Check the values of all referenced secrets, or of none (ReadOnlyAccess cannot read them). Values are "
            "never shown."
        ),
        show_default="secrets tagged pullguard:registry",
        rich_help_panel=LOOK_PANEL,
    ),
]
LiveRegistry = Annotated[
    bool,
    typer.Option(
        "--live-registry",
        help="Verify the credentials of tagged secrets against their registries.",
        rich_help_panel=LOOK_PANEL,
    ),
]
CrossCheck = Annotated[
    bool,
    typer.Option(
        "--cross-check",
        help=(
            "Also ask the IAM policy simulator, which evaluates service control policies (needs "
            "iam:SimulatePrincipalPolicy)."
        ),
        rich_help_panel=LOOK_PANEL,
    ),
]
AcceptUnknown = Annotated[
    bool,
    typer.Option(
        "--accept-unknown",
        help=(
            "Ignore unknown results in the exit code: data that your credentials cannot read (otherwise 2), and "
            "conditions known only when the task starts (otherwise 1). Both are still listed."
        ),
        rich_help_panel=SAY_PANEL,
    ),
]
TaskDefinitionName = Annotated[
    str,
    typer.Argument(
        metavar="TASK_DEFINITION",
        help="A family (its newest ACTIVE revision), FAMILY:REVISION, or an ARN.",
        show_default=False,
    ),
]
TextOrJson = Annotated[
    TextFormat | None,
    typer.Option(
        "--format",
        help="text for people, json for programs.",
        show_default="text on a terminal, json elsewhere",
        rich_help_panel=SAY_PANEL,
    ),
]
StackName = Annotated[
    str,
    typer.Option("--stack", metavar="NAME", help="Name of the Pullguard stack.", rich_help_panel=AWS_PANEL),
]
LedgerTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="NAME",
        help="Name of the ledger table. The stack is then not read.",
        show_default="the stack's",
        rich_help_panel=AWS_PANEL,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation. Required without a terminal.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, shown in the history and in holds.")]

RoleToHold = Annotated[
    str | None,
    typer.Argument(
        metavar="ROLE",
        help="Role name, with its path if it has one, or ARN.",
        show_default="everything",
    ),
]
OneFamily = Annotated[
    str | None,
    typer.Option("--family", metavar="FAMILY", help="Task definition family, including the services that run it."),
]
