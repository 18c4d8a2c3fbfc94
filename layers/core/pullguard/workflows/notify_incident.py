"""Report an incident: compute its state, store the new state, then alert. A run may crash after any step.

State is stored before the alert, with ``reported`` trailing ``sequence``: the next run reports what an earlier run
stored but did not report. Two concurrent runs cannot both store a new state, which claims its alert, and cannot both
claim a stored one. If the alert would exceed a limit, the state is stored as ``held`` instead, for the hourly summary.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from pullguard.alerts import Notice
from pullguard.checks.catalogue import broken_by, incident_of
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding
from pullguard.incidents import (
    Dependent,
    Incident,
    Member,
    advance_incident,
    dependents_of,
    leading,
    shared_things,
    together,
)
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.incidents.identity import family_name
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept, ServiceStore, by_task_definition
from pullguard.store.table import Puts
from pullguard.workflows.publish_once import CLAIM_S, Alerted, Publisher

# The dependents stored with an incident may take this much: a DynamoDB item holds at most 400 KB, the finding included.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_REMEMBERED_MAX_BYTES: Final = 200_000
# Task definitions that join an incident are reported together, at most once per this interval.
_QUIET: Final = timedelta(hours=1)
_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentNotifier:
    """Reports what is due about an incident."""

    ledger: Ledger
    incidents: IncidentStore
    services: ServiceStore
    publisher: Publisher
    now: Callable[[], datetime]

    def report(self, incident_id: str, *, arrived: FindingRecord | None = None) -> Alerted:
        """Report every change of the incident ``incident_id`` that has not been reported.

        ``arrived`` is one of its findings that has just changed. If it agrees with the reported state, there is nothing
        to report and no need to read the others.
        """
        sent = Alerted(sent=False, why="nothing about the incident has changed for people", id=incident_id)
        known = self.incidents.record(incident_id)
        for number in range(_ROUNDS):
            if known is not None and not known.is_reported and not known.held:
                published, stored = self._publish(known, known)
            elif known is not None and known.held and known.is_open and arrived is not None and number == 0:
                # The limits are asked again: it may concern other families by now, or a running service.
                free = replace(known, held="")
                published, stored = self._publish(free, free)
                published = replace(published, held="")  # it has been counted as held back
            else:
                after, members = self._after(incident_id, known, arrived)
                if after is None:
                    if known is not None and known.held:
                        self.publisher.announce(known.held, brief(known))  # a run may have crashed before
                    return sent
                published, stored = self._publish(after, known, members)
            sent = replace(published, id=incident_id) if published.sent or not sent.sent else sent
            # Once more in any case: a finding that came after the members were read, and before the state was saved,
            # may have seen the former state and left.
            known = stored or self.incidents.record(incident_id)
        return sent

    def has_changed(self, known: Incident) -> bool:
        """Whether an open incident no longer is in its stored state ``known``, or families have joined it.

        Its event was lost, or the families joined within the quiet period.
        """
        members = self.incidents.members(known.id)
        lead = leading(known, members)
        return lead is None or lead.state != Member.of(known.lead).state or self._has_joined(known, *members)

    def _after(
        self, incident_id: str, known: Incident | None, arrived: FindingRecord | None
    ) -> tuple[Incident | None, tuple[Member, ...]]:
        """Return the incident's current state, None if it equals the stored one, and its members, if they were read."""
        if known is not None and _is_as_reported(known, arrived) and not self._has_joined(known, arrived):
            return None, ()
        if known is not None and _is_one_fewer(known, arrived):
            any_member = self.incidents.any_member(incident_id)
            if any_member is None:
                return advance_incident(incident_id, known, None, now=self.now()), ()
            if any_member.state == Member.of(known.lead).state:
                return None, ()  # a finding with a worse state sends its own event
        members = self.incidents.members(incident_id)
        lead = leading(known, members)
        if lead is None:
            return advance_incident(incident_id, known, None, now=self.now()), ()
        finding = self._finding(lead, incident_id, arrived)
        joined = known is not None and self._has_joined(known, *members)
        after = advance_incident(incident_id, known, finding, joined=joined, now=self.now()) if finding else None
        return after, members

    def _has_joined(self, known: Incident, *those: FindingRecord | Member | None) -> bool:
        """Whether one of ``those`` belongs to a family not yet named, and the quiet period is over.

        An incident left open for one dead family must not hide that it later affects all others.
        """
        if known.reported_at is None or self.now() - known.reported_at < _QUIET or known.is_full:
            return False
        named = {family_name(each.task_definition) for each in known.affected}
        definitions = (
            each.finding.task_definition if isinstance(each, FindingRecord) else each.task_definition
            for each in those
            if each is not None
        )
        return any(family_name(each) not in named for each in definitions)

    def _finding(self, member: Member, incident_id: str, arrived: FindingRecord | None) -> Finding | None:
        """Return the finding of a member; None if a wider incident covers it, or it has moved on."""
        record = arrived
        if record is None or Member.of(record.finding) != member:
            record = self.ledger.entries.finding(Arn.parse(member.task_definition), member.finding_id)
        return record.finding if record and incident_of(record.finding) == incident_id else None

    def _publish(
        self, record: Incident, known: Incident | None, members: tuple[Member, ...] | None = None
    ) -> tuple[Alerted, Incident | None]:
        """Publish the alert about ``record``: the stored state ``known``, or a new one, which is stored in its place.

        Return the outcome, and the state as it is stored now if this run has marked it as reported. Once an incident is
        held back, its further changes are, too: the summary reports the last one.
        """
        stored: list[Incident] = []
        notice, is_new = self.notice_of(record, members), record is not known
        affected = together(record.affected, notice.dependents)
        kept = _remembered(affected)
        after = replace(record, affected=kept, is_full=len(kept) < len(affected))

        def store(state: Incident, claim_s: int, also: Puts = ()) -> bool:
            if is_new:
                return self.incidents.save(state, over=known, now=self.now(), claim_s=claim_s, also=also)
            return self.incidents.claim(state, claim_s, now=self.now(), also=also)

        def is_reported() -> bool:
            if is_new:
                return True  # or will be: another run has stored a state in place of ``known``
            present = self.incidents.record(record.id)
            return present is not None and present.reported >= record.sequence

        def reported() -> None:
            now = self.now()
            final = replace(after, reported=record.sequence, reported_at=now, reminded_at=None)
            if self.incidents.save(final, over=record, now=now):
                stored.append(final)

        if record.held:
            store(after, claim_s=0)
            return Alerted(sent=False, why="follows in the summary", held=record.held), None
        result = self.publisher.once(
            notice,
            f"alert cause {record.id} {record.sequence}",
            claim=lambda also: store(record, CLAIM_S, also),
            is_reported=is_reported,
            reported=reported,
            hold=lambda limit: store(replace(after, held=limit), claim_s=0),
        )
        if result.held:
            self.publisher.announce(result.held, brief(after))
        return result, next(iter(stored), None)

    def notice_of(
        self, record: Incident, members: tuple[Member, ...] | None = None, *, reminder: bool = False
    ) -> Notice:
        """Return the notice of a stored incident, with its current dependents; None: its ``members`` are read."""
        return replace(
            brief(record),
            dependents=self._affected(record, members, all_of_them=record.event == "Finding Opened" and not reminder),
            now=self.now() if reminder else None,
            reminder=reminder,
        )

    def _affected(
        self, record: Incident, members: tuple[Member, ...] | None, *, all_of_them: bool
    ) -> tuple[Dependent, ...]:
        """Return the dependents of the incident; once it is resolved, those reported and all others that it affected.

        ``all_of_them`` includes task definitions that reference the broken resource but have not been found failing:
        when an incident has just opened, most of them have not been validated yet.
        """
        if not record.is_open:
            failed = {each.task_definition for each in self.incidents.past(record.id, since=record.opened_at)}
            reported = [replace(each, found=each.found or each.task_definition in failed) for each in record.affected]
            others = failed - {each.task_definition for each in reported}  # reported ones keep their reported services
            runners = by_task_definition(self._services(others)) if others else {}
            return together(reported, dependents_of(sorted(others), (), runners))
        known = self.incidents.members(record.id) if members is None else members
        failing = [each.task_definition for each in known]
        referencing = tuple(self._referencing(record.lead)) if all_of_them else ()
        definitions = (record.lead.task_definition, *failing)
        kept = self._services((*definitions, *referencing))
        next_pulls = {arn: each.next_pull for arn, each in kept.items()}
        return dependents_of(definitions, referencing, by_task_definition(kept), next_pulls)

    def _services(self, definitions: Iterable[str]) -> dict[str, Kept]:
        return self.services.of_families(family_name(each) for each in definitions)

    def _referencing(self, lead: Finding) -> Iterable[str]:
        """Return the task definitions that reference all broken resources, found failing or not."""
        things = shared_things(lead, broken_by(lead))
        sets = [{str(arn) for key in keys for arn in self.ledger.entries.dependents(key)} for keys in things]
        return sorted(set.intersection(*sets)) if sets else ()


