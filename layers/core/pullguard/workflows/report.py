"""Publish each fact on the Pullguard bus once. The ledger stores it first, so that a crash in between loses nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pullguard.aws.messaging import Bus
from pullguard.checks.catalogue import incident_of
from pullguard.domain.arn import Arn
from pullguard.domain.findings import EVENT_SCHEMA_VERSION
from pullguard.domain.remediation import Remediation
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.store.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Stores records in the ledger and publishes them on the bus."""

    ledger: Ledger
    bus: Bus

    def findings(
        self, task_definition: Arn, known: Iterable[FindingRecord], changed: Iterable[FindingRecord], *, now: datetime
    ) -> tuple[FindingRecord, ...]:
        """Store and publish the changed records; publish those that an earlier run stored but did not publish."""
        changes = tuple(changed)
        moved_on = {record.finding.id for record in changes}
        unreported = (
            record for record in known if record.announced < record.sequence and record.finding.id not in moved_on
        )
        reported = []
        for record in (
            *unreported,
            *(each for each in changes if self._save(task_definition, each, now)),
        ):
            self.bus.publish(record.event, finding_detail(record), [str(task_definition)])
            self._save(task_definition, replace(record, announced=record.sequence), now)
            reported.append(record)
        return tuple(reported)

    def _save(self, task_definition: Arn, record: FindingRecord, now: datetime) -> bool:
        return self.ledger.entries.save_finding(
            task_definition, record, incident_id=incident_of(record.finding), now=now
        )

    def remediation(self, remediation: Remediation, *, now: datetime) -> bool:
        """Store and publish what was or would be done; False if the same was published before."""
        if not self.ledger.entries.save_remediation(remediation, announced=False, now=now):
            return False
        self.bus.publish(
            remediation.event,
            {"schema_version": EVENT_SCHEMA_VERSION, "remediation": remediation.to_dict()},
            [str(remediation.task_definition)],
        )
        self.ledger.entries.save_remediation(remediation, announced=True, now=now)
        return True


def finding_detail(record: FindingRecord) -> dict[str, object]:
    """Return the detail of a finding's event."""
    return {
        "schema_version": EVENT_SCHEMA_VERSION,
        "finding": record.finding.to_dict(),
        "sequence": record.sequence,
        "opened_at": record.opened_at.isoformat(),
        "changed_at": record.changed_at.isoformat(),
    }
