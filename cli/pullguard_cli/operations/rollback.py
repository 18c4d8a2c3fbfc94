"""Restore an earlier version of our policy on a role, in this order: hold, history record, policy, grant records.

Finally, the policy is read again to verify the result.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.policy_document import POLICY_NAME, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.write_history import Write, additions
from pullguard_cli.asking import confirmed
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import difference, print_difference
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.operations.held import resume_command
from pullguard_cli.operations.rollback_target import Target, choose, disagreements
from pullguard_cli.operations.stopping import stop_by
from pullguard_cli.printing import output, says

KIND: Final = "Rollback"
# The timeout of the patcher in template.yaml.
UNDER_WAY_S: Final = 60


def roll_back(deployment: Deployment, name: str, *, to: str | None, reason: str, yes: bool) -> int:
    """Show the diff, ask, and write. Return the exit code."""
    console = output()
    arn = deployment.role_arn(name)
    with aws_errors():
        writes = deployment.ledger.roles.writes(arn)
        role = deployment.role(arn)
    now = _own(role)
    target = choose(writes, now, to, arn)
    for alien in target.aliens:
        console.print(says(f"Not restored, because Pullguard did not write it: {alien}", "yellow"))
    for why in disagreements(deployment, role, target):
        console.print(says(f"Pullguard would not grant this now: {why}", "yellow"))
    if target.matches(now):
        return _keep(deployment, role, target, writes, reason=reason, yes=yes)
    standing = None if now is None else _readable(now)
    print_difference(difference(standing, target.document, POLICY_NAME), console)
    if not confirmed(f"Put {POLICY_NAME} on {arn.resource_name} back to {target.what}?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    _write(deployment, role, now, target, reason=reason, writes=writes)
    console.print(says(f"{POLICY_NAME} on {arn.resource_name} is back to {target.what}."))
    console.print(says(_held(deployment, arn)))
    return EXIT_OK


def _held(deployment: Deployment, arn: Arn) -> str:
    return (
        "The role is held: Pullguard neither grants nor revokes on it until "
        f"`{resume_command(deployment.stack, arn.resource_name)}`. Findings are still reported."
    )


def _keep(
    deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...], *, reason: str, yes: bool
) -> int:
    """Keep the current policy: hold the role unless it is held, and align the grant records."""
    arn = role.arn
    console, name = output(), arn.resource_name
    console.print(says(f"{POLICY_NAME} on {name} already matches."))
    with aws_errors():
        is_held = deployment.ledger.roles.hold(arn) is not None
    if not is_held and not confirmed(f"Hold {name}, so that it stays unchanged?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    with aws_errors():
        _hold(deployment, arn, target, reason=reason)
        _keep_in_step(deployment, role, target, writes)
    console.print(says(_held(deployment, arn)))
    return EXIT_OK


def _own(role: Role) -> NamedPolicy | None:
    if not isinstance(role.inline_policies, tuple):
        raise CannotRun(f"Cannot read the policies of {role.arn}: {role.inline_policies}.")
    return next((policy for policy in role.inline_policies if policy.name == POLICY_NAME), None)


def _readable(policy: NamedPolicy) -> Mapping[str, Any]:
    """Return a policy document for the diff. Text that is not JSON is wrapped."""
    return policy.document if isinstance(policy.document, Mapping) else {"not JSON": policy.document}


def _write(
    deployment: Deployment,
    role: Role,
    now: NamedPolicy | None,
    target: Target,
    *,
    reason: str,
    writes: tuple[Write, ...],
) -> None:
    """Hold the role first, so that no grant interferes. Then record the write, and write the policy."""
    ledger, at = deployment.ledger, datetime.now(UTC)
    id_ = str(uuid4())
    record = {
        "before": None if now is None else render(now.document),
        "after": None if target.document is None else render(target.document),
        "task_definition": target.task_definition,
        "cause": Provenance(kind=KIND, event_id=id_, at=at).to_dict(),
        "by": deployment.connection.caller,
    }
    with aws_errors():
        _hold(deployment, role.arn, target, reason=reason)
        ledger.roles.record_write(role.arn, write_id=id_, record={**record, "outcome": "unknown"}, now=at)
        try:
            if target.document is None:
                deployment.iam.delete_role_policy(role.name, POLICY_NAME)
            else:
                deployment.iam.put_role_policy(role.name, POLICY_NAME, render(target.document))
        except Denied:
            ledger.roles.record_write(role.arn, write_id=id_, record={**record, "outcome": "refused"}, now=at)
            raise
        ledger.roles.record_write(role.arn, write_id=id_, record={**record, "outcome": "written"}, now=at)
        _keep_in_step(deployment, role, target, writes)
        _check(deployment, role.arn, target, id_, since=at)


def _hold(deployment: Deployment, arn: Arn, target: Target, *, reason: str) -> None:
    """Hold the role. An existing hold is kept."""
    if deployment.ledger.roles.hold(arn) is None:
        deployment.ledger.roles.save_hold(arn, stop_by(deployment, reason or f"rolled back to {target.what}"))


def _check(deployment: Deployment, arn: Arn, target: Target, id_: str, *, since: datetime) -> None:
    """Verify that the policy is as written, and that no run that started before the hold may overwrite it.

    Raises ``CannotRun`` otherwise.
    """
    begun = (since - timedelta(seconds=UNDER_WAY_S)).isoformat()
    for write in deployment.ledger.roles.writes(arn):
        if write.event_id != id_ and write.at >= begun and (write.at > since.isoformat() or write.outcome == "unknown"):
            raise CannotRun(
                f"Another write ({write.version}) to {arn} ran at the same time, or still runs. The role is held: run "
                f"this again in {UNDER_WAY_S} seconds."
            )
    standing = _own(deployment.role(arn))
    if not target.matches(standing):
        raise CannotRun(
            f"{POLICY_NAME} on {arn} was written, but IAM returns another one: either the write is not visible yet, or "
            "another writer has changed it since. The role is held: run this again in a minute."
        )


def _keep_in_step(deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...]) -> None:
    """Align the grant records with the restored policy: only grants that this stack made, and no others."""
    wanted = {grant.secret: grant for grant in target.grants}
    held = {each.granted.secret: each for each in deployment.ledger.roles.grant_records(role.arn)}
    for secret in held.keys() - wanted.keys():
        deployment.ledger.roles.forget_grant(role.arn, secret)
    kept = {secret for secret, each in held.items() if each.is_of(role)}
    for grant, task_definition in additions(writes).items():
        if wanted.get(grant.secret) == grant and grant.secret not in kept:
            deployment.ledger.roles.keep_grants(
                role.arn, (grant,), role_id=role.role_id, task_definition=task_definition
            )
