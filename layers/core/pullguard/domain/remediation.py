"""The record of an action that was taken, planned or refused for a task definition, and its event on the bus."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from pullguard.domain.actions import ActionKind
from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, stored_as, to_record

RemediationEvent: TypeAlias = Literal[
    "Remediation Planned", "Remediation Completed", "Remediation Failed", "Remediation Refused"
]

# The grants of a write in each of its reports. An event of the bus and an alert may have 256 KB; 80 grants take 20 KB.
GRANTS_MAX_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGrant:
    """One of several grants of a write: the ARNs of the secret and of the task definition that it is for."""

    secret: str
    task_definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An action that Pullguard took, would take or must not take: ``what`` completes "Pullguard would …".

    ``why`` is the reason for a failure or refusal; ``remedy`` and ``snippet`` say what the owner can do instead.
    ``grants`` are all grants of the same write if it makes several, or the first of ``grants_count``.
    """

    kind: ActionKind
    what: str
    task_definition: str
    target: str
    role: str | None = None
    secret: str | None = None
    key: str | None = None
    why: str = ""
    remedy: str = ""
    snippet: str | None = None
    findings: tuple[str, ...] = ()
    grants: tuple[WrittenGrant, ...] = ()
    grants_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """One deed and its outcome.

    ``before`` and ``after`` are texts to compare: policy documents, or ARNs. ``message_id`` is the SQS message that
    led to it. A planned or refused action has no such id, so that it is reported once and not at every validation.
    """

    event: RemediationEvent
    deed: Deed
    before: str | None = None
    after: str | None = None
    message_id: str = field(default="", metadata=stored_as("occasion"))

    @property
    def task_definition(self) -> Arn:
        """The task definition that the record is about."""
        return Arn.parse(self.deed.task_definition, service="ecs", resource_type="task-definition")

    @property
    def id(self) -> str:
        """A stable id: the same statement for the same message has the same id."""
        deed = self.deed
        about = (self.event, deed.kind, deed.task_definition, deed.target, deed.what, deed.why, self.message_id)
        return hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]

    @property
    def deed_id(self) -> str:
        """A stable id of the deed, for all dependents that asked for it: it is reported once.

        A write is identified by its message; all grants of one write are one deed, whose reports name all of them. A
        plan, a refusal and a failure are the same for every task definition of the role (or family) if the reason is
        the same.
        """
        deed = self.deed
        target = self.task_definition.resource_name.rpartition(":")[0] if deed.kind == "reregister" else deed.target
        about = {
            "Remediation Completed": (self.message_id or self.id,) if deed.kind == "grant" else (self.id,),
            "Remediation Planned": (deed.what, deed.why),
            "Remediation Refused": (deed.why,),
            "Remediation Failed": (deed.why,),
        }[self.event]
        return hashlib.sha256("\0".join((self.event, deed.kind, target, *about)).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the record in the shape of the bus event's detail and of the ledger."""
        return {
            "id": self.id,
            "event": self.event,
            "before": self.before,
            "after": self.after,
            "occasion": self.message_id,
            **to_record(self.deed),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Remediation":
        """Return the record that ``to_dict`` described."""
        return from_record(cls, {**data, "deed": data})
