"""Send alerts: one per incident and change of its state, written from the ledger and never from the event.

Anyone who may put events onto the bus could forge one. An event therefore only identifies the record to look up;
without a record in the ledger there is no alert. Duplicate and late events are harmless for the same reason: the
alert depends on the current state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pullguard.alerts import Notice
from pullguard.aws.messaging import BUS_SOURCE
from pullguard.checks.catalogue import incident_of
from pullguard.domain.arn import Arn, parse_task_definition
from pullguard.domain.errors import Malformed, Rejected, shown
from pullguard.domain.messages import parse_object
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import HeldRemediation
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.publish_once import CLAIM_S, QUIET_S, Alerted, Publisher
from pullguard.workflows.remind import Reminded, Reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """Turns the events of the Pullguard bus into alerts."""

    ledger: Ledger
    publisher: Publisher
    reporter: IncidentNotifier
    reminder: Reminder
    now: Callable[[], datetime]

    def handle(self, body: str) -> Alerted | Reminded:
        """Process one message: send reminders if it comes from the schedule, otherwise alert about its event."""
        event = parse_object(body)
        if (event.get("source"), event.get("detail-type")) == ("aws.events", "Scheduled Event"):
            return self.reminder.remind()
        return self.alert(body)

    def alert(self, body: str) -> Alerted:
        """Send an alert about the event in ``body``; raises ``Rejected`` if the event is not Pullguard's."""
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
        raise Rejected(f"the detail-type {shown(kind)} is not one of Pullguard's")

    def _of_finding(self, kind: str, finding: Mapping[str, Any], detail: Mapping[str, Any]) -> Alerted:
        arn, id_ = _identity(finding)
        record = self.ledger.entries.finding(arn, id_)
        sequence = detail.get("sequence")
        if record is None or type(sequence) is not int or sequence > record.sequence:
            raise Rejected(f"the ledger knows no finding {shown(id_)} of {arn} in that state")
        reported = [
            self.reporter.report(incident_id, arrived=record)
            for incident_id in (record.left, incident_of(record.finding))
            if incident_id
        ]
        if not reported:
            return Alerted(sent=False, why="the finding that explains it has been reported", id=id_).about(kind)
        return next((each for each in reported if each.sent), reported[-1]).about(kind)

    def _of_remediation(self, kind: str, remediation: Mapping[str, Any]) -> Alerted:
        arn, id_ = _identity(remediation)
        record = self.ledger.entries.remediation(arn, id_)
        if record is None or record.event != kind:
            raise Rejected(f"the ledger knows no remediation {shown(id_)} of {arn} of that kind")
        notice = Notice(kind=record.event, account=arn.account, region=arn.region, deed=record.deed)
        what, claims = f"alert {record.deed_id}", self.ledger.claims
        held = HeldRemediation(what=what, task_definition=arn, remediation_id=id_)

        def hold(_: str) -> bool:
            if claims.happened(what, now=self.now()):
                return False
            self.publisher.sent_alerts.hold(held, now=self.now())
            return True

        result = self.publisher.once(
            notice,
            what,
            claim=lambda also: claims.begin(what, CLAIM_S, now=self.now(), also=also),
            is_reported=lambda: claims.happened(what, now=self.now()),
            reported=lambda: claims.mark(what, now=self.now(), seconds=QUIET_S[record.event]),
            hold=hold,
        )
        if result.held:
            self.publisher.announce(result.held, notice)
        return result.about(kind, id_)


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
        return parse_task_definition(str(thing.get("task_definition"))), id_
    except Malformed as error:
        raise Rejected(str(error)) from error
