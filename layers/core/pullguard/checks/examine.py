"""Run all checks on one task definition, and turn their answers into findings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pullguard.checks.catalogue import CHECKS, incident_of
from pullguard.checks.check import Check
from pullguard.checks.failure_attribution import explained
from pullguard.checks.older_revision import instead_of_a_copy
from pullguard.checks.unread import how_to_read
from pullguard.domain.arn import Arn
from pullguard.domain.aws_batch import instead_of_a_revision
from pullguard.domain.facts import Facts
from pullguard.domain.findings import (
    Answer,
    Failed,
    Finding,
    Inapplicable,
    NotChecked,
    Passed,
    Remedy,
    Skipped,
    Subject,
    Summary,
    Unsure,
    count,
    finding_id,
)
from pullguard.domain.lookup import Unreadable

_FIRST_CHECK: Final = "reference-malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The results of all checks for one task definition; ``passed`` are the ids of findings that did not occur.

    ``proved_at`` is the time of the proof, for those of ``passed`` that the present state does not prove. ``unread`` is
    what AWS did not say, by the ids of the findings that are unknown because of it. ``not_checked`` are the questions
    that were not asked; ``summary`` counts the answers.
    """

    findings: tuple[Finding, ...]
    passed: frozenset[str]
    summary: Summary
    proved_at: Mapping[str, datetime] = field(default_factory=dict)
    unread: Mapping[str, tuple[Unreadable, ...]] = field(default_factory=dict)
    not_checked: tuple[NotChecked, ...] = ()

    @classmethod
    def of(cls, *findings: Finding) -> "Examination":
        """Return an examination with exactly these findings (or, with none, without any answer)."""
        unknown = sum(each.status == "unknown" for each in findings)
        return cls(
            findings=findings,
            passed=frozenset(),
            summary=Summary(task_definitions=1, failed=len(findings) - unknown, unknown=unknown),
        )


def examine(facts: Facts, checks: tuple[Check, ...] = CHECKS) -> Examination:
    """Run every check; findings come errors first, then in the order of the checks."""
    answers = answers_of(facts, checks)
    listed = [_finding(check, answer) for check, answer in answers]
    found = _joined({each.id: each for each in listed if each is not None}, answers)
    right = {
        finding_id(check.id, answer.subject): answer
        for check, answer in answers
        if isinstance(answer, Passed | Inapplicable)
    }
    passed = frozenset((*right, _described(facts.task_definition.arn))) - found.keys()
    references = sum(container.reference is not None for container in facts.task_definition.containers)
    return Examination(
        findings=tuple(sorted(found.values(), key=lambda each: each.severity != "error")),
        passed=passed,
        summary=Summary(task_definitions=1, references=references) + count(answer for _, answer in answers),
        proved_at={
            id_: answer.proved_at
            for id_, answer in right.items()
            if isinstance(answer, Passed) and answer.proved_at is not None
        },
        unread={
            finding_id(check.id, answer.subject): answer.unread
            for check, answer in answers
            if isinstance(answer, Unsure) and answer.unread
        },
        not_checked=tuple(NotChecked.of(check.id, answer) for check, answer in answers if isinstance(answer, Skipped)),
    )


def answers_of(facts: Facts, checks: tuple[Check, ...] = CHECKS) -> list[tuple[Check, Answer]]:
    """Return every check's answers, in the order of the checks; a failure that others explain says which.

    A question that another finding leaves without an answer is left out. A remedy that registers a revision is replaced
    if that would not help: for AWS Batch, and for older revisions.
    """
    asked = _without_moot([(check, answer) for check in checks for answer in check.ask(facts)])
    return [(check, _with_remedy(answer, facts)) for check, answer in explained(asked)]


def _with_remedy(answer: Answer, facts: Facts) -> Answer:
    if not isinstance(answer, Failed | Unsure):
        return answer
    remedy = instead_of_a_revision(answer.remedy, facts.task_definition)
    return replace(answer, remedy=instead_of_a_copy(remedy, facts))


def _without_moot(answers: list[tuple[Check, Answer]]) -> list[tuple[Check, Answer]]:
    """Leave out answers that are unknown or not checked for a reason that another finding of the container reports."""
    errors = {
        (check.id, answer.subject.container)
        for check, answer in answers
        if isinstance(answer, Failed) and (answer.severity or check.severity) == "error"
    }

    def is_moot(check: Check, answer: Answer) -> bool:
        return isinstance(answer, Unsure | Skipped) and any(
            (id_, answer.subject.container) in errors for id_ in check.moot_after
        )

    return [(check, answer) for check, answer in answers if not is_moot(check, answer)]


def _joined(found: dict[str, Finding], answers: Iterable[tuple[Check, Answer]]) -> dict[str, Finding]:
    """Return the findings; one that another error explains is assigned to that error's incident."""
    joined = dict(found)
    for check, answer in answers:
        if isinstance(answer, Failed) and answer.explained_by:
            id_ = finding_id(check.id, answer.subject)
            errors = [each for each in found.values() if (each.status, each.severity) == ("fail", "error")]
            reasons = (each for checked in answer.explained_by for each in errors if each.check == checked)
            if (reason := next(reasons, None)) is not None:
                joined[id_] = replace(found[id_], part_of=incident_of(reason))
    return joined


def _finding(check: Check, answer: Answer) -> Finding | None:
    if not isinstance(answer, Failed | Unsure):
        return None
    subject = answer.subject
    return Finding(
        id=finding_id(check.id, subject),
        check=check.id,
        status="fail" if isinstance(answer, Failed) else "unknown",
        severity=answer.severity or check.severity,
        task_definition=subject.task_definition,
        container=subject.container,
        image=subject.image,
        secret=subject.secret,
        role=subject.role,
        key=subject.key,
        cause=answer.cause,
        evidence=answer.evidence,
        remedy=answer.remedy,
        source=check.source,
        scope=answer.scope if isinstance(answer, Failed) else "",
        unread=_briefly(answer.unread) if isinstance(answer, Unsure) else "",
    )


def _briefly(unread: Iterable[Unreadable]) -> str:
    """Return the call that a finding is unknown for: preferably a denied one, since a person has to allow it."""
    return next((each.brief for each in sorted(unread, key=lambda each: each.reason != "denied")), "")


def _described(arn: Arn) -> str:
    """Return the id of the finding that a task definition could not be described."""
    return finding_id(_FIRST_CHECK, Subject(task_definition=str(arn)))


def unread_task_definition(arn: Arn, unread: Unreadable) -> Finding:
    """Return the finding that a task definition could not be described, so that nothing about it is known."""
    return Finding(
        id=_described(arn),
        check=_FIRST_CHECK,
        status="unknown",
        severity="error",
        task_definition=str(arn),
        container=None,
        image=None,
        secret=None,
        role=None,
        key=None,
        cause=f"The task definition {arn.resource_name} could not be described, so nothing about it is known.",
        evidence=str(unread),
        remedy=Remedy(text=how_to_read((unread,))),
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html",
        unread=unread.brief,
    )
