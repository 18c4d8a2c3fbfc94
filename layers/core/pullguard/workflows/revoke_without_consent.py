"""Take back what stands on a role without an owner's consent, because it could not be taken back when it was written.

The ledger knows it from the moment at which that was tried. Each sweep asks for a review of such a role, whether
``RevokeUnusedGrants`` is on or off: no owner ever agreed to it. Everything is proved again: what is no more in the
policy is forgotten, and so is what both owners agree to by now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pullguard.alerts import describe
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.facts import Missing, Role
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.messages import Review, ValidationRequest
from pullguard.domain.remediation import Remediation
from pullguard.domain.role_policy import parse_own, render
from pullguard.workflows.confirm_grant import Confirmer, grant_of, own_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsWithoutConsent:
    """Takes back what an owner never agreed to."""

    confirmer: Confirmer

    def settle(self, review: Review, *, occasion: str) -> int:
        """Take back what is known to stand on the role of ``review`` without consent; return how many grants.

        Raises ``NotNow`` where that cannot be read or written now; it stays known.
        """
        executor = self.confirmer.executor
        known = executor.ledger.without_consent(review.role)
        if not known:
            return 0
        role = executor.readers().role(review.role)
        if isinstance(role, Missing):
            executor.ledger.forget_without_consent(review.role, known)
            return 0
        if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
            raise NotNow(f"what stands on {review.role} could not be read: {role}")
        own = own_policy(role)
        text = "" if own is None else render(own.document)
        known, lost = self._recalled(role, text, known)
        standing = self._standing(role, text, known, occasion)
        if standing:
            first = Arn.parse(standing[0].task_definition)
            request = ValidationRequest(task_definition=first, provenance=review.provenance)
            self.confirmer.revert(role, text, standing, request, occasion=occasion)
            # Known until people have been told: where that fails, the next run finds it gone, and tells.
            self._report_gone(role, standing, occasion)
            executor.ledger.forget_without_consent(role.arn, standing)
        elif lost:
            raise NotNow(f"whether {lost[0].granted.secret} is still granted to {role.arn} is unknown: {lost[0].why}")
        return len(standing)

    def _recalled(
        self, holder: Role, own: str, known: tuple[GrantWithoutConsent, ...]
    ) -> tuple[tuple[GrantWithoutConsent, ...], tuple[GrantWithoutConsent, ...]]:
        """Return what is known, records that cannot be read by what our writes say, and what stands and no write says.

        What no write records and the policy does not grant is forgotten: there is nothing to revoke or report.
        """
        ledger = self.confirmer.executor.ledger
        if all(each.task_definition for each in known):
            return known, ()
        writes, present = ledger.writes(holder.arn), {each.secret: each for each in parse_own(own)[0]}
        recalled = {each: each.recalled(writes, present.get(each.granted.secret)) for each in known}
        unsaid = tuple(each for each, said in recalled.items() if said is None)
        ledger.forget_without_consent(holder.arn, (each for each in unsaid if each.granted.secret not in present))
        lost = tuple(each for each in unsaid if each.granted.secret in present)
        return tuple(each for each in recalled.values() if each is not None), lost

    def _report_gone(self, role: Role, gone: Iterable[GrantWithoutConsent], occasion: str) -> None:
        for each in gone:
            self.confirmer.executor.report(_gone(role, each), occasion=occasion)

    def _standing(
        self, holder: Role, own: str, known: tuple[GrantWithoutConsent, ...], occasion: str
    ) -> tuple[GrantWithoutConsent, ...]:
        """Return what is to go; what is gone, is this stack's by a later need or is agreed to by now is forgotten.

        Of what is gone people are told first: they may have been told that it stands.
        """
        ledger, role = self.confirmer.executor.ledger, holder.arn
        present = set(parse_own(own)[0])
        ours = {each.granted for each in ledger.grant_records(role) if each.is_of(holder)}
        self._report_gone(holder, (each for each in known if each.granted not in present | ours), occasion)
        there = tuple(each for each in known if each.granted in present - ours)
        consented = tuple(each for each in there if not self._lacks_consent(each))
        for each in consented:
            ledger.keep_grants(role, (each.granted,), role_id=holder.role_id, task_definition=each.task_definition)
        standing = tuple(each for each in there if each not in consented)
        ledger.forget_without_consent(role, (each for each in known if each not in standing))
        return standing

    def _lacks_consent(self, without_consent: GrantWithoutConsent) -> bool:
        return bool(self.confirmer.revoked(without_consent.task_definition, (without_consent.granted.secret,)))


def _gone(role: Role, without_consent: GrantWithoutConsent) -> Remediation:
    deed = replace(
        describe(grant_of(role, without_consent)),
        why=f"an owner's consent ended while it was written ({without_consent.why}); it stood until now, and is gone",
        remedy="Where both owners agree by their tags again, it is granted again.",
    )
    return Remediation(event="Remediation Failed", deed=deed)
