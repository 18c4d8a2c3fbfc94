"""Restore an earlier version of our policy on a role, in this order: hold, history record, policy, grant records.

Finally, the policy is read again to verify the result.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from pullguard.aws.deadline import Deadline
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.lookup import Document
from pullguard.domain.policy_document import POLICY_NAME, Granted, OwnPolicy, read_own, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role import Role
from pullguard.domain.role_item import RUN_MAX, PolicyWrite, RoleItem
from pullguard.domain.write_history import Write
from pullguard_cli.asking import confirmed
from pullguard_cli.aws_failures import asking_aws
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import difference, print_difference
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.operations.held import resume_command
from pullguard_cli.operations.rollback_preview import NOT_KNOWN, after_hold
from pullguard_cli.operations.rollback_target import KIND, Target, choose, disagreements
from pullguard_cli.operations.stopping import stop_by
from pullguard_cli.printing import output, says

WAIT_S: Final = 5.0
_PREVIEW_S: Final = 15.0
_ATTEMPTS_MAX: Final = 5


def roll_back(deployment: Deployment, name: str, *, to: str | None, reason: str, yes: bool) -> int:
    """Show the diff, ask, and write. Return the exit code."""
    console = output()
    arn = deployment.role_arn(name)
    with aws_errors():
        writes = deployment.ledger.roles.writes(arn)
        role = deployment.role(arn)
    policy = deployment.policy_name
    own = read_own(policy, _document(role, policy))
    if not own.is_readable:
        raise CannotRun(f"{policy} on {arn} is not a policy that Pullguard writes. Remove it, or correct it by hand.")
    _refuse_unmoved(deployment, role)
    target = choose(writes, own, to, arn)
    for alien in own.foreign:
        console.print(says(f"Stays, because Pullguard did not write it: {alien}", "yellow"))
    for alien in target.aliens:
        console.print(says(f"Not restored, because Pullguard did not write it: {alien}", "yellow"))
    for why in disagreements(deployment, role, target):
        console.print(says(f"Pullguard would not grant this now: {why}", "yellow"))
    if target.matches(own):
        return _keep(deployment, role, target, writes, reason=reason, yes=yes)
    print_difference(difference(_shown(own, own.grants), _shown(own, target.grants), policy), console)
    if not yes:
        _print_preview(deployment, role, target, writes)
    if not confirmed(f"Put {policy} on {arn.resource_name} back to {target.what}?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    _write(deployment, role, target, reason=reason, writes=writes)
    console.print(says(f"{policy} on {arn.resource_name} is back to {target.what}."))
    console.print(says(_held(deployment, arn)))
    if yes:
        _print_preview(deployment, role, target, writes)
    return EXIT_OK


def _print_preview(deployment: Deployment, role: Role, target: Target, writes: tuple[Write, ...]) -> None:
    """Print the changes that would follow once the hold ends. Neither a failure nor its time keeps a rollback back.

    With ``--yes``, and if nothing is to be written, it comes last.
    """
    console, deadline = output(), Deadline(_PREVIEW_S)
    try:
        with asking_aws(), deadline.applied():
            for line in after_hold(deployment, role, target, writes):
                console.print(says(line, "yellow"))
    except CannotRun as error:
        why = str(error) if deadline.left_s > 0 else f"reading took longer than {_PREVIEW_S:.0f} s."
        console.print(says(f"{NOT_KNOWN}: {why}", "yellow"))


def _refuse_unmoved(deployment: Deployment, role: Role) -> None:
    """Raise ``CannotRun`` while the policy of the former name has grants of this stack: a rollback would miss them."""
    former = {each.secret for each in read_own(POLICY_NAME, _document(role, POLICY_NAME)).grants}
    with aws_errors():
        granted = {each.secret for each in deployment.ledger.roles.granted(role.arn)}
    if former & granted:
        raise CannotRun(
            f"{POLICY_NAME} on {role.arn} still has grants of this stack. Each sweep moves them to "
            f"{deployment.policy_name}, unless everything is stopped or the role is held. Run this again afterwards, "
            "or correct the policy by hand."
        )


def _shown(own: OwnPolicy, grants: tuple[Granted, ...]) -> Mapping[str, Any] | None:
    """Return the policy with ``grants`` for the diff; None if there would be none."""
    return own.document(grants) if grants or own.statements else None


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
    console.print(says(f"{deployment.policy_name} on {name} already matches."))
    with aws_errors():
        is_held = deployment.ledger.roles.hold(arn) is not None
    if not is_held and not confirmed(f"Hold {name}, so that it stays unchanged?", yes=yes):
        console.print("Nothing was changed.")
        return EXIT_FINDINGS
    with aws_errors():
        _hold(deployment, arn, target, reason=reason)
        item, at = _settled(deployment, arn), datetime.now(UTC)
        aligned = replace(item, grants=target.records(item, writes, at))
        if aligned != item and not deployment.ledger.roles.replace(arn, item, aligned):
            raise CannotRun(f"Another run changed what the ledger keeps of {arn}. The role is held: run this again.")
    console.print(says(_held(deployment, arn)))
    _print_preview(deployment, role, target, writes)
    return EXIT_OK


def _write(deployment: Deployment, role: Role, target: Target, *, reason: str, writes: tuple[Write, ...]) -> None:
    """Hold the role first, so that no grant interferes, let a write that is under way end, then write and record."""
    arn, policy, at = role.arn, deployment.policy_name, datetime.now(UTC)
    with aws_errors():
        _hold(deployment, arn, target, reason=reason)
        item = _settled(deployment, arn)
        own = read_own(policy, _document(deployment.role(arn), policy))
        write = PolicyWrite(
            id=str(uuid4()),
            policy=policy,
            at=at,
            before=own.grants,
            after=target.grants,
            provenance=Provenance(kind=KIND, event_id=str(uuid4()), at=at),
            by=deployment.connection.caller,
        )
        write = target.planned(write, item, writes)
        if not deployment.ledger.roles.replace(arn, item, replace(item, writes=(*item.writes, write))):
            raise CannotRun(f"Another run changed what the ledger keeps of {arn}. The role is held: run this again.")
        try:
            if target.grants or own.statements:
                deployment.iam.put_role_policy(role.name, policy, render(own.document(target.grants)))
            else:
                deployment.iam.delete_role_policy(role.name, policy)
        except Denied:
            _close(deployment, arn, replace(write, outcome="refused"), target, writes)
            raise
        _close(deployment, arn, replace(write, outcome="done"), target, writes)
        _check(deployment, arn, target)


def _settled(deployment: Deployment, arn: Arn) -> RoleItem:
    """Return the role's item when no run can still make a write that it planned before the hold."""
    console = output()
    while True:
        item = deployment.ledger.roles.item(arn)
        now = datetime.now(UTC)
        open_ = [each.at for each in item.writes if each.outcome == "planned" and now - each.at < RUN_MAX]
        if not open_:
            return item
        seconds = (max(open_) + RUN_MAX - now).total_seconds()
        console.print(says(f"A run may still write to the role: waiting for it, {seconds:.0f} s at most.", "dim"))
        time.sleep(min(seconds, WAIT_S))


