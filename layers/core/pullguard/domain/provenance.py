"""Provenance: the event that led to a request (kind, id and time), and whether that time is plausible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pullguard.domain.errors import Rejected, shown

_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_EVENT_KIND = re.compile(r"[A-Za-z][A-Za-z -]{0,63}")
# Tolerance for a clock that is ahead of ours; and how long a message can wait in a queue and its dead-letter queue
# (template.yaml).
AHEAD_MAX: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The origin of a request: ``kind`` is the event's name (``PutSecretValue``), or ``Sweep`` and the like; UTC."""

    kind: str
    event_id: str
    at: datetime

    def to_dict(self) -> dict[str, str]:
        """Return the provenance in the form of a validation message, its time to the second."""
        at = self.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"kind": self.kind, "event_id": self.event_id, "at": at}

    @classmethod
    def from_dict(cls, data: object) -> "Provenance":
        """Return the provenance that ``to_dict`` described; raises ``Rejected`` for anything else."""
        if not isinstance(data, Mapping):
            raise Rejected("cause is not an object with kind, event_id and at")
        kind, event_id = data.get("kind"), data.get("event_id")
        if not (isinstance(kind, str) and _EVENT_KIND.fullmatch(kind)):
            raise Rejected(f"cause.kind {quoted(kind)} is not the name of an event")
        if not (isinstance(event_id, str) and is_event_id(event_id)):
            raise Rejected(f"cause.event_id {quoted(event_id)} is not an event id")
        return cls(kind=kind, event_id=event_id, at=time_of(data.get("at"), "cause.at"))


def check_time(provenance: Provenance, *, now: datetime) -> None:
    """Accept a provenance with a plausible time; raises ``Rejected`` for one in the future or too old.

    A message older than any queue's retention was forged or stored elsewhere; a time in the future would supersede
    every later event.
    """
    its_time = f"{provenance.kind} event {provenance.event_id}: its time, {provenance.at:%Y-%m-%d %H:%M:%S} UTC,"
    if provenance.at > now + AHEAD_MAX:
        raise Rejected(f"{its_time} is yet to come")
    if provenance.at < now - KEPT:
        raise Rejected(f"{its_time} is more than {KEPT.days} days ago, longer than any queue keeps a message")


def is_event_id(text: str) -> bool:
    """Whether ``text`` has the shape of an event's id."""
    return _EVENT_ID.fullmatch(text) is not None


def time_of(value: object, what: str) -> datetime:
    """Parse ``value`` as an ISO 8601 time with a zone, in UTC; raises ``Rejected``, which names ``what``."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # not a date, or a zone that leads out of the calendar
        pass
    raise Rejected(f"{what} {quoted(value)} is not a time with its zone (2026-11-23T00:00:00Z)")


def quoted(value: object) -> str:
    """Quote a member of an event for a message; for an object or a list only its type."""
    match value:
        case None:
            return "(absent)"
        case str():
            return shown(value)
        case Mapping():
            return "(an object)"
        case list():
            return "(a list)"
        case _:
            return shown(str(value))
