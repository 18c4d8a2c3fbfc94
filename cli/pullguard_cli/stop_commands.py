"""``pullguard stop`` and ``pullguard resume``: nothing is written any more, anywhere or to one role."""

from typing import Annotated

import typer

from pullguard_cli.options import Profile, Reason, Region, StackName, Yes

RoleToHold = Annotated[
    str | None,
    typer.Argument(
        metavar="ROLE",
        help="One role: its name, with its path where it has one, or its ARN.",
        show_default="everything",
    ),
]


def stop(
    role: RoleToHold = None,
    *,
    reason: Reason = "",
    yes: Yes = False,
    stack: StackName = "pullguard",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let Pullguard write nothing any more: no grant, no withdrawal, no revision, no move. Findings go on.

    It takes hold within seconds, and lasts until `pullguard resume`. With ROLE, only that role is left alone.

    **Examples**

    - `pullguard stop --reason 'incident 4711'` — everything
    - `pullguard stop web-execution` — one role
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.stopping import stop_everything, stop_role  # noqa: PLC0415 (the help text need not wait for boto3)

    deployment = find(stack=stack, profile=profile, region=region)
    raise typer.Exit(
        stop_everything(deployment, reason, yes=yes) if role is None else stop_role(deployment, role, reason, yes=yes)
    )


def resume(
    role: RoleToHold = None,
    *,
    yes: Yes = False,
    stack: StackName = "pullguard",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let Pullguard write again, and look at what was wanted meanwhile.

    **Examples**

    - `pullguard resume` — what `pullguard stop` stopped
    - `pullguard resume web-execution` — a role that was stopped or rolled back
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.stopping import resume_everything, resume_role  # noqa: PLC0415

    deployment = find(stack=stack, profile=profile, region=region)
    raise typer.Exit(resume_everything(deployment, yes=yes) if role is None else resume_role(deployment, role, yes=yes))
