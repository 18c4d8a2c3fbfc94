"""Put our policy on a role back so that it stays back: the hold, the record, the policy, what counts as granted.

Afterwards it is looked at what stands.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.facts import NamedPolicy, Role
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_policy import POLICY_NAME, render
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
# As long as a run of the patcher may last, by its time limit in template.yaml.
UNDER_WAY_S: Final = 60


def roll_back(deployment: Deployment, name: str, *, to: str | None, reason: str, yes: bool) -> int:
    """Show what would change, ask, and write; return the exit code."""
    console = output()
    arn = deployment.role_arn(name)
    with aws_errors():
        writes = deployment.ledger.writes(arn)
        role = deployment.role(arn)
    now = _own(role)
    target = choose(writes, now, to, arn)
    for alien in target.aliens:
        console.print(says(f"Not restored, since it is not Pullguard's: {alien}", "yellow"))
    for why in disagreements(deployment, role, target):
        console.print(says(f"Pullguard itself would not grant this now: {why}", "yellow"))
    if target.stands(now):
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
        "The role is held: nothing is granted on it or taken back until "
        f"`{resume_command(deployment.stack, arn.resource_name)}`. What a task definition lacks is told."
    )


def _keep(
    deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...], *, reason: str, yes: bool
) -> int:
    """Let what stands stay: hold the role, where nobody does, and let the ledger agree."""
    arn = role.arn
    console, name = output(), arn.resource_name
    console.print(says(f"{POLICY_NAME} on {name} is so already."))
    with aws_errors():
        is_held = deployment.ledger.hold(arn) is not None
    if not is_held and not confirmed(f"Hold {name}, so that it stays so?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    with aws_errors():
        _hold(deployment, arn, target, reason=reason)
        _keep_in_step(deployment, role, target, writes)
    console.print(says(_held(deployment, arn)))
    return EXIT_OK


def _own(role: Role) -> NamedPolicy | None:
    if not isinstance(role.inline_policies, tuple):
        raise CannotRun(f"The policies of {role.arn} cannot be read: {role.inline_policies}.")
    return next((policy for policy in role.inline_policies if policy.name == POLICY_NAME), None)


def _readable(policy: NamedPolicy) -> Mapping[str, Any]:
    """Return a policy's document for the diff; a text that is no JSON is shown as one."""
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
    """Hold the role first, so that no grant comes in between; then as every write: the record, then the policy."""
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
        ledger.record_write(role.arn, write_id=id_, record={**record, "outcome": "unknown"}, now=at)
        try:
            if target.document is None:
                deployment.iam.delete_role_policy(role.name, POLICY_NAME)
            else:
                deployment.iam.put_role_policy(role.name, POLICY_NAME, render(target.document))
        except Denied:
            ledger.record_write(role.arn, write_id=id_, record={**record, "outcome": "refused"}, now=at)
            raise
        ledger.record_write(role.arn, write_id=id_, record={**record, "outcome": "written"}, now=at)
        _keep_in_step(deployment, role, target, writes)
        _check(deployment, role.arn, target, id_, since=at)


def _hold(deployment: Deployment, arn: Arn, target: Target, *, reason: str) -> None:
    """Hold the role; somebody else's hold stays as it is."""
    if deployment.ledger.hold(arn) is None:
        deployment.ledger.save_hold(arn, stop_by(deployment, reason or f"rolled back to {target.what}"))


def _check(deployment: Deployment, arn: Arn, target: Target, id_: str, *, since: datetime) -> None:
    """Look whether what was written stands, and whether a write of a run that saw no hold yet may still come.

    Raises ``CannotRun`` where it does not, or may be written over.
    """
    begun = (since - timedelta(seconds=UNDER_WAY_S)).isoformat()
    for write in deployment.ledger.writes(arn):
        if write.event_id != id_ and write.at >= begun and (write.at > since.isoformat() or write.outcome == "unknown"):
            raise CannotRun(
                f"{write.version} was written to {arn} at the same time, or may still be. The role is held: run this "
                f"again in {UNDER_WAY_S} seconds."
            )
    standing = _own(deployment.role(arn))
    if not target.stands(standing):
        raise CannotRun(
            f"{POLICY_NAME} on {arn} was written, and IAM shows another one: either it shows the write late, or "
            "somebody else has written since. The role is held: run this again in a minute."
        )


def _keep_in_step(deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...]) -> None:
    """Let the ledger hold as granted what came back, as far as this stack had granted it, and nothing else."""
    wanted = {grant.secret: grant for grant in target.grants}
    held = {each.granted.secret: each for each in deployment.ledger.grant_records(role.arn)}
    for secret in held.keys() - wanted.keys():
        deployment.ledger.forget_grant(role.arn, secret)
    kept = {secret for secret, each in held.items() if each.is_of(role)}
    for grant, task_definition in additions(writes).items():
        if wanted.get(grant.secret) == grant and grant.secret not in kept:
            deployment.ledger.keep_grants(role.arn, (grant,), role_id=role.role_id, task_definition=task_definition)
