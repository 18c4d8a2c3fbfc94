"""``pullguard history``: list what Pullguard wrote."""

from typing import Annotated

import typer

from pullguard_cli.options import DEFAULT_STACK, LedgerTable, Profile, Region, StackName, TextOrJson


def history(
    role: Annotated[
        str | None,
        typer.Argument(
            metavar="ROLE",
            help="Role name, with its path if it has one, or ARN.",
            show_default="every role and family",
        ),
    ] = None,
    *,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="FAMILY", help="Only writes to ECS for this family.", show_default=False),
    ] = None,
    format_: TextOrJson = None,
    stack: StackName = DEFAULT_STACK,
    table: LedgerTable = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show each write to a role's policy and to ECS: when, why, for which task definition, and the change.

    Writes that AWS refused are marked as refused. If a run ended before it recorded the outcome, it is unknown.

    **Examples**

    - `pullguard history` — all writes, newest first
    - `pullguard history web-execution` — one role, with the diff of each write
    - `pullguard history --family web` — revisions registered, services moved and redeployed
    - `pullguard history web-execution --format json | jq '.writes[0].after'`
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (slow import, not needed for the help text)
    from pullguard_cli.output.write_history import report  # noqa: PLC0415

    deployment = find(stack=stack, table=table, profile=profile, region=region)
    raise typer.Exit(report(deployment, role, family, format_))
