"""Once an hour: send the summary of alerts held back and due reminders, and report what an earlier run did not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from pullguard.aws.deadline import left_s
from pullguard.domain.errors import NotNow
from pullguard.incidents import Incident
from pullguard.store.incidents import IncidentStore
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.publish_once import CLAIM_S, BeingReported, Publisher
from pullguard.workflows.recheck_open import Recheck
from pullguard.workflows.summarize import Summarizer

# The interval for incidents that do not break pulls today, or whose state is unknown: less often than daily.
SOFT_EVERY: Final = timedelta(days=7)
# If more reminders are due in one run, the summary names them.
REMINDERS_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """The outcome of an hourly run, logged: how many incidents are open, were reported, or had a reminder.

    ``summarized`` is how many alerts the summary names, reminders included. ``asked`` is how many task definitions are
    revalidated, since a registry may have changed. ``unchecked`` is how many open incidents were left to the next run
    for lack of time.
    """

    open: int = 0
    told: int = 0
    reminded: int = 0
    summarized: int = 0
    asked: int = 0
    unchecked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Sends a reminder of each open incident at the interval ``every``; None disables reminders."""

    incidents: IncidentStore
    reporter: IncidentNotifier
    publisher: Publisher
    summarizer: Summarizer
    again: Recheck
    every: timedelta | None
    now: Callable[[], datetime]

    def remind(self) -> Reminded:
        """Process every incident that is open or not yet reported; a concurrent run finds nothing left to do.

        The summary comes first, then the validation requests, so that nothing delays them. Half of the remaining time
        belongs to the other messages of the batch. Raises ``NotNow`` if the incidents known to be due take more: the
        next delivery goes on with those that are left. The others are checked in an order that changes with each run,
        so that none is always the last.
        """
        records = [each for each in self.incidents.records() if each.is_open or not each.is_reported]
        due = [each for each in records if self._is_due(each)]
        few, many = (due, []) if len(due) <= REMINDERS_MAX else ([], due)
        named = self.summarizer.send([each for each in records if each.held], many)
        result = Reminded(open=sum(each.is_open for each in records), summarized=named, asked=self.again.ask())
        others_s = left_s() / 2
        urgent = [each for each in records if each in few or not (each.is_reported or each.held)]
        for each in urgent:
            if left_s() < others_s:
                raise NotNow("the time of the run was short: the other incidents are reported with the next delivery")
            result = self._process(each.id, result, may_remind=each in few)
        done = {each.id for each in urgent}
        rest = [each for each in records if each.is_open and each.id not in done]
        Random(self.now().isoformat()).shuffle(rest)  # noqa: S311
        for number, each in enumerate(rest):
            if left_s() < others_s:
                return replace(result, unchecked=len(rest) - number)
            if self.reporter.has_changed(each):
                result = self._process(each.id, result, may_remind=False)
        return result

    def _process(self, incident_id: str, result: Reminded, *, may_remind: bool) -> Reminded:
        try:
            reported = self.reporter.report(incident_id).sent
            known = self.incidents.record(incident_id) if may_remind and not reported else None
            reminded = known is not None and self._is_due(known) and self._remind(known)
        except BeingReported:
            return result  # the run that has claimed it reports it
        return replace(result, told=result.told + reported, reminded=result.reminded + reminded)

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
