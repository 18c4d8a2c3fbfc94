"""The hourly summary: one message that names the alerts that were held back, and reminders of which many are due.

The message is sent first and the alerts are marked afterwards: a run that crashes in between is followed by one that
names again what is not marked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.alerts import Notice
from pullguard.incidents import Incident
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import HeldRemediation
from pullguard.workflows.notify_incident import brief
from pullguard.workflows.publish_once import QUIET_S, Publisher

# Longer than a run takes (30 s), shorter than until a message that failed is received again (180 s).
_LOCK_S: Final = 120
_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarizer:
    """Sends the summary."""

    ledger: Ledger
    incidents: IncidentStore
    publisher: Publisher
    now: Callable[[], datetime]

    def send(self, held: Sequence[Incident], due: Sequence[Incident]) -> int:
        """Name the incidents that are ``held`` back, those ``due`` for a reminder and all remediations held back.

        Return how many alerts the summary names; 0 if there are none, or another run sends it.
        """
        now = self.now()
        remediations = tuple(self._remediations())
        notices = (
            *map(brief, held),
            *(replace(brief(each), reminder=True, now=now) for each in due),
            *(notice for _, notice in remediations),
        )
        if not notices or not self.ledger.claims.lock("alert summary", _LOCK_S, now=now):
            return 0
        account, region = notices[0].account, notices[0].region
        self.publisher.publish(Notice(kind="Alerts Summary", account=account, region=region, held_back=notices))
        for each in held:
            self._mark(each)
        for each in due:
            self.incidents.save(replace(each, reminded_at=now), over=each, now=now)
        for pointer, notice in remediations:
            self._mark_remediation(pointer, notice)
        return len(notices)

    def _remediations(self) -> Iterator[tuple[HeldRemediation, Notice]]:
        """Yield the remediations held back that are stored and were not published after all."""
        for each in self.publisher.sent_alerts.held(now=self.now()):
            arn = each.task_definition
            record = self.ledger.entries.remediation(arn, each.remediation_id)
            if record is None or self.ledger.claims.happened(each.what, now=self.now()):
                self.publisher.sent_alerts.release(each, now=self.now())
            else:
                yield each, Notice(kind=record.event, account=arn.account, region=arn.region, deed=record.deed)

    def _mark(self, named: Incident) -> None:
        """Record that the summary has named the incident in this state; a later state waits for the next summary."""
        stored: Incident | None = named
        for _ in range(_ROUNDS):
            if stored is None or stored.reported >= named.sequence:
                return
            now = self.now()
            after = replace(stored, reported=named.sequence, reported_at=now, reminded_at=None)
            if self.incidents.save(replace(after, held="" if after.is_reported else after.held), over=stored, now=now):
                return
            stored = self.incidents.record(named.id)

    def _mark_remediation(self, pointer: HeldRemediation, notice: Notice) -> None:
        now = self.now()
        self.ledger.claims.mark(pointer.what, now=now, seconds=QUIET_S[notice.kind])
        self.publisher.sent_alerts.release(pointer, now=now)
