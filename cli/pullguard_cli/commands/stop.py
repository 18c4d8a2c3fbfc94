"""``pullguard stop``: pause all remediation, or that of one role or family."""

import typer

from pullguard_cli.options import DEFAULT_STACK, OneFamily, Profile, Reason, Region, RoleToHold, StackName, Yes


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
    """Pause all remediation. Detection and alerts continue.

    Takes effect within seconds and lasts until `pullguard resume`. With ROLE, pauses changes to that role and to the
    revisions that use it. With --family, pauses registrations in that family, and moves and redeployments of its
    services.

    **Examples**

    - `pullguard stop --reason 'incident 4711'` — everything
    - `pullguard stop web-execution` — one role
    - `pullguard stop --family web` — one family
    """
    from pullguard_cli.deployment import find  # noqa: PLC0415 (slow import, not needed for the help text)
    from pullguard_cli.operations.stopping import stop_everything, stop_one  # noqa: PLC0415
    from pullguard_cli.operations.targets import chosen, not_both  # noqa: PLC0415

    not_both(role, family)
    deployment = find(stack=stack, profile=profile, region=region)
    target = chosen(deployment, role, family)
    if target is None:
        raise typer.Exit(stop_everything(deployment, reason, yes=yes))
    raise typer.Exit(stop_one(deployment, target, reason, yes=yes))
