"""``pullguard resume``: end a stop or a hold."""

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from pullguard_cli.options import (
    DEFAULT_STACK,
    SAY_PANEL,
    OneFamily,
    Profile,
    Region,
    RoleToHold,
    StackName,
    TextFormat,
    Yes,
)

HeldFormat = Annotated[
    TextFormat,
    typer.Option(
        "--format",
        help="Format of the remaining holds. With json, all other output goes to standard error.",
        rich_help_panel=SAY_PANEL,
    ),
]


def resume(
    role: RoleToHold = None,
    *,
    family: OneFamily = None,
    yes: Yes = False,
    format_: HeldFormat = TextFormat.TEXT,
    stack: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Resume remediation, revalidate what was refused meanwhile, and show the remaining holds.

    With --family, Pullguard also repeats actions that were undone in the family: it registers a deregistered revision
    again, and moves a service again that was moved back.

    **Examples**

    - `pullguard resume` — end the stop of the whole stack
    - `pullguard resume web-execution` — a role that was stopped or rolled back
    - `pullguard resume --family web` — a family that was stopped, or in which actions were undone
    - `pullguard resume --yes --format json | jq '.holds[].resume'` — the remaining holds, and how to end them
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.operations.stopping import resume_everything, resume_one, show_what_is_held  # noqa: PLC0415
    from pullguard_cli.operations.targets import chosen, not_both  # noqa: PLC0415

    not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    target = chosen(deployment, role, family)
    with redirect_stdout(sys.stderr if format_ is TextFormat.JSON else sys.stdout):  # keep standard output pure JSON
        code = resume_everything(deployment, yes=yes) if target is None else resume_one(deployment, target, yes=yes)
    show_what_is_held(deployment, format_)
    raise typer.Exit(code)
