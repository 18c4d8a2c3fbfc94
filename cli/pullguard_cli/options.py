"""The options that several commands share, and the values that they take."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer

from pullguard.checks.catalogue import CHECKS

DEFAULT_STACK = "pullguard"
AWS_PANEL = "Which AWS"
LOOK_PANEL = "What to look at"
SAY_PANEL = "What to say, and how"
EXIT_CODES_IN_SHORT = "**Exit codes**: 0 nothing wrong · 1 findings · 2 could not run, or not to the end."
EXIT_CODES_OF_EXPLAIN = (
    "**Exit codes**: 0 every gate passes · 1 one fails or may fail · 2 could not run, or not to the end."
)
EXIT_CODES_OF_PLAN = (
    "**Exit codes**: 0 nothing to fix · 1 something to fix, by Pullguard or by people · 2 could not run, or not to "
    "the end."
)
EXIT_CODES_OF_DIAGNOSE = "**Exit codes**: 0 for any text, known or not · 2 the text cannot be read."
EXIT_CODES = (
    "**Exit codes**: 0 nothing at or above --fail-on · 1 findings · 2 could not run, or not to the end. "
    "Progress and errors go to standard error."
)


class FailOn(StrEnum):
    """From which severity on findings make the command fail."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


class Least(StrEnum):
    """The least severity to tell of."""

    ERROR = "error"
    WARNING = "warning"


class ReportFormat(StrEnum):
    """The forms of an audit."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class TextFormat(StrEnum):
    """The forms of what is for reading: text for people, JSON for programs."""

    TEXT = "text"
    JSON = "json"


def complete_check(incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the ids of the catalogue, each with what it means."""
    return [(check.id, check.fails_when) for check in CHECKS if check.id.startswith(incomplete)]


def complete_profile(incomplete: str) -> Iterable[str]:
    """Offer the profiles of the AWS configuration."""
    import botocore.session  # noqa: PLC0415 (the help text need not wait for it)

    names = botocore.session.Session().available_profiles
    return [name for name in names if name.startswith(incomplete)]


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="A profile of your AWS configuration.",
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
        help="The AWS Region to look at.",
        show_default="AWS_REGION, or the profile's",
        rich_help_panel=AWS_PANEL,
    ),
]
ReadValues = Annotated[
    bool | None,
    typer.Option(
        "--read-values/--no-values",
        help=(
            "Judge the values of all referenced secrets, or of none: with ReadOnlyAccess, which may read none. A value "
            "is never shown."
        ),
        show_default="those that are tagged pullguard:registry",
        rich_help_panel=LOOK_PANEL,
    ),
]
LiveRegistry = Annotated[
    bool,
    typer.Option(
        "--live-registry",
        help="Ask the registries whether the credentials of secrets that are tagged for them pull the images.",
        rich_help_panel=LOOK_PANEL,
    ),
]
CrossCheck = Annotated[
    bool,
    typer.Option(
        "--cross-check",
        help=(
            "Ask AWS's policy simulator too, which sees the service control policies that nobody else may read "
            "(needs iam:SimulatePrincipalPolicy)."
        ),
        rich_help_panel=LOOK_PANEL,
    ),
]
AcceptUnknown = Annotated[
    bool,
    typer.Option(
        "--accept-unknown",
        help=(
            "Let the exit code depend on what is proved only: not on what your credentials may not read (else 2), nor "
            "on what only the task's start can tell (else 1). Both are listed all the same."
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
    typer.Option("--stack", metavar="NAME", help="The name of Pullguard's stack.", rich_help_panel=AWS_PANEL),
]
LedgerTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="NAME",
        help="The ledger's table; then no stack is asked for.",
        show_default="the stack's",
        rich_help_panel=AWS_PANEL,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever wonders.")]

RoleToHold = Annotated[
    str | None,
    typer.Argument(
        metavar="ROLE",
        help="One role: its name, with its path where it has one, or its ARN.",
        show_default="everything",
    ),
]
OneFamily = Annotated[
    str | None,
    typer.Option("--family", metavar="FAMILY", help="One family of task definitions and the services that run it."),
]
