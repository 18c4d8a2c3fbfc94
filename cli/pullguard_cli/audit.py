"""What an audit found: the one record that the table, the JSON output and the HTML report are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pullguard.findings import SCHEMA_VERSION, Finding, Severity, Summary

SEVERITIES: tuple[Severity, ...] = ("error", "warning")
"""From the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that one audit of one account and Region has to say.

    ``findings`` stand in the order in which people should read them. ``summary`` counts what was looked at; its
    ``failed`` and ``unknown`` are the numbers of findings listed. ``in_use`` maps the ARN of a revision that runs to
    where it does (``service web in cluster prod``); a revision that is not there runs nowhere, as far as could be
    read. ``unfinished`` says, a sentence each, what could not be looked at: empty after a whole audit. Times are UTC.
    """

    account: str
    region: str
    findings: tuple[Finding, ...]
    summary: Summary
    in_use: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    started_at: datetime
    ended_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return the audit in the shape of the contract (docs/audit.schema.json)."""
        return {
            "schema_version": SCHEMA_VERSION,
            "account": self.account,
            "region": self.region,
            "findings": [finding.to_dict() for finding in self.findings],
            "summary": self.summary.to_dict(),
        }

    def is_in_use(self, finding: Finding) -> bool:
        """Whether something runs the revision that the finding is about."""
        return finding.task_definition in self.in_use

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of that severity and worse; what is unknown counts as what it may turn out to be."""
        counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(finding for finding in self.findings if finding.severity in counted)
