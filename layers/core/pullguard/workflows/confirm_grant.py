"""Confirm a written policy: if both owners still consent, record and report the grants; otherwise revoke them.

Milliseconds pass between the proof and the write. In that time an owner may remove a tag or replace a secret. IAM
enforces the role's tag itself; this module checks everything else again after the write. A run that crashes in between
leaves its intents in the ledger. The next run of the same message uses them to find and confirm what was written.

If a grant cannot be revoked now, because AWS refuses or all writes are stopped, the ledger records it, and an alert
says that the grant remains and how to remove it. The message is retried. After that, each sweep asks for a review of
the role, and so does each hourly run if a stop or a hold refused it (``workflows/revoke_without_consent.py``).
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pullguard.alerts import describe
from pullguard.aws.iam import Iam
from pullguard.checks.gather import gather
from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.consent import revoked
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.facts import Facts
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.lookup import Unreadable
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, Granted, grant_command, parse_own, policy_document, render
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import NamedPolicy, Role
from pullguard.workflows.execute import Executor
from pullguard.workflows.role_lock import RoleLock, Unconfirmed
from pullguard.workflows.write_checks import Held, NotWritten
from pullguard.workflows.write_policy import Change, PolicyWriter


def completed(grant: Grant, change: Change, notes: str = "") -> Remediation:
    """Return the record of ``grant``, made by ``change``; ``notes`` describe the other effects of the change."""
    deed = describe(grant, notes)
    return Remediation(event="Remediation Completed", deed=deed, before=change.before, after=change.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Writes our policy, then checks that the owners still consent to it."""

    executor: Executor
    iam: Iam

    def write(self, role: Role, change: Change, secrets: Iterable[Arn], *, write_id: str) -> None:
        """Write the policy for ``secrets``; raises ``NotWritten`` and ``Denied``."""
        PolicyWriter(executor=self.executor, iam=self.iam).write(role, change, secrets, write_id=write_id)

    def confirm_earlier(self, request: ValidationRequest, *, occasion: str) -> int:
        """Confirm the intended grants of an earlier run of the same message, if the role still has its exact policy.

        This does not depend on what the message needs now: the task definition may be gone, or a tag may have lowered
        the mode. Return how many grants were revoked. Raises ``NotNow`` if the state cannot be determined, or if
        another run is writing to the role.
        """
        intended = self.executor.ledger.intents.of(occasion)
        if not intended:
            return 0
        lock = RoleLock(executor=self.executor, role=Arn.parse(intended[0].deed.target), occasion=occasion)
        return lock.hold(lambda: self._confirm_intended(lock.role, intended, request, occasion), let_end=bool)

    def _confirm_intended(
        self, arn: Arn, intended: tuple[Remediation, ...], request: ValidationRequest, occasion: str
    ) -> int:
        role = self.executor.readers().role(arn)
        if isinstance(role, Unreadable) or (isinstance(role, Role) and not isinstance(role.inline_policies, tuple)):
            raise Unconfirmed(f"the policy that was written on {arn} could not be read")
        own = own_policy(role) if isinstance(role, Role) else None
        if not isinstance(role, Role) or own is None:
            return 0
        ours = (render(own.document), request.task_definition)
        done = tuple(each for each in intended if (each.after, each.task_definition) == ours)
        return self.confirm(role, done, request, occasion=occasion) if done else 0

    def confirm(self, role: Role, done: tuple[Remediation, ...], request: ValidationRequest, *, occasion: str) -> int:
        """Check again whether both owners consent to what was ``done``; record and report it, or revoke it.

        Return how many grants were revoked. Raises ``Unconfirmed`` if AWS does not answer, or if a grant that must be
        revoked cannot be revoked now.
        """
        try:
            reasons = self.revoked(str(request.task_definition), tuple(_granted(each).secret for each in done))
            if reasons:
                self._revert(role, done, reasons, request, occasion)
        except NotNow as error:
            raise Unconfirmed(str(error)) from error
        # Record grants only after the write: one that IAM refused must not enter the next write, since its secret may
        # have lost its opt-in by then. Record only what this stack needs: other grants of the policy may be another
        # stack's.
        kept = (_granted(each) for each in done if str(each.deed.secret) not in reasons)
        self.executor.ledger.roles.keep_grants(
            role.arn, kept, role_id=role.role_id, task_definition=str(request.task_definition)
        )
        for each in done:
            why = reasons.get(str(each.deed.secret))
            self.executor.report(each if why is None else _reverted(each, why), occasion=occasion)
        return len(reasons)

    def revoked(self, task_definition: str, secrets: tuple[Arn, ...]) -> dict[str, str]:
        """Return those of ``secrets`` whose grant for ``task_definition`` lacks an owner's consent, with the reason."""
        facts = gather(task_definition, self.executor.readers(), now=self.executor.now())
        if isinstance(facts, Unreadable):
            raise NotNow(f"the consent of the owners could not be read: {facts}")
        if not isinstance(facts, Facts):
            return {str(secret): "the task definition is gone" for secret in secrets}
        reasons = {str(secret): revoked(facts, secret) for secret in secrets}
        return {secret: why for secret, why in reasons.items() if why is not None}

    def _revert(
        self,
        role: Role,
        done: tuple[Remediation, ...],
        reasons: dict[str, str],
        request: ValidationRequest,
        occasion: str,
    ) -> None:
        """Write the policy without the secrets of ``reasons``; grants of them that it had before the write stay."""
        earlier = {each.secret: each for each in parse_own(done[0].before or "")[0]}
        without_consent = tuple(
            GrantWithoutConsent(
                granted=(granted := _granted(each)),
                before=earlier.get(granted.secret),
                task_definition=str(request.task_definition),
                why=reasons[str(granted.secret)],
            )
            for each in done
            if str(each.deed.secret) in reasons
        )
        self.executor.ledger.roles.keep_without_consent(role.arn, without_consent)
        own = str(done[0].after)
        self.revert(role, own, without_consent, request, occasion=occasion)
        self.executor.ledger.roles.forget_without_consent(role.arn, without_consent)

    def revert(
        self,
        role: Role,
        own: str,
        without_consent: tuple[GrantWithoutConsent, ...],
        request: ValidationRequest,
        *,
        occasion: str,
    ) -> None:
        """Write ``own``, our current policy, without the grants ``without_consent``; their ledger records stay.

        Raises ``NotNow`` if the write is not possible now, after reporting each grant that remains.
        """
        change = Change(
            before=own,
            after=without(own, without_consent),
            task_definition=str(request.task_definition),
            cause=request.provenance,
        )
        secrets = tuple(each.granted.secret for each in without_consent)
        try:
            self._lower(role, change, secrets, write_id=f"{occasion}-taken-back")
        except (Denied, NotNow, NotWritten) as error:
            if isinstance(error, Held):
                self.executor.ledger.holds.keep_waiting(role.arn, now=self.executor.now())
            for each in without_consent:
                self.executor.report(_remains(role, change, each, error), occasion=occasion)
            raise NotNow(f"what an owner does not agree to stands on {role.arn}: {error}") from error

    def _lower(self, role: Role, change: Change, secrets: tuple[Arn, ...], *, write_id: str) -> None:
        """Write a policy that grants less. A stop or a hold prevents it; an open circuit breaker does not."""
        if self.executor.mode == "observe":
            raise NotNow("Pullguard only observes (parameter Mode)")
        self.executor.guard.admit(role=role.arn)
        self.write(role, change, secrets, write_id=write_id)


