"""Answers of checks become findings: order, ids that passed, what is moot, and what is part of another finding."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.catalogue import CHECKS, incident_of
from pullguard.checks.check import Check
from pullguard.checks.examine import Examination, answers_of, examine, unread_task_definition
from pullguard.domain.facts import Facts
from pullguard.domain.findings import (
    Answer,
    Failed,
    Inapplicable,
    Passed,
    Skipped,
    Subject,
    Summary,
    Unsure,
    finding_id,
)
from tests.fakes import NOW, container, denied, revision_arn, task_definition

FACTS = Facts(task_definition=task_definition(container("registry/ghcr"), container(name="side")), now=NOW)
APP = Subject(task_definition=str(revision_arn()), container="app")
SIDE = replace(APP, container="side")
DENIED = denied("secretsmanager:DescribeSecret")
THROTTLED = replace(denied("kms:DescribeKey"), reason="throttled")


def check(id_: str, *given: Answer, **changes: Any) -> Check:
    """One that is in the catalogue, with other answers."""

    def ask(facts: Facts) -> Iterable[Answer]:
        return given

    (whole,) = (each for each in CHECKS if each.id == id_)
    return replace(whole, ask=ask, **changes)


def fails(subject: Subject = APP, **changes: Any) -> Failed:
    return replace(Failed(subject=subject, cause="It is wrong.", evidence="AWS said so"), **changes)


def unsure(subject: Subject = APP, **changes: Any) -> Unsure:
    return replace(Unsure(subject=subject, cause="It is unknown.", evidence="denied"), **changes)


MALFORMED, BY_NAME, VALUE = "reference-malformed", "reference-not-full-arn", "secret-value-malformed"


def test_errors_come_before_warnings_and_keep_the_order_of_the_checks() -> None:
    checks = (check(BY_NAME, fails()), check(MALFORMED, fails(SIDE), fails()), check(VALUE, fails()))
    found = examine(FACTS, checks).findings
    assert [(each.check, each.container) for each in found] == [
        (MALFORMED, "side"),
        (MALFORMED, "app"),
        (VALUE, "app"),
        (BY_NAME, "app"),
    ]


def test_an_answer_decides_severity_and_status() -> None:
    found = examine(FACTS, (check(BY_NAME, fails(severity="error"), unsure(SIDE)),)).findings
    assert [(each.severity, each.status) for each in found] == [("error", "fail"), ("warning", "unknown")]


def test_passed_and_inapplicable_checks_would_end_findings() -> None:
    checks = (check(MALFORMED, Passed(subject=APP), Inapplicable(subject=SIDE)),)
    examined = examine(FACTS, checks)
    described = finding_id(MALFORMED, Subject(task_definition=APP.task_definition))
    assert examined.passed == {finding_id(MALFORMED, APP), finding_id(MALFORMED, SIDE), described}
    assert examined.summary == Summary(task_definitions=1, references=1, passed=1)


def test_a_proof_keeps_its_time() -> None:
    checks = (check(MALFORMED, Passed(subject=APP, proved_at=NOW), Passed(subject=SIDE)),)
    assert examine(FACTS, checks).proved_at == {finding_id(MALFORMED, APP): NOW}


def test_an_unread_fact_is_kept_with_the_call_that_was_denied_first() -> None:
    examined = examine(FACTS, (check(MALFORMED, unsure(unread=(THROTTLED, DENIED))),))
    assert examined.unread == {finding_id(MALFORMED, APP): (THROTTLED, DENIED)}
    assert examined.findings[0].unread == "secretsmanager:DescribeSecret denied"


def test_a_question_that_was_not_asked_is_listed() -> None:
    skipped = Skipped(subject=APP, question="Is it?", why="off", switch="--on")
    (listed,) = examine(FACTS, (check(VALUE, skipped),)).not_checked
    assert (listed.check, listed.container, listed.question, listed.how_to) == (VALUE, "app", "Is it?", "--on")


MOOT: dict[str, tuple[Answer, Answer, bool]] = {
    # what an earlier check answers, what the later one answers, whether the later one is left out
    "unknown-after-an-error": (fails(), unsure(), True),
    "not-asked-after-an-error": (fails(), Skipped(subject=APP, question="", why="", switch=""), True),
    "wrong-after-an-error": (fails(), fails(), False),
    "unknown-of-another-container": (fails(SIDE), unsure(), False),
    "unknown-after-a-warning": (fails(severity="warning"), unsure(), False),
    "unknown-after-an-unknown": (unsure(), unsure(), False),
}


@pytest.mark.parametrize(("earlier", "later", "left_out"), MOOT.values(), ids=MOOT)
def test_a_question_that_another_finding_explains_is_left_to_it(earlier: Answer, later: Answer, left_out: bool) -> None:
    checks = (
        check("secret-no-current-version", earlier),
        check(VALUE, later, moot_after=("secret-no-current-version",)),
    )
    assert [each.id for each, _ in answers_of(FACTS, checks)].count(VALUE) == (0 if left_out else 1)


def test_a_failure_that_another_explains_is_part_of_its_incident() -> None:
    explained = fails(explained_by=("secret-value-empty-field", VALUE))
    examined = examine(FACTS, (check(VALUE, fails()), check("task-start-failed", explained)))
    reason, part = examined.findings
    assert (reason.part_of, part.part_of) == ("", incident_of(reason))


def test_a_warning_explains_nothing() -> None:
    explained = fails(explained_by=(BY_NAME,))
    examined = examine(FACTS, (check(BY_NAME, fails()), check("task-start-failed", explained)))
    assert [each.part_of for each in examined.findings] == ["", ""]


def test_a_task_definition_that_was_not_described_is_one_unknown_finding() -> None:
    unread = denied("ecs:DescribeTaskDefinition", str(revision_arn()))
    finding = unread_task_definition(revision_arn(), unread)
    assert (finding.status, finding.severity, finding.unread) == (
        "unknown",
        "error",
        "ecs:DescribeTaskDefinition denied",
    )
    assert finding.id in examine(FACTS, ()).passed
    assert Examination.of(finding).summary == Summary(task_definitions=1, unknown=1)
    assert Examination.of().findings == ()
