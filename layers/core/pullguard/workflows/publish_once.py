"""Publish an alert once: a short claim separates concurrent runs, a lasting mark silences duplicate events.

The item that marks an alert as sent also holds the claim, so that a claim need not read the mark separately. The
transaction that claims an alert counts it for the limits (incidents/alert_limits.py): what a crash interrupts has been
counted or not claimed, and concurrent runs cannot both take the last one that a limit allows.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias

from pullguard.alerts import Notice, compose
from pullguard.alerts.affected import concerns_several, named
from pullguard.aws.messaging import Topic
from pullguard.domain.alert_format import Format
from pullguard.incidents.alert_limits import HOUR, STACK, UNUSED, AlertLimits, SentAlert, exceeded
from pullguard.incidents.identity import family_name
from pullguard.store.claims import ClaimStore
from pullguard.store.sent_alerts import SentAlertStore
from pullguard.store.table import Puts

# How long a claim on an alert lasts: if a run crashes before it publishes, the next run takes over.
CLAIM_S: Final = 30
# If another run has the claim, it is nearly done. The duplicate waits this often and long for it. Otherwise the
# duplicate would stay in the queue for the visibility timeout: minutes in flight, only to be discarded.
_WAITS = 6
_WAIT_S = 0.5
# How often a claim is repeated because other runs have counted alerts meanwhile: at most two runs are at work.
_ROUNDS: Final = 10
_DAY_S: Final = 86_400
# The time in seconds before the same action is reported again. Each write is news. A plan or a refusal is the same for
# each task definition that asks for it. A failure is reported once a day.
QUIET_S: Final[Mapping[str, int]] = {
    "Remediation Completed": 14 * _DAY_S,
    "Remediation Planned": 90 * _DAY_S,
    "Remediation Refused": 90 * _DAY_S,
    "Remediation Failed": _DAY_S,
}
# Claims an alert and writes the given requests in the same transaction; False if either fails.
Claim: TypeAlias = Callable[[Puts], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """The outcome of an event, logged. ``id`` is that of the incident or of the remediation.

    ``held`` is the limit for which this run holds the alert back: a family, ``*`` or ``*unused``.
    """

    sent: bool
    why: str = ""
    event: str = ""
    id: str = ""
    held: str = ""

    def about(self, event: str, id_: str = "") -> "Alerted":
        """Return the same outcome with the name of its event."""
        return replace(self, event=event, id=id_ or self.id)

    @property
    def measures(self) -> dict[str, int]:
        """The number of alerts held back, as a metric."""
        return {"AlertsHeldBack": 1} if self.held else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes alerts to the topic, within ``limits``; one object for each batch of messages."""

    topic: Topic
    form: Format
    claims: ClaimStore
    sent_alerts: SentAlertStore
    limits: AlertLimits
    now: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep
    # The alerts for which the batch has waited in vain: it does not wait again, so that its other alerts are sent.
    _busy: set[str] = field(default_factory=set, init=False)

    def once(
        self,
        notice: Notice,
        what: str,
        *,
        claim: Claim,
        is_reported: Callable[[], bool],
        reported: Callable[[], object],
        hold: Callable[[str], bool] | None = None,
    ) -> Alerted:
        """Publish ``notice`` if this run can ``claim`` it for ``CLAIM_S`` seconds, then call ``reported`` to mark it.

        ``claim`` fails if another run has claimed the alert, or has marked it; ``is_reported`` decides which. ``what``
        names the alert. If it would exceed a limit, ``hold`` records that it waits for the summary, and fails if
        another run has claimed or marked it; without ``hold`` the alert does not count. Raises ``BeingReported`` if
        another run has claimed it and does not finish in time.
        """
        counted = _counted(notice, what, self.now()) if hold else None
        limit = self._claim(claim, counted)
        if limit == "":
            self.publish(notice)
            reported()
            return Alerted(sent=True)
        if limit and hold and hold(limit):
            return Alerted(sent=False, why="held back for the summary", held=limit)
        if is_reported():
            return Alerted(sent=False, why="published before")
        if what not in self._busy and self._reported_meanwhile(is_reported):
            return Alerted(sent=False, why="published by another run")
        self._busy.add(what)
        raise BeingReported(f"{what} is being published by another run")

    def publish(self, notice: Notice) -> None:
        """Publish ``notice`` without a claim."""
        alert = compose(notice, self.form)
        self.topic.publish(alert.subject, alert.text, alert.attributes)

    def announce(self, limit: str, first: Notice) -> None:
        """Publish, once an hour, that ``limit`` is reached; ``first`` is an alert that is held back.

        The notice about a family counts for the stack. If it would exceed that limit, the notice about the stack is
        published instead.
        """
        what = f"alerts held back {limit}"
        if self.claims.happened(what, now=self.now()):
            return
        result = self.once(
            Notice(
                kind="Alerts Held Back",
                account=first.account,
                region=first.region,
                held_back=(first,),
                limit=limit,
                limit_count=self.limits.of(limit),
            ),
            what,
            claim=lambda also: self.claims.begin(what, CLAIM_S, now=self.now(), also=also),
            is_reported=lambda: self.claims.happened(what, now=self.now()),
            reported=lambda: self.claims.mark(what, now=self.now(), seconds=int(HOUR.total_seconds())),
            hold=None if limit in (STACK, UNUSED) else lambda _: True,
        )
        if result.held:
            self.announce(result.held, first)

    def _claim(self, claim: Claim, counted: SentAlert | None) -> str | None:
        """Claim an alert and count it; return "" once claimed, None if it cannot be, or the limit that it exceeds."""
        if counted is None or self.limits == AlertLimits():
            return "" if claim(()) else None
        sent = self.sent_alerts.last_hour()
        for _ in range(_ROUNDS):
            if limit := exceeded(counted, sent.alerts, self.limits):
                return limit
            if claim((self.sent_alerts.counting(counted, sent),)):
                return ""
            before, sent = sent, self.sent_alerts.last_hour()
            if sent.version == before.version:
                return None
        return None

    def _reported_meanwhile(self, is_reported: Callable[[], bool]) -> bool:
        for _ in range(_WAITS):
            self.pause(_WAIT_S)
            if is_reported():
                return True
        return False


class BeingReported(Exception):
    """Another run has claimed the alert; the message is retried to see whether it was sent."""


def _counted(notice: Notice, what: str, now: datetime) -> SentAlert:
    """Return what counts of an alert for the limits (incidents/alert_limits.py)."""
    if notice.kind in ("Remediation Completed", "Remediation Failed"):
        return SentAlert(what=what, family="", in_use=True, at=now)
    about = notice.held_back[0] if notice.held_back else notice
    in_use = any(each.is_service and each.found for each in about.dependents)
    task_definition = named(notice, "task_definition")
    is_one = task_definition is not None and not notice.held_back and not concerns_several(notice)
    return SentAlert(what=what, family=family_name(task_definition or "") if is_one else "", in_use=in_use, at=now)