def _close(deployment: Deployment, arn: Arn, write: PolicyWrite, target: Target, writes: tuple[Write, ...]) -> None:
    """Record the outcome, and align the grant records with the policy: only grants of this stack, and no others."""
    for _ in range(_ATTEMPTS_MAX):
        item = deployment.ledger.roles.item(arn)
        known = tuple(write if each.id == write.id else each for each in item.writes)
        grants = item.grants if write.outcome == "refused" else target.records(item, writes, write.at)
        if deployment.ledger.roles.replace(arn, item, replace(item, grants=grants, writes=known)):
            return
    raise CannotRun(f"The outcome of the write to {arn} could not be recorded. The role is held: run this again.")


def _hold(deployment: Deployment, arn: Arn, target: Target, *, reason: str) -> None:
    """Hold the role. An existing hold is kept."""
    if deployment.ledger.roles.hold(arn) is None:
        deployment.ledger.roles.save_hold(arn, stop_by(deployment, reason or f"rolled back to {target.what}"))


def _check(deployment: Deployment, arn: Arn, target: Target) -> None:
    """Verify that the policy is as written; raises ``CannotRun`` otherwise."""
    role, policy = deployment.role(arn), deployment.policy_name
    if set(read_own(policy, _document(role, policy)).grants) != set(target.grants):
        raise CannotRun(
            f"{policy} on {arn} was written, but IAM returns another one: either the write is not visible yet, or "
            "another writer has changed it since. The role is held: run this again in a minute."
        )


def _document(role: Role, policy: str) -> Document | None:
    if not isinstance(role.inline_policies, tuple):
        raise CannotRun(f"Cannot read the policies of {role.arn}: {role.inline_policies}.")
    return next((each.document for each in role.inline_policies if each.name == policy), None)
