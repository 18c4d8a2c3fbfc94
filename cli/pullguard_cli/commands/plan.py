"""``pullguard plan``: show the API calls that remediation would make."""

from typing import Annotated

import typer

from pullguard_cli.options import (
    DEFAULT_STACK,
    LOOK_PANEL,
    LiveRegistry,
    Profile,
    ReadValues,
    Region,
    TaskDefinitionName,
    TextOrJson,
)
from pullguard_cli.scope import values_to_read


def plan(
    task_definition: TaskDefinitionName,
    *,
    move_services: Annotated[
        bool,
        typer.Option(
            "--move-services",
            help="Plan as with the parameter MoveServices=true.",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = False,
    read_values: ReadValues = None,
    live_registry: LiveRegistry = False,
    infrastructure_tag: Annotated[
        list[str] | None,
        typer.Option(
            "--infrastructure-tag",
            metavar="KEY",
            help="Tag key of resources that infrastructure as code owns. Repeatable.",
            show_default="CloudFormation's tags",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    registry_secret_pattern: Annotated[
        str,
        typer.Option(
            "--registry-secret-pattern",
            metavar="PATTERN",
            help="The deployment's RegistrySecretPattern. Other secrets are not granted.",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = "*",  # noqa: S107 (of names)
    require_role_boundary: Annotated[
        str,
        typer.Option(
            "--require-role-boundary",
            metavar="ARN",
            help="The deployment's RequireRoleBoundary. Roles without this boundary are not changed.",
            show_default="none",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = "",
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="STACK",
            help="The deployed stack: its grant records show what would be revoked or moved, too.",
            show_default="none: additions only",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    format_: TextOrJson = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show the API calls that remediation would make for a task definition, as diffs. Read-only.

    **Examples**

    - `pullguard plan web` — what Pullguard would write or refuse, and why
    - `pullguard plan web:7 --move-services --format json | jq '.calls[].operation'`
    """
    from pullguard.domain.policy_document import own_policy_name  # noqa: PLC0415
    from pullguard.planning.planner import Rules  # noqa: PLC0415 (slow import, not needed for the help text)
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.examined import connect_for, examine_one  # noqa: PLC0415
    from pullguard_cli.output.plan import report  # noqa: PLC0415

    connection = connect_for(task_definition, profile=profile, region=region)
    one = examine_one(
        connection,
        task_definition,
        values=values_to_read(read_values),
        live_registry=live_registry,
        secret_pattern=registry_secret_pattern,
        required_boundary=require_role_boundary,
    )
    rules = Rules(move_services=move_services, infrastructure_tags=tuple(infrastructure_tag or ()))
    deployment = None if stack is None else find(stack=stack, profile=profile, region=connection.region)
    policy = own_policy_name(connection.region, stack or DEFAULT_STACK)
    raise typer.Exit(report(one, rules, format_, deployment, policy))
