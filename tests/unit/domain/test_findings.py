"""Answers become findings: stable ids, the shape of the contract, and counts."""

from dataclasses import replace
from typing import Any

import pytest

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
from pullguard.domain.records import from_record, to_record

SUBJECT = Subject(task_definition="web:7", container="app", image="ghcr.io/acme/web", secret="registry/ghcr")
FINDING = Finding(
    id="f1",
    check="secret-not-found",
    status="fail",
    severity="error",
    task_definition="web:7",
    container="app",
    image=None,
    secret=None,
    role=None,
    key=None,
    cause="It is gone.",
    evidence="",
    remedy=Remedy(action="grant", text="Do it.", snippet="aws x"),
    source="",
    scope="way to ghcr.io",
    part_of="c1",
    unread="x denied",
    observed=True,
)


def test_a_finding_survives_the_ledger_and_loses_only_its_own_members_in_the_contract() -> None:
    assert from_record(Finding, to_record(FINDING)) == FINDING
    assert set(to_record(FINDING)) - set(FINDING.to_dict()) == {"scope", "part_of", "unread", "observed"}
    assert from_record(Finding, FINDING.to_dict()) == replace(FINDING, scope="", part_of="", unread="", observed=False)
    assert FINDING.to_dict()["remedy"] == {"action": "grant", "text": "Do it.", "snippet": "aws x"}
    assert FINDING.to_dict()["secret"] is None


def test_a_finding_of_a_later_version_is_read() -> None:
    later = {**to_record(FINDING), "more": 1, "remedy": {"text": "Do it.", "urgency": 3}}
    assert from_record(Finding, later).remedy == Remedy(text="Do it.")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"image": "x", "secret": "x", "role": "x", "key": "x"}, True),
        ({"container": "side"}, False),
        ({"container": None}, False),
        ({"task_definition": "web:8"}, False),
    ],
    ids=["the-subject", "container", "whole-task-definition", "task-definition"],
)
def test_an_id_depends_on_the_check_the_task_definition_and_the_container(change: dict[str, Any], same: bool) -> None:
    assert (finding_id("a", replace(SUBJECT, **change)) == finding_id("a", SUBJECT)) is same
    assert finding_id("a", SUBJECT) != finding_id("b", SUBJECT)
    assert len(finding_id("a", SUBJECT)) == 16


def test_ids_are_those_of_earlier_versions() -> None:
    assert finding_id("secret-not-found", SUBJECT) == "a2912a1fae0a8919"


SNIPPETS: dict[str, tuple[str | None, tuple[str, ...], str]] = {
    "none": (None, (), ""),
    "commands": ("aws x \\\n  --more", (), "aws x \\\n  --more"),
    "members": ('"executionRoleArn": "a"', ('"executionRoleArn": "a"',), ""),
    "both": ('aws x\n"executionRoleArn": "a"', ('"executionRoleArn": "a"',), "aws x"),
    "a-statement-is-no-member": ('{"Effect": "Allow"}', (), '{"Effect": "Allow"}'),
}


@pytest.mark.parametrize(("snippet", "members", "commands"), SNIPPETS.values(), ids=SNIPPETS)
def test_a_snippet_is_for_a_shell_or_for_the_task_definition(
    snippet: str | None, members: tuple[str, ...], commands: str
) -> None:
    remedy = Remedy(snippet=snippet)
    assert (remedy.members, remedy.commands) == (members, commands)


SKIPPED = Skipped(subject=SUBJECT, question="Does it exist?", why="it is switched off", switch="--on")
ANSWERS: list[Answer] = [
    Passed(subject=SUBJECT),
    Passed(subject=SUBJECT),
    Inapplicable(subject=SUBJECT),
    Failed(subject=SUBJECT, cause="", evidence=""),
    Unsure(subject=SUBJECT, cause="", evidence=""),
    SKIPPED,
]


def test_answers_are_counted_by_kind_and_what_is_inapplicable_is_not() -> None:
    assert count(ANSWERS) == Summary(passed=2, failed=1, unknown=1, not_checked=1)
    assert count([]) == Summary()


def test_counts_add_up() -> None:
    total = Summary(task_definitions=1, references=2, passed=3, failed=4, unknown=5, not_checked=6) + count(ANSWERS)
    assert total.to_dict() == {
        "task_definitions": 1,
        "references": 2,
        "pass": 5,
        "fail": 5,
        "unknown": 6,
        "not_checked": 7,
    }


def test_a_question_that_was_not_asked_says_how_to_ask_it() -> None:
    assert NotChecked.of("secret-not-found", SKIPPED).to_dict() == {
        "check": "secret-not-found",
        "task_definition": "web:7",
        "container": "app",
        "question": "Does it exist?",
        "why": "it is switched off",
        "how_to": "--on",
    }
