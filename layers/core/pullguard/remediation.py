"""What was done, would be done, or will not be done about a task definition: the record, and its event on the bus."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pullguard.arn import Arn
from pullguard.plan import ActionKind

RemediationEvent: TypeAlias = Literal[
    "Remediation Planned", "Remediation Completed", "Remediation Failed", "Remediation Refused"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """One action and what became of it.

    ``target`` is what would be written to: a role's ARN, a family, or a service's ARN. ``summary`` says what was
    done, in one sentence; ``why`` the reason for a refusal or failure; ``remedy`` and ``snippet`` what a person would
    do. ``before`` and ``after`` are texts to compare: policy documents, or ARNs.
    """

    event: RemediationEvent
    action: ActionKind
    task_definition: Arn
    target: str
    summary: str
    why: str = ""
    remedy: str = ""
    snippet: str | None = None
    before: str | None = None
    after: str | None = None
    findings: tuple[str, ...] = ()
    occasion: str = ""

    @property
    def id(self) -> str:
        """A stable id: the same thing said on the same occasion has the same."""
        about = (self.event, self.action, str(self.task_definition), self.target, self.why, self.occasion)
        return hashlib.sha256("\0".join((*about, self.after or "", *self.findings)).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the record in the shape of the bus event's detail and of the ledger."""
        return {**asdict(self), "id": self.id, "task_definition": str(self.task_definition)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Remediation":
        """Return the record that ``to_dict`` described."""
        members = {name: value for name, value in data.items() if name != "id"}
        return cls(
            **{
                **members,
                "task_definition": Arn.parse(data["task_definition"]),
                "findings": tuple(data["findings"]),
            }
        )
