"""``pullguard stop`` and ``pullguard resume``: nothing is written any more, anywhere, to one role or in one family."""

from typing import Annotated

import typer

from pullguard_cli.failures import CannotRun
from pullguard_cli.options import Profile, Reason, Region, StackName, Yes

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


def stop(
    role: RoleToHold = None,
    *,
    family: OneFamily = None,
    reason: Reason = "",
    yes: Yes = False,
    stack: StackName = "pullguard",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let Pullguard write nothing any more: no grant, no withdrawal, no revision, no move. Findings go on.

    It takes hold within seconds, and lasts until `pullguard resume`. With ROLE, only that role is left alone, and
    the revisions that name it. With --family, no revision of that family is registered, and no service of it moved.

    **Examples**

    - `pullguard stop --reason 'incident 4711'` — everything
    - `pullguard stop web-execution` — one role
    - `pullguard stop --family web` — one family
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.holding_families import stop_family  # noqa: PLC0415
    from pullguard_cli.stopping import stop_everything, stop_role  # noqa: PLC0415 (the help text need not wait for boto3)

    _not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    if family is not None:
        raise typer.Exit(stop_family(deployment, family, reason, yes=yes))
    raise typer.Exit(
        stop_everything(deployment, reason, yes=yes) if role is None else stop_role(deployment, role, reason, yes=yes)
    )


def resume(
    role: RoleToHold = None,
    *,
    family: OneFamily = None,
    yes: Yes = False,
    stack: StackName = "pullguard",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let Pullguard write again, and look at what was wanted meanwhile.

    With --family it also does again what somebody undid there: registers a revision that was deregistered, moves a
    service that was moved back.

    **Examples**

    - `pullguard resume` — what `pullguard stop` stopped
    - `pullguard resume web-execution` — a role that was stopped or rolled back
    - `pullguard resume --family web` — a family that was stopped, or in which something was undone
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.holding_families import resume_family  # noqa: PLC0415
    from pullguard_cli.stopping import resume_everything, resume_role  # noqa: PLC0415

    _not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    if family is not None:
        raise typer.Exit(resume_family(deployment, family, yes=yes))
    raise typer.Exit(resume_everything(deployment, yes=yes) if role is None else resume_role(deployment, role, yes=yes))


def _not_both(role: str | None, family: str | None) -> None:
    if role is not None and family is not None:
        raise CannotRun("Give a role or a family, and not both: each is stopped for itself.")
