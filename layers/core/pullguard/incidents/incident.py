"""The life of a cause: opened with its first finding, resolved with its last, each told once.

| was | is now | becomes |
|---|---|---|
| unknown to us, or resolved | has members | opened |
| open | has no member that is as it was told, or one that is worse | changed |
| open | has members of families that were not named, an hour or more after people were told | changed |
| open | has more members, or fewer | stays as it was |
| open | has no members | resolved |

Members come and go one after another, over seconds, and some lag behind. So a cause is changed only when nobody is in
the state that was told any more, or when somebody is worse off: else it would be told to and fro.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pullguard.domain.findings import Event, Finding, Severity, Status
from pullguard.domain.records import members_of
from pullguard.incidents.dependents import Dependent
from pullguard.incidents.identity import state_sentence

_SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning")
_STATUSES: Final[tuple[Status, ...]] = ("fail", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An open finding of a cause, as much of it as decides about the cause; ``sentence`` is the common one."""

    finding_id: str
    task_definition: str
    status: Status
    severity: Severity
    sentence: str

    @classmethod
    def of(cls, finding: Finding) -> "Member":
        """Return the finding as a member of its cause."""
        return cls(
            finding_id=finding.id,
            task_definition=finding.task_definition,
            status=finding.status,
            severity=finding.severity,
            sentence=state_sentence(finding),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the member as it is kept in the ledger."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Member":
        """Return the member that ``to_dict`` described; what else is kept beside it is left out."""
        return cls(**members_of(cls, data))

    @property
    def state(self) -> tuple[Status, Severity, str]:
        """What people are told again for, if it changes."""
        return self.status, self.severity, self.sentence

    @property
    def rank(self) -> tuple[int, int]:
        """How bad it is: less is worse."""
        return _SEVERITIES.index(self.severity), _STATUSES.index(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A cause and where it stands in its life.

    ``lead`` is the finding that speaks for all. ``sequence`` counts the changes, ``reported`` the alerts sent for them.
    ``affected`` are those that people were told of since it opened. ``reminded_at`` is when they were told of it
    again, ``reported_at`` when they were told of its last change.
    """

    id: str
    event: Event
    sequence: int
    reported: int
    opened_at: datetime
    changed_at: datetime
    lead: Finding
    affected: tuple[Dependent, ...] = field(default=())
    reported_at: datetime | None = None
    reminded_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether any finding of the cause still holds."""
        return self.event != "Finding Resolved"

    @property
    def is_reported(self) -> bool:
        """Whether people know of the last change."""
        return self.reported >= self.sequence

    def to_dict(self) -> dict[str, Any]:
        """Return the record as it is kept in the ledger."""
        return {
            "id": self.id,
            "event": self.event,
            "sequence": self.sequence,
            "told": self.reported,
            "opened_at": self.opened_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
            "lead": self.lead.to_kept(),
            "affected": [each.to_list() for each in self.affected],
            "told_at": self.reported_at.isoformat() if self.reported_at else None,
            "reminded_at": self.reminded_at.isoformat() if self.reminded_at else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Incident":
        """Return the record that ``to_dict`` described."""
        return cls(
            id=data["id"],
            event=data["event"],
            sequence=data["sequence"],
            reported=data["told"],
            opened_at=datetime.fromisoformat(data["opened_at"]),
            changed_at=datetime.fromisoformat(data["changed_at"]),
            lead=Finding.from_dict(data["lead"]),
            affected=tuple(Dependent.from_list(each) for each in data["affected"]),
            reported_at=_time(data["told_at"]),
            reminded_at=_time(data["reminded_at"]),
        )


def leading(known: Incident | None, members: Iterable[Member]) -> Member | None:
    """Return the member that speaks for all: one of the worst, if possible in the state that was told.

    None where there are no members.
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
    """Return the record as it is to be, ``lead`` speaking for the members there are; None where nothing changes.

    ``joined`` is whether members of families have joined that nobody was told of, and that is due.
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
        )
    if lead is None:
        return replace(known, event="Finding Resolved", sequence=known.sequence + 1, changed_at=now)
    if Member.of(known.lead).state == Member.of(lead).state and not joined:
        return None
    return replace(known, event="Finding Changed", sequence=known.sequence + 1, changed_at=now, lead=lead)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
