"""Once an hour: remind people of causes that are still open and due, and tell what was left untold."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pullguard.incidents import Incident
from pullguard.store.incidents import IncidentStore
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.publish_once import BeingReported, Publisher

# What works today, or what nobody could tell, is no reason to call people every day.
SOFT_EVERY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """What came of an hour, for the log: how many causes are open, of how many people were told or reminded.

    ``asked`` is how many task definitions are looked at again, since a registry may have changed.
    """

    open: int = 0
    told: int = 0
    reminded: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Reminds of each open cause ``every`` so often; never where that is None."""

    incidents: IncidentStore
    reporter: IncidentNotifier
    publisher: Publisher
    every: timedelta | None
    now: Callable[[], datetime]

    def remind(self) -> Reminded:
        """Look at every cause that is open or untold; a second run at the same time finds nothing left to do."""
        result = Reminded()
        for each in self.incidents.records():
            if each.is_open or not each.is_reported:
                result = self._look_at(each.id, result)
        return result

    def _look_at(self, cause: str, result: Reminded) -> Reminded:
        try:
            reported = self.reporter.report(cause).sent
            known = self.incidents.record(cause)
            reminded = known is not None and not reported and self._is_due(known) and self._remind(known)
        except BeingReported:
            return result  # by the run that has claimed it
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

        def reported() -> None:
            self.incidents.save(replace(record, reminded_at=self.now()), over=record, now=self.now())

        last = record.reminded_at or record.reported_at
        claim = f"alert cause {record.id} {record.sequence} reminder after {last}"
        return self.publisher.once(notice, claim, is_reported=is_reported, reported=reported).sent
