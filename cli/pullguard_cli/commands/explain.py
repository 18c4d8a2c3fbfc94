"""``pullguard explain``: show one task definition, gate by gate."""

import typer

from pullguard_cli.options import CrossCheck, LiveRegistry, Profile, ReadValues, Region, TaskDefinitionName, TextOrJson
from pullguard_cli.scope import values_to_read


def explain(
    task_definition: TaskDefinitionName,
    *,
    read_values: ReadValues = None,
    live_registry: LiveRegistry = False,
    cross_check: CrossCheck = False,
    format_: TextOrJson = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show every gate between a task definition and its image, with the deciding policy statements.

    **Examples**

    - `pullguard explain web` — the newest revision of a family
    - `pullguard explain web:7 --format json | jq '.containers[].steps[] | select(.verdict == "fail")'`
    """
    from pullguard_cli.examined import connect_for, examine_one  # noqa: PLC0415
    from pullguard_cli.output.explanation import report  # noqa: PLC0415 (slow import, not needed for the help text)

    connection = connect_for(task_definition, profile=profile, region=region)
    one = examine_one(
        connection,
        task_definition,
        values=values_to_read(read_values),
        live_registry=live_registry,
        cross_check=cross_check,
    )
    raise typer.Exit(report(one, format_))
