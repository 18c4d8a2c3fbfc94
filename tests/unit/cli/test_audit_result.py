"""The record of an audit: what counts at a severity, which findings belong to a revision, and what was not seen."""

from dataclasses import replace

import pytest

from pullguard.domain.findings import Severity
from pullguard.domain.lookup import Unreadable
from pullguard_cli.audit_result import NOT_EXAMINED
from tests.unit.cli.test_incidents import audit, finding

ERROR, WARNING = finding("web"), finding("api", severity="warning")
UNKNOWN = finding("web", "secret-access-missing", status="unknown")
UNREAD = Unreadable(permission="iam:GetRole", resource="execution", reason="denied")
DONE = replace(audit(ERROR, UNKNOWN, in_use=("web",)), unlisted=(WARNING,))


@pytest.mark.parametrize(
    ("severity", "expected"), [("error", (ERROR, UNKNOWN)), ("warning", (ERROR, UNKNOWN, WARNING))]
)
def test_unknown_and_unlisted_findings_count_at_their_severity(
    severity: Severity, expected: tuple[object, ...]
) -> None:
    assert DONE.at_least(severity) == expected


def test_findings_of_a_revision_include_unlisted_ones() -> None:
    assert list(DONE.about(ERROR.task_definition)) == [ERROR, UNKNOWN]
    assert list(DONE.about(WARNING.task_definition)) == [WARNING]


def test_a_revision_that_runs_is_in_use() -> None:
    assert (DONE.is_in_use(ERROR), DONE.is_in_use(WARNING)) == (True, False)


def test_gaps_are_the_unfinished_parts_and_the_failed_reads() -> None:
    done = replace(DONE, unfinished=("interrupted",), unread={UNKNOWN.id: (UNREAD,)})
    assert done.gaps[0] == "interrupted"
    assert done.gaps[1].startswith("iam:GetRole was denied on execution")
    assert DONE.gaps == ()


def test_a_revision_that_was_not_examined_is_no_failed_read() -> None:
    skipped = finding("web", NOT_EXAMINED, status="unknown")
    assert replace(audit(skipped), unread={skipped.id: (UNREAD,)}).gaps == ()


def test_json_counts_unlisted_findings() -> None:
    reported = DONE.to_dict()
    assert (len(reported["findings"]), reported["not_listed"]) == (2, 1)
    assert reported["in_use"] == {ERROR.task_definition: ["service s"]}
