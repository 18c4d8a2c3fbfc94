"""``pullguard stop`` and ``pullguard resume``: nothing is written any more, anywhere, to one role or in one family."""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from pullguard_cli.failures import CannotRun
from pullguard_cli.options import DEFAULT_STACK, SAY_PANEL, Profile, Reason, Region, StackName, TextFormat, Yes

if TYPE_CHECKING:
    from pullguard_cli.deployment import Deployment
    from pullguard_cli.targets import Target

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
HeldFormat = Annotated[
    TextFormat,
    typer.Option(
        "--format",
        help="How what is still held is told: json is alone on standard output, with all else on standard error.",
        rich_help_panel=SAY_PANEL,
    ),
]


def stop(
    role: RoleToHold = None,
    *,
    family: OneFamily = None,
    reason: Reason = "",
    yes: Yes = False,
    stack: StackName = DEFAULT_STACK,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let Pullguard write nothing any more: no grant, no withdrawal, no revision, no move. Findings go on.

    It takes hold within seconds, and lasts until `pullguard resume`. With ROLE, only that role is left alone, and
    the revisions that name it. With --family, no revision of that family is registered, and no service of it moved or
    redeployed.

    **Examples**

    - `pullguard stop --reason 'incident 4711'` — everything
    - `pullguard stop web-execution` — one role
    - `pullguard stop --family web` — one family
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (the help text need not wait for boto3)
    from pullguard_cli.stopping import stop_everything, stop_one  # noqa: PLC0415

    _not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    target = _target(deployment, role, family)
    if target is None:
        raise typer.Exit(stop_everything(deployment, reason, yes=yes))
    raise typer.Exit(stop_one(deployment, target, reason, yes=yes))


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
    from pullguard_cli.stopping import resume_everything, resume_one, show_what_is_held  # noqa: PLC0415

    _not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    target = _target(deployment, role, family)
    with redirect_stdout(sys.stderr if format_ is TextFormat.JSON else sys.stdout):  # where the JSON stands alone
        code = resume_everything(deployment, yes=yes) if target is None else resume_one(deployment, target, yes=yes)
    show_what_is_held(deployment, format_)
    raise typer.Exit(code)


def _not_both(role: str | None, family: str | None) -> None:
    if role is not None and family is not None:
        raise CannotRun("Give a role or a family, and not both: each is stopped for itself.")


def _target(deployment: "Deployment", role: str | None, family: str | None) -> "Target | None":
    """Return the role or the family that was named; None is everything."""
    from pullguard_cli.targets import one_family, one_role  # noqa: PLC0415

    if family is not None:
        return one_family(deployment, family)
    return None if role is None else one_role(deployment, role)
