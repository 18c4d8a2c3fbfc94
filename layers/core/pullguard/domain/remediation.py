"""What was done, would be done, or will not be done about a task definition: the record, and its event on the bus."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pullguard.domain.actions import ActionKind
from pullguard.domain.arn import Arn
from pullguard.domain.records import members_of

RemediationEvent: TypeAlias = Literal[
    "Remediation Planned", "Remediation Completed", "Remediation Failed", "Remediation Refused"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What Pullguard did, would do or must not do: ``what`` completes "Pullguard would …".

    ``why`` says why it failed or was refused, ``remedy`` and ``snippet`` what the owner would do instead.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """One deed and what became of it.

    ``before`` and ``after`` are texts to compare: policy documents, or ARNs. ``occasion`` is the message on which it
    happened; what is only planned or refused has none, so that it is told once and not at every look.
    """

    event: RemediationEvent
    deed: Deed
    before: str | None = None
    after: str | None = None
    occasion: str = ""

    @property
    def task_definition(self) -> Arn:
        """The task definition that it is about."""
        return Arn.parse(self.deed.task_definition, service="ecs", resource_type="task-definition")

    @property
    def id(self) -> str:
        """A stable id: the same thing said on the same occasion has the same."""
        deed = self.deed
        about = (self.event, deed.kind, deed.task_definition, deed.target, deed.what, deed.why, self.occasion)
        return hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]

    @property
    def deed_id(self) -> str:
        """A stable id of the deed, whichever of its dependents asked for it: people hear of it once.

        A write is one by its occasion. A plan, a refusal and a failure are the same for every task definition of the
        role (or family), where they are for the same reason.
        """
        deed = self.deed
        target = self.task_definition.resource_name.rpartition(":")[0] if deed.kind == "reregister" else deed.target
        about = {
            "Remediation Completed": (self.id,),
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
            "occasion": self.occasion,
            **asdict(self.deed),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Remediation":
        """Return the record that ``to_dict`` described."""
        own = {name: data[name] for name in ("event", "before", "after", "occasion")}
        return cls(deed=Deed(**{**members_of(Deed, data), "findings": tuple(data["findings"])}), **own)
