"""The changes that a stack would make to a role after a rollback, once nothing holds it back any more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pullguard.aws.readers import AwsReaders
from pullguard.checks.gather import Readers
from pullguard.domain.arn import Arn
from pullguard.domain.role import Role
from pullguard.domain.role_policy import role_policy_change
from pullguard.domain.write_history import Write
from pullguard.planning.planner import Rules
from pullguard_cli.deployment import Deployment
from pullguard_cli.operations.rollback_target import Target
from pullguard_cli.role_plan import decide, reader_of, revocation_rules

_THEN: Final = "Once the hold ends, Pullguard would"
NOT_KNOWN: Final = "It is not known whether Pullguard would change this once the hold ends"


def after_hold(deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...]) -> Iterator[str]:
    """Yield one line for each change that the stack would make to ``target``, and for what could not be read.

    All task definitions that use the role are read, at most 200. Nothing is yielded for a stack that only observes.
    Errors of AWS propagate.
    """
    parameters = deployment.parameters
    if "Mode" not in parameters:
        yield f"{NOT_KNOWN}: the stack was not read."
        return
    if deployment.mode == "observe":
        return
    now, rules = datetime.now(UTC), revocation_rules(parameters)
    item = deployment.ledger.roles.item(role.arn)
    records = target.records(item, writes, now)
    reader = reader_of(deployment, _readers(deployment), Rules())
    if not reader.sweep:
        yield f"{NOT_KNOWN}: the stack has no complete sweep."
        return
    decided = decide(reader, role, replace(item, grants=records), rules, now, all_=True)
    seen = decided.seen
    own = replace(seen.state.own, grants=target.grants)
    change = role_policy_change(
        replace(seen.state, own=own, grants=records, writes=(), versions=()), seen.needs, rules, now
    )
    for secret in change.added:
        yield f"{_THEN} grant {secret.resource_name}: {Arn.parse(change.users[str(secret)]).resource_name} needs it."
    for secret, why in change.revoked.items():
        yield f"{_THEN} revoke {secret.resource_name}: {why}."
    for secret, finding in change.unneeded.items():
        if rules.allow(finding) and seen.needs.is_writable and secret not in change.revoked:
            yield f"{_THEN} revoke {secret.resource_name} {rules.grace.days} days later: {finding}."
    for why in decided.unknown:
        yield f"{NOT_KNOWN}: {why}."


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
