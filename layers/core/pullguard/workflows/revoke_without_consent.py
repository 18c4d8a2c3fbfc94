"""Revoke grants without consent: those that could not be revoked when an owner's consent ended during the write.

The ledger records such a grant when its revocation is first attempted. Each sweep asks for a review of its role,
whether ``RevokeUnusedGrants`` is on or off, since an owner never consented to it. Everything is proved again: a record
is deleted once the policy no longer has the grant, or both owners consent to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pullguard.alerts import describe
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.lookup import Missing
from pullguard.domain.messages import Review, ValidationRequest
from pullguard.domain.policy_document import parse_own, render
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import Role
from pullguard.workflows.confirm_grant import Confirmer, grant_of, own_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsWithoutConsent:
    """Revokes grants without an owner's consent."""

    confirmer: Confirmer

    def settle(self, review: Review, *, occasion: str) -> int:
        """Revoke the recorded grants without consent on the role of ``review``; return how many.

        Raises ``NotNow`` if the role cannot be read or written now; the records stay.
        """
        executor = self.confirmer.executor
        known = executor.ledger.roles.without_consent(review.role)
        if not known:
            return 0
        role = executor.readers().role(review.role)
        if isinstance(role, Missing):
            executor.ledger.roles.forget_without_consent(review.role, known)
            return 0
        if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
            raise NotNow(f"the policies of {review.role} could not be read: {role}")
        own = own_policy(role)
        text = "" if own is None else render(own.document)
        known, unknown = self._recalled(role, text, known)
        remaining = self._remaining(role, text, known, occasion)
        if remaining:
            first = Arn.parse(remaining[0].task_definition)
            request = ValidationRequest(task_definition=first, provenance=review.provenance)
            self.confirmer.revert(role, text, remaining, request, occasion=occasion)
            # Delete the records only after reporting: if that fails, the next run finds the grants gone and reports.
            self._report_gone(role, remaining, occasion)
            executor.ledger.roles.forget_without_consent(role.arn, remaining)
        elif unknown:
            first_unknown = unknown[0]
            raise NotNow(
                f"whether {first_unknown.granted.secret} is still granted to {role.arn} is unknown: {first_unknown.why}"
            )
        return len(remaining)

    def _recalled(
        self, holder: Role, own: str, known: tuple[GrantWithoutConsent, ...]
    ) -> tuple[tuple[GrantWithoutConsent, ...], tuple[GrantWithoutConsent, ...]]:
        """Return the records, with unreadable ones restored from our write records, and those that stay unknown.

        A record stays unknown if the policy has its grant but no write record describes it. A record is deleted if
        neither the policy nor a write record has its grant: there is nothing to revoke or report.
        """
        ledger = self.confirmer.executor.ledger
        if all(each.task_definition for each in known):
            return known, ()
        writes, present = ledger.roles.writes(holder.arn), {each.secret: each for each in parse_own(own)[0]}
        recalled = {each: each.recalled(writes, present.get(each.granted.secret)) for each in known}
        unrecorded = tuple(each for each, restored in recalled.items() if restored is None)
        ledger.roles.forget_without_consent(
            holder.arn, (each for each in unrecorded if each.granted.secret not in present)
        )
        unknown = tuple(each for each in unrecorded if each.granted.secret in present)
        return tuple(each for each in recalled.values() if each is not None), unknown

    def _report_gone(self, role: Role, gone: Iterable[GrantWithoutConsent], occasion: str) -> None:
        for each in gone:
            self.confirmer.executor.report(_gone(role, each), occasion=occasion)

    def _remaining(
        self, holder: Role, own: str, known: tuple[GrantWithoutConsent, ...], occasion: str
    ) -> tuple[GrantWithoutConsent, ...]:
        """Return the grants to revoke; delete the record of a grant that is gone, needed again or consented to by now.

        Grants that are gone are reported first: an alert may have said that they remain.
        """
        ledger, role = self.confirmer.executor.ledger, holder.arn
        present = set(parse_own(own)[0])
        ours = {each.granted for each in ledger.roles.grant_records(role) if each.is_of(holder)}
        self._report_gone(holder, (each for each in known if each.granted not in present | ours), occasion)
        there = tuple(each for each in known if each.granted in present - ours)
        consented = tuple(each for each in there if not self._lacks_consent(each))
        for each in consented:
            ledger.roles.keep_grants(
                role, (each.granted,), role_id=holder.role_id, task_definition=each.task_definition
            )
        remaining = tuple(each for each in there if each not in consented)
        ledger.roles.forget_without_consent(role, (each for each in known if each not in remaining))
        return remaining

    def _lacks_consent(self, without_consent: GrantWithoutConsent) -> bool:
        return bool(self.confirmer.revoked(without_consent.task_definition, (without_consent.granted.secret,)))


def _gone(role: Role, without_consent: GrantWithoutConsent) -> Remediation:
    deed = replace(
        describe(grant_of(role, without_consent)),
        why=f"an owner withdrew consent during the write ({without_consent.why}); it stood until now, and is gone",
        remedy="Pullguard grants it again once both owners consent by their tags.",
    )
    return Remediation(event="Remediation Failed", deed=deed)
