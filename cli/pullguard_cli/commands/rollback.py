"""``pullguard rollback``: put our policy on a role back to what it was."""

from typing import Annotated

import typer

from pullguard_cli.options import DEFAULT_STACK, LedgerTable, Profile, Reason, Region, StackName, Yes


def rollback(
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE", help="The role: its name, with its path where it has one, or its ARN.", show_default=False
        ),
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="The write whose outcome comes back, by its version in the history; none takes our policy away.",
            show_default="before the write that made what stands",
        ),
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    stack: StackName = DEFAULT_STACK,
    table: LedgerTable = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Put Pullguard's own policy on a role back to what it was, after showing the diff and asking.

    No other policy is touched. The role is held from then on: Pullguard grants nothing on it and takes nothing back
    until `pullguard resume ROLE`.

    **Examples**

    - `pullguard rollback web-execution` — before the write that made what stands
    - `pullguard rollback web-execution --to 3f9a1c20` — as that write left it
    - `pullguard rollback web-execution --to none --yes` — without our policy, unasked
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (the help text need not wait for boto3)
    from pullguard_cli.operations.rollback import roll_back  # noqa: PLC0415

    deployment = find(stack=stack, table=table, profile=profile, region=region)
    raise typer.Exit(roll_back(deployment, role, to=to, reason=reason, yes=yes))