def without(own: str, without_consent: tuple[GrantWithoutConsent, ...]) -> str | None:
    """Return our policy without the grants ``without_consent``, restoring what they replaced; None if it is empty."""
    gone = {each.granted.secret for each in without_consent}
    kept = (
        *(each for each in parse_own(own)[0] if each.secret not in gone),
        *(each.before for each in without_consent if each.before is not None),
    )
    return render(policy_document(kept)) if kept else None


def own_policy(role: Role) -> NamedPolicy | None:
    """Return our policy on a role as read; None if the role has none, or its policies could not be read."""
    inline = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    return next((each for each in inline if each.name == POLICY_NAME), None)


def _granted(done: Remediation) -> Granted:
    key = done.deed.key
    return Granted(secret=Arn.parse(str(done.deed.secret)), key=None if key is None else Arn.parse(key))


def grant_of(role: Role, without_consent: GrantWithoutConsent) -> Grant:
    """Return the action that created a grant."""
    return Grant(
        task_definition=Arn.parse(without_consent.task_definition, service="ecs", resource_type="task-definition"),
        role=role.arn,
        secret=without_consent.granted.secret,
        key=without_consent.granted.key,
        findings=(),
    )


def _remains(role: Role, change: Change, without_consent: GrantWithoutConsent, error: Exception) -> Remediation:
    """Return the report of a grant that remains without an owner's consent, with the command that removes it."""
    delete = f"aws iam delete-role-policy --role-name {shlex.quote(role.name)} --policy-name {POLICY_NAME}"
    deed = replace(
        describe(grant_of(role, without_consent)),
        why=f"the grant STANDS without an owner's consent ({without_consent.why}), "
        f"since it could not be revoked: {error}",
        remedy="Remove it by hand. Until it is gone, Pullguard retries, and each sweep asks for a review.",
        snippet=delete if change.after is None else grant_command(role.name, change.after),
    )
    return Remediation(event="Remediation Failed", deed=deed)


def _reverted(done: Remediation, why: str) -> Remediation:
    deed = replace(
        done.deed,
        why=f"an owner withdrew consent during the write, so the grant was taken back: {why}",
        remedy="Pullguard grants it again once both owners consent by their tags.",
    )
    return Remediation(event="Remediation Failed", deed=deed)
