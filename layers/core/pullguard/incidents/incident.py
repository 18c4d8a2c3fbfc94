"""The lifecycle of an incident: opened with its first finding, resolved with its last, each reported once.

| was | is now | becomes |
|---|---|---|
| unknown to us, or resolved | has members | opened |
| open | no member is in the reported state, or one is worse | changed |
| open | has members of unreported families, an hour or more after the last alert | changed |
| open | has more members, or fewer | unchanged |
| open | has no members | resolved |

Members come and go one after another, over seconds, and some lag behind. So an incident changes only when no member is
in the reported state any more, or when one is worse: otherwise the alert would flap.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pullguard.domain.findings import Event, Finding, Severity, Status
from pullguard.domain.records import stored_as
from pullguard.incidents.dependents import Dependent
from pullguard.incidents.identity import state_sentence

_SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning")
_STATUSES: Final[tuple[Status, ...]] = ("fail", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The part of an open finding that decides about its incident; ``sentence`` is the common one."""

    finding_id: str
    task_definition: str
    status: Status
    severity: Severity
    sentence: str

    @classmethod
    def of(cls, finding: Finding) -> "Member":
        """Return the finding as a member of its incident."""
        return cls(
            finding_id=finding.id,
            task_definition=finding.task_definition,
            status=finding.status,
            severity=finding.severity,
            sentence=state_sentence(finding),
        )

    @property
    def state(self) -> tuple[Status, Severity, str]:
        """The state whose change is reported again."""
        return self.status, self.severity, self.sentence

    @property
    def rank(self) -> tuple[int, int]:
        """The severity rank: a smaller one is worse."""
        return _SEVERITIES.index(self.severity), _STATUSES.index(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """All findings with one root cause, and their common lifecycle state.

    ``lead`` is the finding that represents all. ``sequence`` counts the changes, ``reported`` the alerts sent for them.
    ``affected`` are the dependents that were reported since it opened. ``reminded_at`` is the time of the last
    reminder, ``reported_at`` the time at which its last change was reported. ``is_full``: more dependents were reported
    than ``affected`` has room for. ``held`` is the limit on alerts for which its last changes wait for the summary
    (alert_limits.py), empty if they do not; ``affected`` then includes the dependents that the summary will report.
    """

    id: str
    event: Event
    sequence: int
    reported: int = field(metadata=stored_as("told"))
    opened_at: datetime
    changed_at: datetime
    lead: Finding
    affected: tuple[Dependent, ...] = field(default=())
    is_full: bool = False
    reported_at: datetime | None = field(default=None, metadata=stored_as("told_at"))
    reminded_at: datetime | None = None
    held: str = ""

    @property
    def is_open(self) -> bool:
        """Whether any finding of the incident is still open."""
        return self.event != "Finding Resolved"

    @property
    def is_reported(self) -> bool:
        """Whether the last change was reported."""
        return self.reported >= self.sequence


def leading(known: Incident | None, members: Iterable[Member]) -> Member | None:
    """Return the member that represents all: one of the worst, if possible in the reported state.

    None if there are no members.
    """
    reported = Member.of(known.lead) if known is not None and known.is_open else None

    def order(member: Member) -> tuple[object, ...]:
        as_reported = reported is not None and member.state == reported.state
        same = reported is not None and member.finding_id == reported.finding_id
        return member.rank, not as_reported, not same, member.task_definition, member.finding_id

    return min(members, key=order, default=None)


def advance_incident(
    id_: str, known: Incident | None, lead: Finding | None, *, joined: bool = False, now: datetime
) -> Incident | None:
    """Return the new record, with ``lead`` representing the present members; None if nothing changes.

    ``joined``: members of unreported families have joined, and an alert about them is due.
    """
    if known is None or not known.is_open:
        if lead is None:
            return None
        return Incident(
            id=id_,
            event="Finding Opened",
            sequence=known.sequence + 1 if known else 1,
            reported=known.reported if known else 0,
            opened_at=now,
            changed_at=now,
            lead=lead,
            held=known.held if known else "",
        )
    if lead is None:
        return replace(known, event="Finding Resolved", sequence=known.sequence + 1, changed_at=now)
    if Member.of(known.lead).state == Member.of(lead).state and not joined:
        return None
    return replace(known, event="Finding Changed", sequence=known.sequence + 1, changed_at=now, lead=lead)
