"""After a complete sweep: which grants does nothing need any more? Mark them, and ask for a review of what is due.

A mark takes nothing away. Whoever may write IAM proves it again (``workflows/revoke.py``).
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
    """Marks grants as needed or unused, and asks for reviews where ``revoke`` is on."""

    ledger: Ledger
    queues: Queues
    grant_queue_url: str
    revoke: bool
    grace_days: int
    now: Callable[[], datetime]

    def mark(self, sweep: str) -> None:
        """Mark every grant of ours; to be called when all of ``sweep`` is answered, before it counts as complete."""
        for role in self.ledger.roles():
            users = set(self.ledger.dependents(role_name(role.account, _bare_name(role))))
            for holding in self.ledger.grant_records(role):
                secret = holding.granted.secret
                if users.isdisjoint(self.ledger.dependents(str(secret))):
                    self.ledger.mark_unused(role, secret, sweep=sweep, now=self.now())
                elif holding.unused_since is not None:
                    self.ledger.mark_needed(role, secret)

    def secrets_per_role_max(self) -> int:
        """Return how many secrets this stack has granted to the role that it has granted the most."""
        return max((len(self.ledger.grant_records(role)) for role in self.ledger.roles()), default=0)

    def ask(self, sweep: str, *, complete: bool = True) -> int:
        """Ask for a review of each role with a grant that is past its grace, or without consent; return how many.

        Without consent is what could not be taken back at once. That needs no ``complete`` sweep, and no ``revoke``.
        """
        roles = [role for role in self.ledger.roles() if (complete and self._is_due(role, sweep)) or self._owes(role)]
        cause = Provenance(kind=LISTED, event_id=sweep, at=self.now())
        for role in roles:
            review = Review(role=role, provenance=cause)
            self.queues.command(self.grant_queue_url, review, group=str(role), occasion=f"review {sweep}")
        return len(roles)

    def _is_due(self, role: Arn, sweep: str) -> bool:
        grant_records = self.ledger.grant_records(role) if self.revoke else ()
        return any(each.is_due(sweep, grace_days=self.grace_days, now=self.now()) for each in grant_records)

    def _owes(self, role: Arn) -> bool:
        return bool(self.ledger.without_consent(role))


def _bare_name(role: Arn) -> str:
    return role.resource_name.rsplit("/", 1)[-1]