def brief(record: Incident) -> Notice:
    """Return the notice of a stored incident, with the dependents that are stored with it."""
    home = Arn.parse(record.lead.task_definition)
    return Notice(
        kind=record.event,
        account=home.account,
        region=home.region,
        findings=(record.lead,),
        incident_id=record.id,
        dependents=record.affected,
        opened_at=record.opened_at,
        resolved_at=None if record.is_open else record.changed_at,
    )


def _remembered(affected: tuple[Dependent, ...]) -> tuple[Dependent, ...]:
    """Return as many dependents as an item has room for, those found failing first as they come."""
    sizes = accumulate(len(json.dumps(each.to_list())) + len(", ") for each in affected)
    return tuple(each for each, size in zip(affected, sizes, strict=True) if size <= _REMEMBERED_MAX_BYTES)


def _is_one_fewer(known: Incident, arrived: FindingRecord | None) -> bool:
    return known.is_open and arrived is not None and not arrived.is_open


def _is_as_reported(known: Incident, arrived: FindingRecord | None) -> bool:
    """Whether the arrived finding agrees with what was reported."""
    return (
        known.is_open
        and arrived is not None
        and arrived.is_open
        and incident_of(arrived.finding) == known.id
        and Member.of(arrived.finding).state == Member.of(known.lead).state
    )
