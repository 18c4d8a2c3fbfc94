"""What `pullguard check` has to say: findings with their places, files that could not be checked, and the counts."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

from pullguard.domain.errors import shown
from pullguard.domain.facts import Unreadable
from pullguard.domain.findings import Finding, NotChecked, Severity, Summary
from pullguard_cli.audit import SEVERITIES
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.input.declared import Declared
from pullguard_cli.input.located import STANDARD_INPUT, Unusable
from pullguard_cli.unread import gaps_of

_SHOWN_CHARS: Final = 10_000
_COMMAND: Final = re.compile(r"^(\s*)::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A finding, and the line of the file (from 1) that it is about.

    ``account`` and ``region`` are those in which the task definition is to be registered, None where not known.
    """

    finding: Finding
    file: str
    line: int
    account: str | None = None
    region: str | None = None

    @property
    def level(self) -> str:
        """How it is called: its severity, or that it could not be told."""
        return "unknown" if self.finding.status == "unknown" else self.finding.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The outcome for all files. ``account`` and ``region`` are None where the files' own differ or none is known."""

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
        """What AWS would not tell, a sentence for each reason."""
        return gaps_of(self.unread, (placed.finding for placed in self.placed))

    def at_least(self, severity: Severity) -> tuple[Placed, ...]:
        """Return the findings of that severity and worse, as ``Audit.at_least`` does."""
        counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(placed for placed in self.placed if placed.finding.severity in counted)

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's members, and beside them what is of files only (docs/check.schema.json)."""
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
    """Return the finding with an id of this file's: two files may hold two wordings of one task definition."""
    file = path_in_repository(declared.file, environment) or declared.file
    about = "\0".join((finding.id, file, declared.resource))
    return replace(finding, id=hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()[:16])


def printable(text: str, *, keep_lines: bool = False) -> str:
    """Return ``text`` with nothing in it that a terminal or a runner's log would obey.

    Control characters are escaped (``keep_lines``: but for line breaks). The runners of GitHub Actions and Azure
    Pipelines take ``##[`` for a command wherever it stands in a log, and ``::`` at the beginning of a line: both are
    taken apart.
    """
    if keep_lines:
        return "\n".join(printable(line) for line in text.split("\n"))
    return _COMMAND.sub(r"\1: :", shown(text, limit=_SHOWN_CHARS)[1:-1]).replace("##[", "## [")


def path_in_repository(file: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of ``file`` as a pipeline knows it: relative to the working tree, with slashes.

    None for standard input, and for a file elsewhere. The working tree is GITHUB_WORKSPACE where that is set.
    """
    if file == STANDARD_INPUT:
        return None
    try:
        relative = os.path.relpath(file, environment.get("GITHUB_WORKSPACE") or None)
    except ValueError:  # another drive, or a name that is none
        return None
    path = PurePath(relative)
    return None if path.is_absolute() or path.parts[:1] == ("..",) else path.as_posix()
