"""Answers of checks, and the findings that people and programs read.

A check gives one ``Answer`` for each thing that it examined. ``Failed`` and ``Unsure`` become findings, ``Skipped``
becomes a listed question (``NotChecked``), ``Passed`` is only counted. A finding ends with ``Passed`` or
``Inapplicable``, never because an answer is absent. The members of ``Finding`` and ``NotChecked`` are a public contract
(docs/findings.md, docs/audit.schema.json).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from pullguard.domain.lookup import Unreadable
from pullguard.domain.records import to_record

Severity: TypeAlias = Literal["error", "warning"]
Status: TypeAlias = Literal["fail", "unknown"]
Event: TypeAlias = Literal["Finding Opened", "Finding Changed", "Finding Resolved"]
RemedyAction: TypeAlias = Literal["grant", "reregister", "none"]

EVENT_SCHEMA_VERSION: Final = 1
"""The version of bus events and of alerts in JSON. The command line has its own (``pullguard_cli.contract``). Each
version changes only with its own shape, so a change to the reports does not affect consumers of events."""
_MEMBER: Final = re.compile(r'"[A-Za-z]+": ')
_OWN: Final = frozenset({"scope", "part_of", "unread", "observed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The subject of an answer: names and ARNs as people write them, None if they do not apply."""

    task_definition: str
    container: str | None = None
    image: str | None = None
    secret: str | None = None
    role: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How to fix it: ``action`` is what Pullguard itself may do, ``text`` the words, ``snippet`` what to paste.

    A snippet has shell commands first, then members for the next revision: lines such as ``"executionRoleArn": "…"``.
    """

    action: RemedyAction = "none"
    text: str = ""
    snippet: str | None = None

    @property
    def members(self) -> tuple[str, ...]:
        """The lines of the snippet that belong in the task definition."""
        return tuple(line for line in (self.snippet or "").splitlines() if _MEMBER.match(line))

    @property
    def commands(self) -> str:
        """The lines of the snippet for a shell; empty if there are none."""
        return "\n".join(line for line in (self.snippet or "").splitlines() if not _MEMBER.match(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Examined and correct.

    ``proved_at`` is the time of the event that proves it, if the present state does not: then it ends no finding that
    is younger.
    """

    subject: Subject
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inapplicable:
    """Examined, and no longer able to fail in this way: it ends a finding, and is not counted.

    A check gives no answer if it cannot decide, because an earlier gate failed or the facts were not gathered.
    """

    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Examined and wrong: one sentence of ``cause``, the ``evidence`` (what AWS said), the ``remedy``.

    ``explained_by`` are the checks whose findings would explain it, the likeliest first; None if it needs no
    explanation. Checks of the ``unrelated_gates`` say nothing about it, whatever their outcome. ``scope`` is the part
    of the incident's identity that the subject does not contain (incidents/identity.py).
    """

    subject: Subject
    cause: str
    evidence: str
    remedy: Remedy = field(default_factory=Remedy)
    severity: Severity | None = None
    explained_by: tuple[str, ...] | None = None
    unrelated_gates: frozenset[str] = frozenset()
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """Examined, but undecided: ``evidence`` names what AWS did not say or what only the task's start will show.

    ``unread`` is the question that AWS did not answer; empty if asking again would not help.
    """

    subject: Subject
    cause: str
    evidence: str
    remedy: Remedy = field(default_factory=Remedy)
    severity: Severity | None = None
    unread: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not checked, because a feature is switched off.

    ``question`` is what remains open, in the same words for all subjects of its kind, so that reports can group by it.
    ``switch`` says how to switch it on.
    """

    subject: Subject
    question: str
    why: str
    switch: str


Answer: TypeAlias = Passed | Inapplicable | Failed | Unsure | Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault (``fail``) or one question that could not be decided (``unknown``). Absent values are None.

    The ledger also keeps ``scope``, ``part_of``, ``unread`` and ``observed``; they are not part of the contract.
    ``scope`` is the part of the incident's identity that the subject does not contain (incidents/identity.py).
    ``part_of`` is the incident of the finding that explains this one, which then has none of its own. ``unread`` is the
    call that AWS did not answer (``Unreadable.brief``); empty if there is no such call. ``observed``: Pullguard was in
    observe mode when it found this, so that ``remedy.action`` does not follow.
    """

    id: str
    check: str
    status: Status
    severity: Severity
    task_definition: str
    container: str | None
    image: str | None
    secret: str | None
    role: str | None
    key: str | None
    cause: str
    evidence: str
    remedy: Remedy
    source: str
    scope: str = ""
    part_of: str = ""
    unread: str = ""
    observed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the finding in the shape of the contract: snake_case members, absent values null."""
        return {name: value for name, value in to_record(self).items() if name not in _OWN}


def finding_id(check: str, subject: Subject) -> str:
    """Return the stable id of ``check``'s finding about ``subject``: 16 hexadecimal digits.

    It depends on the check, the task definition and the container only, since each container has one image and one
    reference and each task definition one role: a finding keeps its id while its cause changes.
    """
    about = "\0".join((check, subject.task_definition, subject.container or ""))
    return hashlib.sha256(about.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """A question that was not asked, why, and how to ask it; ``container``: None for the whole task definition."""

    check: str
    task_definition: str
    container: str | None
    question: str
    why: str
    how_to: str

    @classmethod
    def of(cls, check: str, skipped: Skipped) -> "NotChecked":
        """Return the question that the check left open."""
        return cls(
            check=check,
            task_definition=skipped.subject.task_definition,
            container=skipped.subject.container,
            question=skipped.question,
            why=skipped.why,
            how_to=skipped.switch,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the question in the shape of the contract."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The number of answers of each kind, as in the JSON output of the command line."""

    task_definitions: int = 0
    references: int = 0
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    not_checked: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            task_definitions=self.task_definitions + other.task_definitions,
            references=self.references + other.references,
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            unknown=self.unknown + other.unknown,
            not_checked=self.not_checked + other.not_checked,
        )

    def to_dict(self) -> dict[str, int]:
        """Return the counts under the names of the contract."""
        return {
            "task_definitions": self.task_definitions,
            "references": self.references,
            "pass": self.passed,
            "fail": self.failed,
            "unknown": self.unknown,
            "not_checked": self.not_checked,
        }


def count(answers: Iterable[Answer]) -> Summary:
    """Count ``answers`` by kind (``task_definitions`` and ``references`` stay 0)."""
    kinds = [type(answer) for answer in answers]
    return Summary(
        passed=kinds.count(Passed),
        failed=kinds.count(Failed),
        unknown=kinds.count(Unsure),
        not_checked=kinds.count(Skipped),
    )
