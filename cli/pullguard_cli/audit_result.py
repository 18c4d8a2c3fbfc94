"""The result of an audit. The table, the JSON output and the HTML report are all rendered from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pullguard.domain.findings import Finding, NotChecked, Severity, Summary
from pullguard.domain.lookup import Unreadable
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.failed_reads import gaps_of
from pullguard_cli.scope import Scope

SEVERITIES: tuple[Severity, ...] = ("error", "warning")
"""Most severe first."""

NOT_EXAMINED: Final = "task-definition-unread"
"""Pseudo check id of a task definition on which no check could run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The result of one audit of one account and Region. Times are UTC.

    - ``findings``: in reading order, most important first.
    - ``unlisted``: findings below the minimum severity to report.
    - ``summary``: counts of what was examined. ``failed`` and ``unknown`` count the listed findings.
    - ``in_use``: the ARN of each revision in use, with where it runs (``service web in cluster prod``). A revision
      that is absent runs nowhere, as far as could be read.
    - ``unread``: failed AWS reads, keyed by the id of the finding that is unknown because of them.
    - ``not_checked``: questions that were skipped because a feature is switched off.
    - ``unfinished``: one sentence for each other thing that was not examined.
    """

    account: str
    region: str
    findings: tuple[Finding, ...]
    summary: Summary
    in_use: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    unread: Mapping[str, tuple[Unreadable, ...]] = field(default_factory=dict)
    unlisted: tuple[Finding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    scope: Scope = field(default_factory=Scope)
    started_at: datetime
    ended_at: datetime

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each thing that could not be examined. Empty after a complete audit."""
        examined = (finding for finding in self._found() if finding.check != NOT_EXAMINED)
        return (*self.unfinished, *gaps_of(self.unread, examined))

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as JSON (docs/audit.schema.json), including the scope and the places of use."""
        return {
            "schema_version": SCHEMA_VERSION,
            "account": self.account,
            "region": self.region,
            "findings": [finding_json(finding, account=self.account, region=self.region) for finding in self.findings],
            "summary": self.summary.to_dict(),
            "not_checked": [question.to_dict() for question in self.not_checked],
            "scope": self.scope.to_dict(),
            "not_listed": len(self.unlisted),
            "in_use": {arn: list(places) for arn, places in self.in_use.items()},
            "unfinished": list(self.gaps),
        }

    def is_in_use(self, finding: Finding) -> bool:
        """Whether the revision that the finding is about is in use."""
        return finding.task_definition in self.in_use

    def about(self, task_definition: str) -> Iterator[Finding]:
        """Yield all findings on one revision, listed or not."""
        return (finding for finding in self._found() if finding.task_definition == task_definition)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """Return all findings of at least this severity, listed or not.

        An unknown finding counts with the severity that it would have if it failed.
        """
        counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(finding for finding in self._found() if finding.severity in counted)

    def _found(self) -> Iterator[Finding]:
        yield from self.findings
        yield from self.unlisted
