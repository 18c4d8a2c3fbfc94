"""After a complete sweep, mark the grants that nothing needs any more, and ask for a review of those that are due.

A mark revokes nothing. The function that writes IAM proves the need again (``workflows/revoke.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pullguard.aws.messaging import Queues
from pullguard.domain.arn import Arn
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.store.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedGrants:
    """Marks grants as needed or unused, and asks for reviews if ``revoke`` is on."""

    ledger: Ledger
    queues: Queues
    grant_queue_url: str
    revoke: bool
    grace_days: int
    now: Callable[[], datetime]

    def mark(self, sweep: str) -> None:
        """Mark every grant of this stack. Call it when all of ``sweep`` is answered, before it counts as complete."""
        for role in self.ledger.roles.known():
            users = set(self.ledger.entries.dependents(role_name(role.account, _bare_name(role))))
            for record in self.ledger.roles.grant_records(role):
                secret = record.granted.secret
                if users.isdisjoint(self.ledger.entries.dependents(str(secret))):
                    self.ledger.roles.mark_unused(role, secret, sweep=sweep, now=self.now())
                elif record.unused_since is not None:
                    self.ledger.roles.mark_needed(role, secret)

    def secrets_per_role_max(self) -> int:
        """Return the number of secrets granted to the role with the most grants of this stack."""
        return max((len(self.ledger.roles.grant_records(role)) for role in self.ledger.roles.known()), default=0)

    def ask(self, sweep: str, *, complete: bool = True) -> int:
        """Ask for a review of each role with a grant past its grace period or without consent; return how many roles.

        A grant is without consent if it could not be revoked at once. Its review needs neither a ``complete`` sweep
        nor ``revoke``.
        """
        roles = [
            role for role in self.ledger.roles.known() if (complete and self._is_due(role, sweep)) or self._owes(role)
        ]
        cause = Provenance(kind=LISTED, event_id=sweep, at=self.now())
        for role in roles:
            review = Review(role=role, provenance=cause)
            self.queues.command(self.grant_queue_url, review, group=str(role), occasion=f"review {sweep}")
        return len(roles)

    def _is_due(self, role: Arn, sweep: str) -> bool:
        grant_records = self.ledger.roles.grant_records(role) if self.revoke else ()
        return any(each.is_due(sweep, grace_days=self.grace_days, now=self.now()) for each in grant_records)

    def _owes(self, role: Arn) -> bool:
        return bool(self.ledger.roles.without_consent(role))


def _bare_name(role: Arn) -> str:
    return role.resource_name.rsplit("/", 1)[-1]
