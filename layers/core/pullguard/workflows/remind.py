"""Once an hour: send reminders of open incidents that are due, and report what an earlier run did not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pullguard.incidents import Incident
from pullguard.store.incidents import IncidentStore
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.publish_once import CLAIM_S, BeingReported, Publisher

# The interval for incidents that do not break pulls today, or whose state is unknown: less often than daily.
SOFT_EVERY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """The outcome of an hourly run, logged: how many incidents are open, were reported, or had a reminder.

    ``asked`` is how many task definitions are revalidated, since a registry may have changed.
    """

    open: int = 0
    told: int = 0
    reminded: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Sends a reminder of each open incident at the interval ``every``; None disables reminders."""

    incidents: IncidentStore
    reporter: IncidentNotifier
    publisher: Publisher
    every: timedelta | None
    now: Callable[[], datetime]

    def remind(self) -> Reminded:
        """Process every incident that is open or not yet reported; a concurrent run finds nothing left to do."""
        result = Reminded()
        for each in self.incidents.records():
            if each.is_open or not each.is_reported:
                result = self._process(each.id, result)
        return result

    def _process(self, incident_id: str, result: Reminded) -> Reminded:
        try:
            reported = self.reporter.report(incident_id).sent
            known = self.incidents.record(incident_id)
            reminded = known is not None and not reported and self._is_due(known) and self._remind(known)
        except BeingReported:
            return result  # the run that has claimed it reports it
        return Reminded(
            open=result.open + (known is not None and known.is_open),
            told=result.told + reported,
            reminded=result.reminded + reminded,
        )

    def _is_due(self, record: Incident) -> bool:
        last = record.reminded_at or record.reported_at
        if self.every is None or last is None or not record.is_open:
            return False
        is_hard = (record.lead.severity, record.lead.status) == ("error", "fail")
        return self.now() - last >= (self.every if is_hard else max(self.every, SOFT_EVERY))

    def _remind(self, record: Incident) -> bool:
        notice = self.reporter.notice_of(record, reminder=True)

        def is_reported() -> bool:
            kept = self.incidents.record(record.id)
            return kept is None or (kept.sequence, kept.reminded_at) != (record.sequence, record.reminded_at)

        return self.publisher.once(
            notice,
            f"reminder of cause {record.id}",
            claim=lambda: self.incidents.claim(record, CLAIM_S, now=self.now()),
            is_reported=is_reported,
            reported=lambda: self.incidents.save(replace(record, reminded_at=self.now()), over=record, now=self.now()),
        ).sent
