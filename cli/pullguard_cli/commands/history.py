"""``pullguard history``: what was written."""

from typing import Annotated

import typer

from pullguard_cli.options import DEFAULT_STACK, LedgerTable, Profile, Region, StackName, TextOrJson


def history(
    role: Annotated[
        str | None,
        typer.Argument(
            metavar="ROLE",
            help="One role: its name, with its path where it has one, or its ARN.",
            show_default="every role and family",
        ),
    ] = None,
    *,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="FAMILY", help="What was written to ECS for one family.", show_default=False),
    ] = None,
    format_: TextOrJson = None,
    stack: StackName = DEFAULT_STACK,
    table: LedgerTable = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show each write, of Pullguard's policies and to ECS: when, why, for which task definition, what it changed.

    A write that AWS refused is said to be refused; one whose run ended before it could tell, not to be known.

    **Examples**

    - `pullguard history` — the newest first, as a table
    - `pullguard history web-execution` — one role, with the diff of each write
    - `pullguard history --family web` — revisions registered, services moved and redeployed
    - `pullguard history web-execution --format json | jq '.writes[0].after'`
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (the help text need not wait for boto3)
    from pullguard_cli.output.write_history import report  # noqa: PLC0415

    deployment = find(stack=stack, table=table, profile=profile, region=region)
    raise typer.Exit(report(deployment, role, family, format_))
