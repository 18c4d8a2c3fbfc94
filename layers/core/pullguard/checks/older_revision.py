"""Remedies for findings on an older revision: Pullguard does not register a copy of one (docs/adr/0005)."""

from dataclasses import replace

from pullguard.domain.arn import Arn
from pullguard.domain.aws_cli import command
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.usage import Usage


def instead_of_a_copy(remedy: Remedy, facts: Facts) -> Remedy:
    """Return the remedy that moves users of an older revision to the newest; for the newest, its own remedy.

    A successor that Pullguard registered is already planned for: services are moved to it.
    """
    usage = facts.usage
    if not _registers(remedy) or not isinstance(usage, Usage) or usage.newest or usage.successor is not None:
        return remedy
    if usage.latest is None:
        return replace(remedy, action="none")
    this, latest = facts.task_definition.arn.resource_name, usage.latest.resource_name
    text = (
        f"{latest} is newer, and Pullguard registers no copy of an older revision. Let whatever still runs {this} run "
        f"{latest}, once nothing is wrong with that one."
    )
    return Remedy(text=text, snippet=_moving(usage, usage.latest) or remedy.snippet)


def _registers(remedy: Remedy) -> bool:
    """Whether the remedy registers a revision with other credentials, by Pullguard or by a person."""
    return remedy.action == "reregister" or any(each.startswith('"repositoryCredentials"') for each in remedy.members)


def _moving(usage: Usage, latest: Arn) -> str | None:
    """Return the command for each service that ECS itself deploys."""
    commands = [
        command(
            "ecs",
            "update-service",
            *(("--region", latest.region), ("--cluster", use.cluster_arn)),
            *(("--service", use.name), ("--task-definition", str(latest))),
        )
        for use in usage.services
        if use.controller == "ECS" and not use.beside
    ]
    return " && ".join(commands) or None
