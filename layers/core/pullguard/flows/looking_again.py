"""Once an hour: look again at what only a registry knows to be mended, since no event tells of it.

Whoever puts a password right in the registry, pushes an image or opens a repository changes nothing in AWS. So what is
open for such a reason is looked at with each run of the schedule, and by nobody who waits. How often the registry is
asked with credentials that it refused is decided elsewhere (``login_ledger.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pullguard.arn import Arn
from pullguard.aws.messaging import Queues
from pullguard.cause_ledger import CauseLedger
from pullguard.events import Cause
from pullguard.ledger import Ledger
from pullguard.messages import Look

LOOK_AGAIN: Final = "Look again"
AT_THE_REGISTRY: Final = frozenset(
    {"credentials-rejected", "image-not-found", "registry-rate-limited", "registry-unreachable"}
)
# The schedule comes each hour, and now and then twice.
_AN_HOUR_BARELY_S: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingAgain:
    """Asks for looks at the task definitions that a registry refuses."""

    ledger: Ledger
    causes: CauseLedger
    queues: Queues
    validation_queue_url: str
    now: Callable[[], datetime]

    def ask(self) -> int:
        """Ask for one look at each; return how many were asked for."""
        now = self.now()
        found = sorted(set(self._refused()))
        if not found or not self.ledger.lease("look again", _AN_HOUR_BARELY_S, now=now):
            return 0
        cause = Cause(kind=LOOK_AGAIN, event_id=f"look-again-{int(now.timestamp())}", at=now)
        return self.queues.look(self.validation_queue_url, (Look(task_definition=each, cause=cause) for each in found))

    def _refused(self) -> Iterator[Arn]:
        for record in self.causes.records():
            if record.is_open and record.lead.check in AT_THE_REGISTRY:
                for member in self.causes.members(record.id):
                    yield Arn.parse(str(member.task_definition))
