"""After each sweep, have every role reconciled that has grants of this stack or a write whose outcome is unknown.

The function that writes IAM decides: a request revokes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pullguard.aws.messaging import Queues
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import RoleItem
from pullguard.store.ledger import Ledger
from pullguard.store.table import log_malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRoles:
    """The roles that this stack has granted something."""

    ledger: Ledger
    queues: Queues
    grant_queue_url: str
    now: Callable[[], datetime]

    def secrets_per_role_max(self) -> int:
        """Return the number of secrets granted to the role with the most grants of this stack."""
        return max((len(item.grants) for _, item in self._items()), default=0)

    def ask(self, sweep: str) -> int:
        """Ask for a review of each role with grants or open writes after ``sweep``; return how many roles."""
        provenance = Provenance(kind=LISTED, event_id=sweep, at=self.now())
        roles = [
            role
            for role, item in self._items()
            if item.grants or any(each.outcome == "planned" for each in item.writes)
        ]
        for role in roles:
            review = Review(role=role, provenance=provenance)
            self.queues.command(self.grant_queue_url, review, group=str(role), message_id=f"review {sweep}")
        return len(roles)

    def _items(self) -> list[tuple[Arn, RoleItem]]:
        found = []
        for role in self.ledger.roles.known():
            try:
                found.append((role, self.ledger.roles.item(role)))
            except MalformedItem as error:  # keeps its role from being written to, and no other
                log_malformed(error)
        return found
