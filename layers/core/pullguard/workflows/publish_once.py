"""Publish an alert once: a short claim separates concurrent runs, a lasting mark silences duplicate events.

The item that marks an alert as sent also holds the claim, so that a claim need not read the mark separately.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pullguard.alerts import Notice, compose
from pullguard.aws.messaging import Topic
from pullguard.domain.alert_format import Format

# How long a claim on an alert lasts: if a run crashes before it publishes, the next run takes over.
CLAIM_S: Final = 30
# If another run has the claim, it is nearly done. The duplicate waits this often and long for it. Otherwise the
# duplicate would stay in the queue for the visibility timeout: minutes in flight, only to be discarded.
_WAITS = 6
_WAIT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """The outcome of an event, logged. ``id`` is that of the incident or of the remediation."""

    sent: bool
    why: str = ""
    event: str = ""
    id: str = ""

    def about(self, event: str, id_: str = "") -> "Alerted":
        """Return the same outcome with the name of its event."""
        return replace(self, event=event, id=id_ or self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes alerts to the topic."""

    topic: Topic
    form: Format
    pause: Callable[[float], None] = time.sleep

    def once(
        self,
        notice: Notice,
        what: str,
        *,
        claim: Callable[[], bool],
        is_reported: Callable[[], bool],
        reported: Callable[[], object],
    ) -> Alerted:
        """Publish ``notice`` if this run can ``claim`` it for ``CLAIM_S`` seconds, then call ``reported`` to mark it.

        ``claim`` fails if another run has claimed the alert, or has marked it; ``is_reported`` decides which. ``what``
        names the alert. Raises ``BeingReported`` if another run has claimed it and does not finish in time.
        """
        if not claim():
            if is_reported():
                return Alerted(sent=False, why="published before")
            if self._reported_meanwhile(is_reported):
                return Alerted(sent=False, why="published by another run")
            raise BeingReported(f"{what} is being published by another run")
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
    """Another run has claimed the alert; the message is retried to see whether it was sent."""
