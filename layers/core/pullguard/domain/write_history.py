"""The ledger's history of writes: our policies on roles, and changes in ECS. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias, get_args

from pullguard.domain.policy_document import POLICY_NAME, Granted, parse_own

# The record is made before the write and marked after it. If a run died between the two, or AWS answered that it was
# busy, the outcome is unknown.
Outcome: TypeAlias = Literal["written", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The record of one write: the state before and after it, the reason, the time (ISO 8601), and the author.

    ``version`` is a short name that never changes; ``outcome`` is the known result.
    """

    version: str
    at: str
    before: str | None
    after: str | None
    cause: str
    event_id: str
    task_definition: str
    by: str = "pullguard"
    outcome: Outcome = "unknown"

    @classmethod
    def _read(cls, subject: object, sort: str, record: Mapping[str, Any], **own: str) -> Self:
        """Return the write that the ledger keeps for ``subject`` under ``sort``, which begins with its time."""
        provenance = record.get("cause") or {}
        return cls(
            version=hashlib.sha256(f"{subject} {sort}".encode()).hexdigest()[:8],
            at=sort.partition("#")[0],
            before=record.get("before"),
            after=record.get("after"),
            cause=str(provenance.get("kind", "")),
            event_id=str(provenance.get("event_id", "")),
            task_definition=str(record.get("task_definition") or ""),
            by=str(record.get("by") or "pullguard"),
            outcome=_outcome(record),
            **own,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the write in machine-readable form."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Recorded):
    """One write of ``policy`` on ``role``; ``before`` and ``after`` are its grants as a policy, None without any."""

    role: str
    policy: str = POLICY_NAME

    @classmethod
    def from_record(cls, role: object, sort: str, record: Mapping[str, Any]) -> Self:
        """Return the write that the ledger keeps for ``role`` under ``sort`` (time and message)."""
        return cls._read(role, sort, record, role=str(role), policy=str(record.get("policy") or POLICY_NAME))

    def to_dict(self) -> dict[str, Any]:
        """Return the write in machine-readable form, with its policies as JSON objects."""
        return {**asdict(self), "before": _parsed(self.before), "after": _parsed(self.after)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsWrite(Recorded):
    """One write to ECS for ``family``: a registration, a move or a redeployment.

    ``kind`` is the deed's (``reregister``, ``move-service``, ``redeploy``), ``target`` the resource that was written
    to. ``before`` and ``after`` are ARNs of revisions. A redeployment has None for both; an unknown ``after`` has None
    too.
    """

    family: str
    kind: str
    target: str

    @classmethod
    def from_record(cls, family: str, sort: str, record: Mapping[str, Any]) -> Self:
        """Return the write that the ledger keeps for ``family`` under ``sort`` (time, message and target)."""
        deed = {name: str(record.get(name) or "") for name in ("kind", "target")}
        return cls._read(family, sort, record, family=family, **deed)


def additions(writes: Iterable[Write]) -> dict[Granted, str]:
    """Return the grants that our writes added to the policy, each with the task definition that it was for.

    Any other grant of the policy does not come from this stack. A write that AWS refused added nothing.
    """
    added: dict[Granted, str] = {}
    for write in (each for each in writes if each.outcome != "refused"):
        before, after = (frozenset(parse_own(each)[0]) if each else frozenset() for each in (write.before, write.after))
        added |= dict.fromkeys(after - before, write.task_definition)
    return added


def _outcome(record: Mapping[str, Any]) -> Outcome:
    said: Outcome = record.get("outcome", "unknown")
    return said if said in get_args(Outcome) else "unknown"


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
