"""Once an hour: revalidate what no event reports as fixed.

Correcting a password in the registry, pushing an image or opening a repository changes nothing in AWS. Each scheduled
run therefore revalidates task definitions with such open findings. ``store/logins.py`` limits how often the registry is
asked with credentials that it refused.

The end of a stop or a hold is not an event either. ``pullguard resume`` asks for a sweep. If that request is lost, or
the stop parameter was set by hand, this run revalidates what was refused meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pullguard.aws.messaging import Queues
from pullguard.checks.catalogue import check_of
from pullguard.domain.arn import Arn
from pullguard.domain.messages import request_about
from pullguard.domain.provenance import Provenance
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger

RECHECK: Final = "Look again"
# The schedule fires each hour, and occasionally twice.
_AN_HOUR_BARELY_S: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """Revalidates task definitions that a registry refuses, and those that a stop or a hold refused."""

    ledger: Ledger
    incidents: IncidentStore
    queues: Queues
    validation_queue_url: str
    now: Callable[[], datetime]

    def ask(self) -> int:
        """Request one validation of each; return how many were requested."""
        now = self.now()
        found = sorted({*self._refused(), *self.ledger.holds.waiting(now=now)})
        if not found or not self.ledger.claims.lock("look again", _AN_HOUR_BARELY_S, now=now):
            return 0
        provenance = Provenance(kind=RECHECK, event_id=f"look-again-{int(now.timestamp())}", at=now)
        return self.queues.request(self.validation_queue_url, (request_about(each, provenance) for each in found))

    def _refused(self) -> Iterator[Arn]:
        for record in self.incidents.records():
            check = check_of(record.lead)
            if record.is_open and check is not None and check.gate == "registry":
                for member in self.incidents.members(record.id):
                    yield Arn.parse(str(member.task_definition))
