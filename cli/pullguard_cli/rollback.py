"""Put our policy on a role back so that it stays back: the hold, the record, the policy, and what counts as granted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from pullguard.arn import Arn
from pullguard.errors import shown
from pullguard.events import Cause
from pullguard.history import Write, additions
from pullguard.model import NamedPolicy, Role
from pullguard.remedies.grant import POLICY_NAME, Granted, parse_own, policy_document, render, same
from pullguard.stop import REASON_MAX_CHARS, Stop
from pullguard_cli.asking import confirmed
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import difference, print_difference
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.printing import output, plain, says

NO_POLICY: Final = "none"
KIND: Final = "Rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to come back: grants (none: no policy), in whose place, and what of the text was not ours."""

    grants: tuple[Granted, ...]
    what: str
    task_definition: str = ""
    aliens: tuple[str, ...] = ()

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The policy; None where there is to be none."""
        return policy_document(self.grants) if self.grants else None


def roll_back(deployment: Deployment, name: str, *, to: str | None, reason: str, yes: bool) -> int:
    """Show what would change, ask, and write; return the exit code."""
    console = output()
    arn = deployment.role_arn(name)
    with aws_errors():
        writes = deployment.ledger.writes(arn)
        role = deployment.role(arn)
    target, now = _target(writes, to, arn), _own(role)
    for alien in target.aliens:
        console.print(says(f"Not restored, since it is not Pullguard's: {alien}", "yellow"))
    if _is_so(now, target):
        console.print(says(f"{POLICY_NAME} on {arn.resource_name} is so already."))
        with aws_errors():
            if deployment.ledger.hold(arn) is not None:
                _keep_in_step(deployment, arn, target, writes)
        return EXIT_OK
    standing = None if now is None else _readable(now)
    print_difference(difference(standing, target.document, POLICY_NAME), console)
    if not confirmed(f"Put {POLICY_NAME} on {arn.resource_name} back to {target.what}?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    _write(deployment, role, now, target, reason=reason, writes=writes)
    console.print(says(f"{POLICY_NAME} on {arn.resource_name} is back to {target.what}."))
    console.print(
        says(
            "The role is held: nothing is granted on it or taken back until "
            f"`pullguard resume {arn.resource_name}`. What a task definition lacks is told."
        )
    )
    return EXIT_OK


def _target(writes: tuple[Write, ...], to: str | None, arn: Arn) -> Target:
    """Return what is to come back, rebuilt grant by grant: the ledger's text is never written as it is."""
    if to == NO_POLICY:
        return Target(grants=(), what="no policy at all")
    if not writes:
        raise CannotRun(f"The ledger knows no write to {arn}. Look at `pullguard history`.")
    if to is None:
        newest = writes[-1]
        what = f"what it was before {newest.version} of {newest.at}"
        return _restored(newest.before, what, newest)
    chosen = [write for write in writes if write.version == to]
    if not chosen:
        raise CannotRun(f"The history of {arn} has no version {shown(to)}. Look at `pullguard history ROLE`.")
    return _restored(chosen[0].after, f"what {to} of {chosen[0].at} made it", chosen[0])


def _restored(text: str | None, what: str, write: Write) -> Target:
    grants, aliens = parse_own(text) if text else ((), ())
    return Target(grants=grants, what=what, task_definition=write.task_definition, aliens=aliens)


def _own(role: Role) -> NamedPolicy | None:
    if not isinstance(role.inline_policies, tuple):
        raise CannotRun(f"The policies of {role.arn} cannot be read: {role.inline_policies}.")
    return next((policy for policy in role.inline_policies if policy.name == POLICY_NAME), None)


def _readable(policy: NamedPolicy) -> Mapping[str, Any]:
    """Return a policy's document for the diff; a text that is no JSON is shown as one."""
    return policy.document if isinstance(policy.document, Mapping) else {"not JSON": policy.document}


def _is_so(now: NamedPolicy | None, target: Target) -> bool:
    document = target.document
    if now is None or document is None:
        return now is None and document is None
    return same(now.document, document)


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
        "cause": Cause(kind=KIND, event_id=id_, at=at).to_dict(),
        "by": deployment.connection.caller,
    }
    because = plain(reason)[:REASON_MAX_CHARS] or f"rolled back to {target.what}"
    with aws_errors():
        if ledger.hold(role.arn) is None:
            hold = Stop(by=deployment.connection.caller, at=at.replace(microsecond=0).isoformat(), reason=because)
            ledger.save_hold(role.arn, hold)
        ledger.record_write(role.arn, write_id=id_, record=record, now=at)
        if target.document is None:
            deployment.iam.delete_role_policy(role.name, POLICY_NAME)
        else:
            deployment.iam.put_role_policy(role.name, POLICY_NAME, render(target.document))
        _keep_in_step(deployment, role.arn, target, writes)
        newest = ledger.writes(role.arn)[-1]
    if newest.event_id != id_:
        raise CannotRun(f"{newest.version} was written to {role.arn} at the same time. Run this again.")


def _keep_in_step(deployment: Deployment, arn: Arn, target: Target, writes: tuple[Write, ...]) -> None:
    """Let the ledger hold as granted what came back, as far as this stack had granted it, and nothing else."""
    wanted = {grant.secret: grant for grant in target.grants}
    held = {holding.granted.secret for holding in deployment.ledger.holdings(arn)}
    for secret in held - wanted.keys():
        deployment.ledger.forget_grant(arn, secret)
    for grant, task_definition in additions(writes).items():
        if wanted.get(grant.secret) == grant and grant.secret not in held:
            deployment.ledger.keep_grants(arn, (grant,), task_definition=task_definition)
