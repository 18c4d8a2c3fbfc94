"""What was written, as the ledger remembers it: our policies on roles, and what was done to ECS. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from pullguard.remedies.grant import Granted, parse_own

# The record is made before the write and marked after it. Where a run died between the two, or AWS answered that it
# was busy, nobody knows whether the write came about.
Outcome: TypeAlias = Literal["written", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write: our policy before and after it (None where there was none), why and when (ISO 8601), and by whom.

    ``version`` is a short name that never changes; ``outcome`` is what is known to have become of it.
    """

    version: str
    role: str
    at: str
    before: str | None
    after: str | None
    cause: str
    event_id: str
    task_definition: str
    by: str = "pullguard"
    outcome: Outcome = "unknown"

    @classmethod
    def from_record(cls, role: object, sort: str, record: Mapping[str, Any]) -> "Write":
        """Return the write that the ledger keeps for ``role`` under ``sort`` (time and message)."""
        cause = record.get("cause") or {}
        return cls(
            version=_version(role, sort),
            role=str(role),
            at=sort.partition("#")[0],
            before=record.get("before"),
            after=record.get("after"),
            cause=str(cause.get("kind", "")),
            event_id=str(cause.get("event_id", "")),
            task_definition=str(record.get("task_definition") or ""),
            by=str(record.get("by") or "pullguard"),
            outcome=_outcome(record),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the write for programs, with its policies as JSON objects."""
        parsed = {name: _parsed(getattr(self, name)) for name in ("before", "after")}
        return {**asdict(self), **parsed}


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsWrite:
    """One write to ECS: a registration, a move or a redeployment, of which family and for which cause.

    ``kind`` is the deed's (``reregister``, ``move-service``, ``redeploy``), ``target`` what was written to. ``before``
    and ``after`` are ARNs of revisions; ``after`` is None where that is not known, and both are for a redeployment.
    """

    version: str
    family: str
    at: str
    kind: str
    target: str
    before: str | None
    after: str | None
    cause: str
    event_id: str
    task_definition: str
    by: str = "pullguard"
    outcome: Outcome = "unknown"

    @classmethod
    def from_record(cls, family: str, sort: str, record: Mapping[str, Any]) -> "EcsWrite":
        """Return the write that the ledger keeps for ``family`` under ``sort`` (time, message and target)."""
        cause = record.get("cause") or {}
        return cls(
            version=_version(family, sort),
            family=family,
            at=sort.partition("#")[0],
            kind=str(record.get("kind") or ""),
            target=str(record.get("target") or ""),
            before=record.get("before"),
            after=record.get("after"),
            cause=str(cause.get("kind", "")),
            event_id=str(cause.get("event_id", "")),
            task_definition=str(record.get("task_definition") or ""),
            outcome=_outcome(record),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the write for programs."""
        return asdict(self)


def additions(writes: Iterable[Write]) -> dict[Granted, str]:
    """Return what our writes have added and the policy did not grant before, with the task definition it was for.

    Whatever else the policy grants was not granted by this stack. A write that AWS refused has added nothing.
    """
    added: dict[Granted, str] = {}
    for write in (each for each in writes if each.outcome != "refused"):
        before, after = (frozenset(parse_own(each)[0]) if each else frozenset() for each in (write.before, write.after))
        added |= dict.fromkeys(after - before, write.task_definition)
    return added


def _version(subject: object, sort: str) -> str:
    return hashlib.sha256(f"{subject} {sort}".encode()).hexdigest()[:8]


def _outcome(record: Mapping[str, Any]) -> Outcome:
    said: Outcome = record.get("outcome", "unknown")
    return said if said in get_args(Outcome) else "unknown"


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
