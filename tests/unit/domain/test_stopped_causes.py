"""The table of causes: patterns on words in lower case, each with an explanation and a fix."""

import re
from typing import get_args

import pytest

from pullguard.domain import stopped_causes
from pullguard.domain.stopped_causes import ADDRESS_REFUSALS, ROLE_ROWS, TOO_MANY_LOGINS, Kind, Row

TABLES: dict[str, tuple[Row, ...]] = {
    name: value for name, value in vars(stopped_causes).items() if name.endswith("_ROWS") and isinstance(value, tuple)
}
ROWS = [pytest.param(*row, id=f"{name}-{place}") for name, rows in TABLES.items() for place, row in enumerate(rows)]


@pytest.mark.parametrize(("pattern", "explanation"), ROWS)
def test_a_row_is_matched_on_words_in_lower_case(pattern: str, explanation: stopped_causes.Explanation) -> None:
    assert re.search(pattern, "") is None
    assert not re.search(r"(?<!\\)[A-Z]", pattern)
    assert explanation.kind in get_args(Kind)


@pytest.mark.parametrize(("pattern", "explanation"), ROWS)
def test_a_row_has_a_sentence_a_fix_and_a_source(pattern: str, explanation: stopped_causes.Explanation) -> None:
    assert explanation.sentence.endswith(".")
    assert re.search(r"\.$|\baws [a-z]+ [a-z-]+ ", explanation.how_to_fix)
    assert explanation.source.startswith("https://")


@pytest.mark.parametrize("name", TABLES)
def test_no_pattern_is_there_twice(name: str) -> None:
    patterns = [pattern for pattern, _ in TABLES[name]]
    assert len(patterns) == len(set(patterns))


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ("unable to assume the role <>", True),
        ("could not assume role", True),
        ("unable to pull image", False),
    ],
)
def test_a_role_that_ecs_could_not_assume_is_recognised(words: str, matches: bool) -> None:
    pattern, explanation = ROLE_ROWS[0]
    assert (re.search(pattern, words) is not None) is matches
    assert explanation.checks[0] == "execution-role-not-assumable"


@pytest.mark.parametrize(
    ("text", "matches"),
    [("too many failed login attempts", True), ("toomanyrequests: pull rate limit", False), ("", False)],
)
def test_a_lock_after_failed_logins_is_no_pull_limit(text: str, matches: bool) -> None:
    assert (re.search(TOO_MANY_LOGINS, text) is not None) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [("unauthorized: authentication required", False), ("client with ip <> is not allowed access", True)],
)
def test_a_firewall_is_no_refusal_of_credentials(text: str, matches: bool) -> None:
    assert (re.search(ADDRESS_REFUSALS, text) is not None) is matches
