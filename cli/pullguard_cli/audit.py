"""What an audit found: the one record that the table, the JSON output and the HTML report are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pullguard.domain.facts import Unreadable
from pullguard.domain.findings import Finding, NotChecked, Severity, Summary
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.scope import Scope
from pullguard_cli.unread import gaps_of

SEVERITIES: tuple[Severity, ...] = ("error", "warning")
"""From the worst."""

NOT_EXAMINED: Final = "task-definition-unread"
"""Stands in the place of a check's id where no check was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that one audit of one account and Region has to say.

    ``findings`` stand in the order in which people should read them; ``unlisted`` are those that are less severe than
    what was to be told. ``summary`` counts what was looked at; its ``failed`` and ``unknown`` are the numbers of
    findings listed. ``in_use`` maps the ARN of a revision that runs to where it does (``service web in cluster
    prod``); a revision that is not there runs nowhere, as far as could be read. ``unread`` is what AWS would not tell,
    by the ids of the findings that are unknown for it. ``not_checked`` are the questions that were not asked, since
    something is switched off. ``unfinished`` says, a sentence each, what else was not looked at. Times are UTC.
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
        """All that could not be looked at, a sentence each: empty after a whole audit."""
        examined = (finding for finding in self._found() if finding.check != NOT_EXAMINED)
        return (*self.unfinished, *gaps_of(self.unread, examined))

    def to_dict(self) -> dict[str, Any]:
        """Return the audit in the shape of the contract (docs/audit.schema.json), and beside it what it rests on."""
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
        """Whether something runs the revision that the finding is about."""
        return finding.task_definition in self.in_use

    def about(self, task_definition: str) -> Iterator[Finding]:
        """Yield everything that was found about one revision, listed or not."""
        return (finding for finding in self._found() if finding.task_definition == task_definition)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """Return what was found of that severity and worse, listed or not.

        What is unknown counts as what it may turn out to be.
        """
        counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(finding for finding in self._found() if finding.severity in counted)

    def _found(self) -> Iterator[Finding]:
        yield from self.findings
        yield from self.unlisted
