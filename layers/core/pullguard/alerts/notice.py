"""What there is to tell, before anybody has put it into words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pullguard.alerts.deed import Deed
from pullguard.findings import Finding

NoticeKind: TypeAlias = Literal[
    "Finding Opened",
    "Finding Changed",
    "Finding Resolved",
    "Remediation Planned",
    "Remediation Completed",
    "Remediation Failed",
    "Remediation Refused",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell: findings of one cause, the first of which leads, or a deed, or both.

    ``dependents`` are the ARNs of the services that the cause hits, or of its task definitions, the leading one
    among them or not.
    ``opened_at`` and ``resolved_at`` are UTC. ``reminder`` marks what has been told before and still stands.
    """

    kind: NoticeKind
    account: str
    region: str
    findings: tuple[Finding, ...] = ()
    deed: Deed | None = None
    dependents: tuple[str, ...] = ()
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    reminder: bool = False

    def __post_init__(self) -> None:
        if not self.findings and self.deed is None:
            raise ValueError("a notice is about a finding or a deed, and this one is about neither")

    @property
    def lasted(self) -> timedelta | None:
        """How long it was broken, where both ends are known."""
        if self.opened_at is None or self.resolved_at is None:
            return None
        return max(self.resolved_at - self.opened_at, timedelta())
