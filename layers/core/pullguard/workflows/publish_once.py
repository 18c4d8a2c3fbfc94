"""Publish a message once: a short claim keeps two runs apart, a lasting mark keeps copies of the event silent."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pullguard.alerts import Format, Notice, compose
from pullguard.aws.messaging import Topic
from pullguard.store.ledger import Ledger

# A claim on a message to people lasts this long: a run that died before it sent leaves the message to the next.
_CLAIM_S = 30
# Where another run has it, that run is nearly done: the copy waits this often and long for it. Else the copy would lie
# in the queue for the visibility timeout, minutes of a message in flight that is only to be thrown away.
_WAITS = 6
_WAIT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """What came of an event, for the log: ``id`` is that of the cause, or of the remediation."""

    sent: bool
    why: str = ""
    event: str = ""
    id: str = ""

    def about(self, event: str, id_: str = "") -> "Alerted":
        """Return the same, naming the event that it came of."""
        return replace(self, event=event, id=id_ or self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes alerts to the topic."""

    ledger: Ledger
    topic: Topic
    form: Format
    now: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep

    def once(
        self, notice: Notice, claim: str, *, is_reported: Callable[[], bool], reported: Callable[[], object]
    ) -> Alerted:
        """Publish ``notice`` unless it is told already, and mark it by ``reported``; ``claim`` names what is told.

        Raises ``BeingReported`` where another run has claimed it and does not come to an end.
        """
        if is_reported():
            return Alerted(sent=False, why="told before")
        if not self.ledger.lock(claim, _CLAIM_S, now=self.now()):
            if self._reported_meanwhile(is_reported):
                return Alerted(sent=False, why="told by another run")
            raise BeingReported(f"{claim} is being told by another run")
        if is_reported():  # by a run that ended between the question and the claim
            return Alerted(sent=False, why="told before")
        alert = compose(notice, self.form)
        self.topic.publish(alert.subject, alert.text, alert.attributes)
        reported()
        return Alerted(sent=True)

    def _reported_meanwhile(self, is_reported: Callable[[], bool]) -> bool:
        for _ in range(_WAITS):
            self.pause(_WAIT_S)
            if is_reported():
                return True
        return False


class BeingReported(Exception):
    """Another run has claimed the message; this one comes back to see whether it was sent."""
