"""Once an hour: send the summary of alerts held back and due reminders, and report what an earlier run did not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pullguard.incidents import Incident
from pullguard.store.incidents import IncidentStore
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.publish_once import CLAIM_S, BeingReported, Publisher
from pullguard.workflows.summarize import Summarizer

# The interval for incidents that do not break pulls today, or whose state is unknown: less often than daily.
SOFT_EVERY: Final = timedelta(days=7)
# If more reminders are due in one run, the summary names them.
REMINDERS_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """The outcome of an hourly run, logged: how many incidents are open, were reported, or had a reminder.

    ``summarized`` is how many alerts the summary names, reminders included. ``asked`` is how many task definitions are
    revalidated, since a registry may have changed.
    """

    open: int = 0
    told: int = 0
    reminded: int = 0
    summarized: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Sends a reminder of each open incident at the interval ``every``; None disables reminders."""

    incidents: IncidentStore
    reporter: IncidentNotifier
    publisher: Publisher
    summarizer: Summarizer
    every: timedelta | None
    now: Callable[[], datetime]

    def remind(self) -> Reminded:
        """Process every incident that is open or not yet reported; a concurrent run finds nothing left to do.

        The summary comes first, so that nothing delays it.
        """
        records = [each for each in self.incidents.records() if each.is_open or not each.is_reported]
        due = [each for each in records if self._is_due(each)]
        few, many = (due, []) if len(due) <= REMINDERS_MAX else ([], due)
        named = self.summarizer.send([each for each in records if each.held], many)
        result = Reminded(summarized=named)
        for each in records:
            result = self._process(each.id, result, may_remind=each in few)
        return result

    def _process(self, incident_id: str, result: Reminded, *, may_remind: bool) -> Reminded:
        try:
            reported = self.reporter.report(incident_id).sent
            known = self.incidents.record(incident_id)
            reminded = may_remind and known is not None and not reported and self._is_due(known) and self._remind(known)
        except BeingReported:
            return result  # the run that has claimed it reports it
        return replace(
            result,
            open=result.open + (known is not None and known.is_open),
            told=result.told + reported,
            reminded=result.reminded + reminded,
        )

    def _is_due(self, record: Incident) -> bool:
        last = record.reminded_at or record.reported_at
        if self.every is None or last is None or not record.is_open or not record.is_reported:
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
            claim=lambda also: self.incidents.claim(record, CLAIM_S, now=self.now(), also=also),
            is_reported=is_reported,
            reported=lambda: self.incidents.save(replace(record, reminded_at=self.now()), over=record, now=self.now()),
        ).sent
