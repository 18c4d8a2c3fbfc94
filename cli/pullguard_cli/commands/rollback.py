"""``pullguard rollback``: restore an earlier version of Pullguard's policy on a role."""

from typing import Annotated

import typer

from pullguard_cli.options import DEFAULT_STACK, LedgerTable, Profile, Reason, Region, StackName, Yes


def rollback(
    role: Annotated[
        str,
        typer.Argument(metavar="ROLE", help="Role name, with its path if it has one, or ARN.", show_default=False),
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="Version in the history to restore, or none to delete the policy.",
            show_default="the version before the current one",
        ),
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    stack: StackName = DEFAULT_STACK,
    table: LedgerTable = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Restore an earlier version of Pullguard's policy on a role. Shows the diff and asks first.

    Other policies are not changed. The role is then held: Pullguard neither grants nor revokes on it until
    `pullguard resume ROLE`.

    **Examples**

    - `pullguard rollback web-execution` — undo the write that made the current policy
    - `pullguard rollback web-execution --to 3f9a1c20` — restore the policy that this write made
    - `pullguard rollback web-execution --to none --yes` — delete the policy without asking
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (slow import, not needed for the help text)
    from pullguard_cli.operations.rollback import roll_back  # noqa: PLC0415

    deployment = find(stack=stack, table=table, profile=profile, region=region)
    raise typer.Exit(roll_back(deployment, role, to=to, reason=reason, yes=yes))
