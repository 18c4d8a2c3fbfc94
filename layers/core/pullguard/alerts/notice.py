"""The content of an alert, before it is put into words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pullguard.domain.findings import Finding
from pullguard.domain.remediation import Deed
from pullguard.incidents import Dependent

NoticeKind: TypeAlias = Literal[
    "Finding Opened",
    "Finding Changed",
    "Finding Resolved",
    "Remediation Planned",
    "Remediation Completed",
    "Remediation Failed",
    "Remediation Refused",
    "Alerts Held Back",
    "Alerts Summary",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The content of one alert: findings of one incident, the first of which leads, or a deed, or both.

    Or other alerts: ``held_back`` are those that a summary names, or the first of those that a full limit holds back.
    ``limit`` is that limit (incidents/alert_limits.py), ``limit_count`` its number of alerts.

    ``dependents`` are the services that the incident affects, and the task definitions that no service runs; if none
    are given, it affects the findings' task definitions. ``opened_at``, ``resolved_at`` and ``now`` are UTC.
    ``reminder`` marks a repeated alert about something that is still open.
    """

    kind: NoticeKind
    account: str
    region: str
    findings: tuple[Finding, ...] = ()
    deed: Deed | None = None
    incident_id: str = ""
    dependents: tuple[Dependent, ...] = ()
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    now: datetime | None = None
    reminder: bool = False
    held_back: tuple["Notice", ...] = ()
    limit: str = ""
    limit_count: int = 0

    def __post_init__(self) -> None:
        if not self.findings and self.deed is None and not self.held_back:
            raise ValueError("a notice is about a finding, a deed or other alerts, and this one is about none of them")

    @property
    def lasted(self) -> timedelta | None:
        """The duration of the fault, until it was resolved or until ``now``; None if either end is unknown."""
        end = self.resolved_at or self.now
        if self.opened_at is None or end is None:
            return None
        return max(end - self.opened_at, timedelta())
