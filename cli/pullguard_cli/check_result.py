"""The result of `pullguard check`: findings with their location, unusable files, and counts."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

from pullguard.domain.errors import shown
from pullguard.domain.findings import Finding, NotChecked, Severity, Summary
from pullguard.domain.lookup import Unreadable
from pullguard_cli.audit_result import SEVERITIES
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.failed_reads import gaps_of
from pullguard_cli.input.declared import Declared
from pullguard_cli.input.located import STANDARD_INPUT, Unusable

_SHOWN_CHARS: Final = 10_000
_COMMAND: Final = re.compile(r"^(\s*)::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A finding with its file and line (from 1).

    ``account`` and ``region`` are where the task definition will be registered; None if unknown.
    """

    finding: Finding
    file: str
    line: int
    account: str | None = None
    region: str | None = None

    @property
    def level(self) -> str:
        """``error``, ``warning``, or ``unknown`` if the check could not decide."""
        return "unknown" if self.finding.status == "unknown" else self.finding.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result for all files. ``account`` and ``region`` are None if unknown, or if the files disagree."""

    placed: tuple[Placed, ...]
    unusable: tuple[Unusable, ...]
    empty: tuple[str, ...]
    summary: Summary
    account: str | None
    region: str | None
    live: bool
    unread: Mapping[str, tuple[Unreadable, ...]] = field(default_factory=dict)
    not_checked: tuple[NotChecked, ...] = ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each kind of AWS read that failed."""
        return gaps_of(self.unread, (placed.finding for placed in self.placed))

    def at_least(self, severity: Severity) -> tuple[Placed, ...]:
        """Return the findings of at least this severity, as ``Audit.at_least`` does."""
        counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(placed for placed in self.placed if placed.finding.severity in counted)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON (docs/check.schema.json): an audit's members, and each finding's location."""
        return {
            "schema_version": SCHEMA_VERSION,
            "account": self.account,
            "region": self.region,
            "findings": [
                finding_json(placed.finding, account=placed.account, region=placed.region) for placed in self.placed
            ],
            "summary": self.summary.to_dict(),
            "not_checked": [question.to_dict() for question in self.not_checked],
            "locations": [
                {"finding": placed.finding.id, "file": placed.file, "line": placed.line} for placed in self.placed
            ],
            "unfinished": [*map(str, self.unusable), *self.gaps],
        }


def in_file(finding: Finding, declared: Declared, environment: Mapping[str, str]) -> Finding:
    """Return the finding with an id that includes the file, since two files may declare the same task definition."""
    file = path_in_repository(declared.file, environment) or declared.file
    about = "\0".join((finding.id, file, declared.resource))
    return replace(finding, id=hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()[:16])


def printable(text: str, *, keep_lines: bool = False) -> str:
    """Return ``text`` without anything that a terminal or a CI runner would execute.

    Escapes control characters, except line breaks if ``keep_lines``. Also breaks up ``##[`` anywhere and ``::`` at the
    start of a line: GitHub Actions and Azure Pipelines interpret them as commands.
    """
    if keep_lines:
        return "\n".join(printable(line) for line in text.split("\n"))
    return _COMMAND.sub(r"\1: :", shown(text, limit=_SHOWN_CHARS)[1:-1]).replace("##[", "## [")


def path_in_repository(file: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of ``file`` relative to the working tree, with forward slashes.

    Returns None for standard input and for files outside the tree. The tree is GITHUB_WORKSPACE if set, otherwise the
    current directory.
    """
    if file == STANDARD_INPUT:
        return None
    try:
        relative = os.path.relpath(file, environment.get("GITHUB_WORKSPACE") or None)
    except ValueError:  # another drive, or an invalid name
        return None
    path = PurePath(relative)
    return None if path.is_absolute() or path.parts[:1] == ("..",) else path.as_posix()
