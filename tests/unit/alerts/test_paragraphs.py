"""The paragraphs that the forms for people share."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.alerts import Notice, compose, describe
from pullguard.alerts.paragraphs import dependent_lines, paragraphs, snippet_of, time_lines
from pullguard.checks.next_pull import IN_WORDS
from pullguard.domain.findings import Remedy
from tests.unit.alerts.notices import (
    GRANT,
    MANY_GRANTS,
    OPENED,
    REFUSAL,
    about_a_deed,
    definition,
    finding,
    notice,
    service,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"remedy": Remedy(action="grant")}, "will try to grant access; the result follows in a separate alert"),
        (
            {"remedy": Remedy(action="reregister")},
            "will try to register a corrected revision; the result follows in a separate alert",
        ),
        (
            {"remedy": Remedy(action="grant"), "observed": True},
            "only observes here: it would grant access but changes nothing. The plan follows in a separate alert",
        ),
        ({"remedy": Remedy(action="none"), "observed": True}, "cannot fix this by itself."),
        ({"remedy": Remedy(action="reregister"), "severity": "warning"}, "makes no change, since this works today."),
    ],
    ids=["grants", "registers", "observes", "leaves to people", "leaves a warning"],
)
def test_the_text_about_pullguards_action_depends_on_its_mode(changes: dict[str, Any], words: str) -> None:
    assert f"\nPullguard: {words}" in compose(notice(findings=(finding(**changes),))).text


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=3, hours=1, minutes=9), "3 d 1 h"),
        (timedelta(seconds=-3), "0 s"),
    ],
)
def test_a_resolution_says_how_long_it_lasted(lasted: timedelta, words: str) -> None:
    text = compose(notice("Finding Resolved", resolved_at=OPENED + lasted)).text
    assert f"(lasted {words})\n" in text
    assert "It was: The role" in text
    assert "To do" not in text
    assert "put-role-policy" not in text


def test_who_only_references_it_is_marked() -> None:
    reported = notice(dependents=(service("web"), service("api", definition("api").arn, found=False)))
    text = compose(reported).text
    assert (
        "Affected: 2 services; 1 of them (marked *) reference it and have not been validated since\n"
        "- service/prod/web (web:7)\n"
        "- service/prod/api (api:1) *\n"
    ) in text


def titles(reported: Notice) -> list[str]:
    return [title for title, _ in paragraphs(reported)]


TITLES: dict[str, tuple[Notice, list[str]]] = {
    "opened": (notice(), ["Container", "Why", "Evidence", "Pullguard", "To do"]),
    "without-evidence": (notice(findings=(finding(evidence=""),)), ["Container", "Why", "Pullguard", "To do"]),
    "of-the-whole-task-definition": (
        notice(findings=(finding(container=None),)),
        ["Why", "Evidence", "Pullguard", "To do"],
    ),
    "without-a-remedy": (notice(findings=(finding(remedy=Remedy()),)), ["Container", "Why", "Evidence", "Pullguard"]),
    "resolved": (notice("Finding Resolved"), ["Container", "It was"]),
    "a-deed": (about_a_deed("Remediation Completed", describe(REFUSAL)), ["Pullguard"]),
    "a-refusal": (about_a_deed("Remediation Refused", describe(REFUSAL)), ["Pullguard", "To do"]),
    "a-command-that-is-too-long": (
        notice(findings=(finding(remedy=Remedy(snippet="x" * 6_001)),)),
        ["Container", "Why", "Evidence", "Pullguard", "To do", "Command"],
    ),
}


@pytest.mark.parametrize(("reported", "expected"), TITLES.values(), ids=TITLES)
def test_a_notice_has_the_paragraphs_that_it_needs(reported: Notice, expected: list[str]) -> None:
    assert titles(reported) == expected


def test_a_command_alone_is_introduced() -> None:
    reported = notice(findings=(finding(remedy=Remedy(snippet="aws x")),))
    assert dict(paragraphs(reported))["To do"] == "run or paste this."
    assert snippet_of(reported) == "aws x"


SNIPPETS: dict[str, tuple[Notice, str | None]] = {
    "the-deeds-before-the-findings": (notice("Remediation Refused", deed=describe(REFUSAL)), REFUSAL.snippet),
    "the-findings-where-the-deed-has-none": (
        notice("Remediation Failed", deed=describe(replace(REFUSAL, snippet=None))),
        "aws iam put-role-policy\n  --more",
    ),
    "none-where-it-is-done": (about_a_deed("Remediation Completed", describe(REFUSAL)), None),
    "none-where-it-is-resolved": (notice("Finding Resolved"), None),
}


@pytest.mark.parametrize(("reported", "snippet"), SNIPPETS.values(), ids=SNIPPETS)
def test_which_command_is_shown(reported: Notice, snippet: str | None) -> None:
    assert snippet_of(reported) == snippet


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        pytest.param({"opened_at": None}, [], id="unknown"),
        pytest.param({}, ["Since: 2026-05-01T08:00:00Z"], id="since"),
        pytest.param(
            {"now": OPENED + timedelta(hours=2)}, ["Since: 2026-05-01T08:00:00Z (open for 2 h)"], id="a-reminder"
        ),
        pytest.param(
            {"resolved_at": OPENED + timedelta(days=1)},
            ["Since: 2026-05-01T08:00:00Z", "Resolved: 2026-05-02T08:00:00Z (lasted 1 d)"],
            id="resolved",
        ),
        pytest.param(
            {"opened_at": None, "resolved_at": OPENED}, ["Resolved: 2026-05-01T08:00:00Z"], id="resolved-alone"
        ),
    ],
)
def test_since_when_and_until_when(changes: dict[str, Any], lines: list[str]) -> None:
    assert list(time_lines(notice(**changes))) == lines


def test_the_task_definition_of_the_headline_is_not_listed_again() -> None:
    assert list(dependent_lines(notice())) == []
    assert list(dependent_lines(notice(dependents=(definition("web", 7),)))) == []
    assert list(dependent_lines(notice(dependents=(definition("web", 6),)))) == [
        "",
        "Affected: 1 task definition",
        "- task-definition/web:6",
    ]


def test_a_failed_rotation_says_when_each_service_pulls_next() -> None:
    next_pull = next(iter(IN_WORDS))
    reported = notice(
        findings=(finding(check="secret-rotation-failed"),),
        dependents=(service("web", next_pull=next_pull), service("shop", next_pull="unknown-kind")),
    )
    assert list(dependent_lines(reported))[2:] == [
        f"- service/prod/web (web:7): {IN_WORDS[next_pull]}",
        "- service/prod/shop (web:7)",
    ]


def test_a_dependent_that_was_never_examined_is_marked_in_the_end_too() -> None:
    over = notice("Finding Resolved", dependents=(service("web"), service("shop", found=False)))
    assert list(dependent_lines(over))[1:] == [
        "Was affected: 2 services; 1 of them (marked *) reference it and were not found failing",
        "- service/prod/web (web:7)",
        "- service/prod/shop (web:7) *",
    ]


def test_a_write_of_several_grants_lists_them_and_counts_the_rest() -> None:
    lines = compose(about_a_deed("Remediation Completed", MANY_GRANTS)).text.splitlines()
    first = lines.index("In one write: 100 secrets") + 1
    listed = [f"- registry/{'s' * 40}-{number % 2} for f{number % 2}:{number}" for number in range(90)]
    assert lines[first : first + 91] == [*listed, "- and 10 more"]
    assert "In one write" not in compose(about_a_deed("Remediation Completed", describe(GRANT))).text
