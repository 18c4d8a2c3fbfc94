import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.access.patterns import arn_matches, could_start, glob, glob_matches, resource_matches
from pullguard.access.ternary import Unknown
from pullguard.access.work import Work

LETTERS = st.text(alphabet="ab:/", max_size=8)
PATTERNS = st.text(alphabet="ab:/*?", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "", True),
        ("*", "any/thing:at all", True),
        ("", "", True),
        ("", "a", False),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*c", "ac", True),
        ("a*c", "a:b/c", True),
        ("a*c", "acb", False),
        ("*b*", "abc", True),
        ("*b*", "bc", True),
        ("*bb*", "abc", False),
        ("a*b*c", "aXbYbc", True),
        ("a**c", "abc", True),
        ("ab*ba", "aba", False),
        ("*?", "", False),
        ("*?", "x", True),
        ("?*?", "x", False),
        ("a*?b", "axb", True),
        ("A", "a", False),
        ("registry-??????", "registry-AbCdEf", True),
        ("registry-??????", "registry-2-AbCdEf", False),
        ("[a]", "a", False),
        ("a.c", "abc", False),
        ("a\x00b", "ab", True),
    ],
)
def test_wildcards(pattern: str, text: str, matches: bool) -> None:
    assert glob_matches(glob(pattern), text) is matches


@given(PATTERNS, LETTERS)
def test_matching_agrees_with_its_definition(pattern: str, text: str) -> None:
    def matches(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return matches(p[1:], t) or (bool(t) and matches(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and matches(p[1:], t[1:])

    assert glob_matches(glob(pattern), text) is matches(pattern, text)


@given(PATTERNS, LETTERS, LETTERS)
def test_a_match_could_start_with_each_of_its_prefixes(pattern: str, prefix: str, rest: str) -> None:
    if glob_matches(glob(pattern), prefix + rest):
        assert could_start(glob(pattern), prefix)


def test_an_impossible_prefix_is_recognized() -> None:
    assert not could_start(glob("arn:aws:ecs:eu-*:1:*"), "arn:aws:ecs:us-east-1:1:")
    assert could_start(glob("arn:aws:ecs:us-*:1:*"), "arn:aws:ecs:us-east-1:2:")  # ":1:" may follow still
    assert not could_start(glob("ab"), "abc")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("arn:aws:iam::1:role/a", True),
        ("arn:aws:iam::1:role/*", True),
        ("arn:*:iam:*:*:*", True),
        ("arn:aws:*:role/a", False),
        ("arn:aws:iam::1:role/A", False),
        ("arn:aws:iam::*", Unknown),
        ("*", Unknown),
        ("role/a", False),
        ("arn:aws:iam::2*", False),
    ],
)
def test_arn_patterns_match_part_by_part(pattern: str, matches: bool | type[Unknown]) -> None:
    answer = arn_matches(glob(pattern), "arn:aws:iam::1:role/a")
    assert isinstance(answer, Unknown) if matches is Unknown else answer is matches


def test_a_text_that_is_no_arn_matches_no_arn_pattern() -> None:
    assert arn_matches(glob("arn:*:*:*:*:*"), "registry") is False


SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/web-AbCdEf"
CROSSING = [
    ("*", True),
    ("arn:*", True),
    ("arn:aws:secretsmanager:*", True),
    ("arn:aws:secretsmanager:*:secret:registry/*", True),
    ("arn:aws:secretsmanager:us-east-1:111122223333:secret:*-??????", True),
    ("arn:aws:secretsmanager:us-*-1:*:secret:reg*web-*", True),
    ("arn:aws:secretsmanager:us-*:secret:registry/web-AbCdEf", True),
    ("arn:aws:secretsmanager:us-east-1:*registry*", None),
    ("arn:aws:secretsmanager:us-east-1?111122223333:secret:*", None),
    ("arn:aws:secretsmanager:us-*e:*:secret:*", False),
    ("arn:aws:s3:::*", False),
]


@pytest.mark.parametrize(("pattern", "expected"), CROSSING)
def test_only_a_star_that_ends_a_segment_goes_beyond_the_colon_for_certain(pattern: str, expected: bool | None) -> None:
    match = resource_matches(glob(pattern), SECRET, Work())
    assert (None if isinstance(match, Unknown) else match) is expected


@given(PATTERNS, LETTERS)
def test_a_resource_matches_at_most_what_the_plain_pattern_matches(pattern: str, text: str) -> None:
    match = resource_matches(glob(pattern), text, Work())
    assert (match is False) == (not glob_matches(glob(pattern), text))
