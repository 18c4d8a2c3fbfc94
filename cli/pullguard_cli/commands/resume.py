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
        help="How what is still held is told: json is alone on standard output, with all else on standard error.",
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
    """Let Pullguard write again, look at what was wanted meanwhile, and show what is still held.

    With --family it also does again what somebody undid there: registers a revision that was deregistered, moves a
    service that was moved back.

    **Examples**

    - `pullguard resume` — what `pullguard stop` stopped
    - `pullguard resume web-execution` — a role that was stopped or rolled back
    - `pullguard resume --family web` — a family that was stopped, or in which something was undone
    - `pullguard resume --yes --format json | jq '.holds[].resume'` — what is still held, and how that is let go
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.operations.stopping import resume_everything, resume_one, show_what_is_held  # noqa: PLC0415
    from pullguard_cli.operations.targets import chosen, not_both  # noqa: PLC0415

    not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    target = chosen(deployment, role, family)
    with redirect_stdout(sys.stderr if format_ is TextFormat.JSON else sys.stdout):  # where the JSON stands alone
        code = resume_everything(deployment, yes=yes) if target is None else resume_one(deployment, target, yes=yes)
    show_what_is_held(deployment, format_)
    raise typer.Exit(code)
