"""The changes that Pullguard would make to a role after a rollback, once its hold ends."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pullguard.aws.readers import AwsReaders
from pullguard.checks.gather import Readers
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.role import Role
from pullguard.domain.role_policy import role_policy_change
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.write_history import Write
from pullguard.planning.planner import Rules
from pullguard.workflows.role_reader import described
from pullguard_cli.deployment import Deployment
from pullguard_cli.operations.held import resume_command
from pullguard_cli.operations.rollback_target import Target
from pullguard_cli.role_plan import reader_of, revocation_rules

# A rollback is urgent: the preview reads a few task definitions, and leaves the rest to the plan.
DEPENDENTS_MAX: Final = 10


def after_resume(deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...]) -> Iterator[str]:
    """Yield one line for each change that the stack would make to ``target`` once the hold ends.

    The task definitions that the grants were made for, and those found to need one within the last hour, are read
    again. Nothing is yielded for a stack that only observes. AWS errors propagate.
    """
    if deployment.mode == "observe":
        return
    item, now = deployment.ledger.roles.item(role.arn), datetime.now(UTC)
    readers = _readers(deployment)
    users = sorted({each.task_definition for each in item.grants if each.task_definition})
    found = {user: described(Arn.parse(user), readers) for user in users[:DEPENDENTS_MAX]}
    yield from _unread(found)
    witnesses = (each for each in found.values() if isinstance(each, TaskDefinition))
    seen = reader_of(deployment, readers, Rules(), *witnesses, now=now).read(role.arn, item, "others")
    if seen is None:
        return
    state = replace(
        seen.state,
        own=replace(seen.state.own, grants=target.grants),
        grants=target.records(item, writes, now),
        writes=(),
        versions=(),
    )
    change = role_policy_change(state, seen.needs, revocation_rules(deployment.parameters), now)
    resume = f"After `{resume_command(deployment.stack, role.arn.resource_name)}`, Pullguard would"
    for secret in change.added:
        user = Arn.parse(change.users[str(secret)]).resource_name
        yield f"{resume} grant {secret.resource_name} again: {user} needs it."
    for secret, why in change.revoked.items():
        yield f"{resume} revoke {secret.resource_name}: {why}."


def _readers(deployment: Deployment) -> Readers:
    connection, parameters = deployment.connection, deployment.parameters
    return AwsReaders(
        connection.clients,
        values="never",
        account=connection.account,
        starts=deployment.starts,
        places=deployment.services,
        secret_pattern=parameters.get("RegistrySecretPattern", "*"),
        required_boundary=parameters.get("RequireRoleBoundary", ""),
    )


def _unread(found: Mapping[str, Lookup[TaskDefinition]]) -> Iterator[str]:
    for user, each in found.items():
        if not isinstance(each, TaskDefinition | Missing):
            yield f"It is not known what Pullguard would grant for {Arn.parse(user).resource_name}: {each}."
