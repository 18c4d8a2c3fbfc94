"""The writes of our policy on a role, as the ledger remembers them: pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pullguard.remedies.grant import Granted, parse_own


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write: our policy before and after it (None where there was none), why and when (ISO 8601), and by whom.

    ``version`` is a short name that never changes. The record is made before the policy is written, so that the
    newest one may tell of a write that never came about.
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

    @classmethod
    def from_record(cls, role: object, sort: str, record: Mapping[str, Any]) -> "Write":
        """Return the write that the ledger keeps for ``role`` under ``sort`` (time and message)."""
        cause = record.get("cause") or {}
        return cls(
            version=hashlib.sha256(f"{role} {sort}".encode()).hexdigest()[:8],
            role=str(role),
            at=sort.partition("#")[0],
            before=record.get("before"),
            after=record.get("after"),
            cause=str(cause.get("kind", "")),
            event_id=str(cause.get("event_id", "")),
            task_definition=str(record.get("task_definition") or ""),
            by=str(record.get("by") or "pullguard"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the write for programs, with its policies as JSON objects."""
        parsed = {name: _parsed(getattr(self, name)) for name in ("before", "after")}
        return {**asdict(self), **parsed}


def additions(writes: Iterable[Write]) -> dict[Granted, str]:
    """Return what our writes have added and the policy did not grant before, with the task definition it was for.

    Whatever else the policy grants was not granted by this stack.
    """
    added: dict[Granted, str] = {}
    for write in writes:
        before, after = (frozenset(parse_own(each)[0]) if each else frozenset() for each in (write.before, write.after))
        added |= dict.fromkeys(after - before, write.task_definition)
    return added


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
