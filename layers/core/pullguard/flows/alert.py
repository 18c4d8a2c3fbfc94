"""Tell people: one message for each change of state, written from the ledger, never from the event's own words.

Anyone who may put events onto the bus could forge one. So an event only says which record to look up; what is not
in the ledger is not told.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pullguard.alerts import Format, Notice, compose
from pullguard.arn import Arn
from pullguard.aws.messaging import BUS_SOURCE, Topic
from pullguard.errors import Malformed, Rejected, shown
from pullguard.ledger import Ledger
from pullguard.messages import parse_object

# A claim on a message to people lasts this long: a run that died before it sent leaves the message to the next.
_CLAIM_S = 30
# Where another run has it, that run is nearly done: the copy waits this often and long for it. Else the copy would lie
# in the queue for the visibility timeout, minutes of a message in flight that is only to be thrown away.
_WAITS = 6
_WAIT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """What came of an event, for the log."""

    event: str
    id: str
    sent: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """Publishes alerts to the topic."""

    ledger: Ledger
    topic: Topic
    form: Format
    now: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep

    def alert(self, body: str) -> Alerted:
        """Tell people of the event in ``body``; raises ``Rejected`` for one that is none of ours."""
        event = parse_object(body)
        if event.get("source") != BUS_SOURCE:
            raise Rejected(f"the event's source is {shown(repr(event.get('source')))}, not {BUS_SOURCE}")
        kind, detail = event.get("detail-type"), event.get("detail")
        if not isinstance(kind, str) or not isinstance(detail, dict):
            raise Rejected("the event has no detail-type or no detail")
        if kind.startswith("Finding "):
            return self._of_finding(kind, _member(detail, "finding"), detail)
        if kind.startswith("Remediation "):
            return self._of_remediation(kind, _member(detail, "remediation"))
        raise Rejected(f"the detail-type {shown(kind)} is none of Pullguard's")

    def _of_finding(self, kind: str, finding: Mapping[str, Any], detail: Mapping[str, Any]) -> Alerted:
        arn, id_ = _identity(finding)
        record = self.ledger.finding(arn, id_)
        sequence = detail.get("sequence")
        if record is None or not isinstance(sequence, int) or sequence > record.sequence:
            raise Rejected(f"the ledger knows no finding {shown(id_)} of {arn} in that state")
        if record.event != kind or record.sequence != sequence:
            return Alerted(event=kind, id=id_, sent=False, why="the finding has moved on, which is told by itself")
        notice = Notice(
            kind=record.event,
            account=arn.account,
            region=arn.region,
            findings=(record.finding,),
            opened_at=record.opened_at,
            resolved_at=None if record.is_open else record.changed_at,
        )
        return self._send(notice, kind, id_, f"alert {arn} {id_} {sequence}")

    def _of_remediation(self, kind: str, remediation: Mapping[str, Any]) -> Alerted:
        arn, id_ = _identity(remediation)
        record = self.ledger.remediation(arn, id_)
        if record is None or record.event != kind:
            raise Rejected(f"the ledger knows no remediation {shown(id_)} of {arn} of that kind")
        notice = Notice(kind=record.event, account=arn.account, region=arn.region, deed=record.deed)
        return self._send(notice, kind, id_, f"alert {arn} {id_}")

    def _send(self, notice: Notice, kind: str, id_: str, claim: str) -> Alerted:
        """Send once: a short claim keeps two runs apart, a lasting mark keeps a copy of the event silent."""
        now = self.now()
        if self.ledger.happened(claim):
            return Alerted(event=kind, id=id_, sent=False, why="told before")
        if not self.ledger.lease(claim, _CLAIM_S, now=now):
            if self._told_meanwhile(claim):
                return Alerted(event=kind, id=id_, sent=False, why="told by another run")
            raise BeingTold(f"{claim} is being told by another run")
        alert = compose(notice, self.form)
        self.topic.publish(alert.subject, alert.text, alert.attributes)
        self.ledger.once(claim, now=now)
        return Alerted(event=kind, id=id_, sent=True)

    def _told_meanwhile(self, claim: str) -> bool:
        for _ in range(_WAITS):
            self.pause(_WAIT_S)
            if self.ledger.happened(claim):
                return True
        return False


class BeingTold(Exception):
    """Another run has claimed the message; this one comes back to see whether it was sent."""


def _member(detail: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = detail.get(name)
    if not isinstance(member, dict):
        raise Rejected(f'the event\'s detail has no "{name}"')
    return member


def _identity(thing: Mapping[str, Any]) -> tuple[Arn, str]:
    id_ = thing.get("id")
    if not isinstance(id_, str) or len(id_) != 16 or not set(id_) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise Rejected(f"the id {shown(repr(id_))} is not 16 hexadecimal digits")
    try:
        return Arn.parse(str(thing.get("task_definition")), service="ecs", resource_type="task-definition"), id_
    except Malformed as error:
        raise Rejected(str(error)) from error
