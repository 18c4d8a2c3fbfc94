"""``pullguard plan``: show the API calls that remediation would make."""

from typing import Annotated

import typer

from pullguard_cli.options import (
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
            show_default="that of --stack, or CloudFormation's tags",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    registry_secret_pattern: Annotated[
        str | None,
        typer.Option(
            "--registry-secret-pattern",
            metavar="PATTERN",
            help="The deployment's RegistrySecretPattern. Other secrets are not granted.",
            show_default="that of --stack, or *",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    require_role_boundary: Annotated[
        str | None,
        typer.Option(
            "--require-role-boundary",
            metavar="ARN",
            help="The deployment's RequireRoleBoundary. Roles without this boundary are not changed.",
            show_default="that of --stack, or none",
            rich_help_panel=LOOK_PANEL,
        ),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="STACK",
            help="The deployed stack: plan with its parameters, and with its grant records, which show revocations.",
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
    - `pullguard plan web --stack pullguard` — with the parameters of that stack, and what it would revoke
    - `pullguard plan web:7 --move-services --format json | jq '.calls[].operation'`
    """
    from pullguard.planning.planner import Rules  # noqa: PLC0415 (slow import, not needed for the help text)
    from pullguard_cli.deployment import find  # noqa: PLC0415
    from pullguard_cli.examined import connect_for, examine_one  # noqa: PLC0415
    from pullguard_cli.output.plan import report  # noqa: PLC0415

    connection = connect_for(task_definition, profile=profile, region=region)
    deployment = None if stack is None else find(stack=stack, profile=profile, region=connection.region)
    given = {} if deployment is None else deployment.parameters
    one = examine_one(
        connection,
        task_definition,
        values=values_to_read(read_values),
        live_registry=live_registry,
        secret_pattern=registry_secret_pattern or given.get("RegistrySecretPattern", "*"),
        required_boundary=require_role_boundary or given.get("RequireRoleBoundary", ""),
        deployment=deployment,
    )
    tags = infrastructure_tag or given.get("InfrastructureTagKeys", "").split(",")
    rules = Rules(
        move_services=move_services or given.get("MoveServices") == "true",
        infrastructure_tags=tuple(each for each in map(str.strip, tags) if each),
    )
    raise typer.Exit(report(one, rules, format_, deployment))
