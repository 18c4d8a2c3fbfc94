import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullguard.access.patterns import (
    ARN_PARTS,
    MANY,
    ONE,
    arn_matches,
    collapsed,
    could_start,
    glob,
    glob_matches,
    resource_matches,
    steps_of,
)
from pullguard.access.ternary import Unknown
from pullguard.access.work import STEPS_MAX, TOO_MUCH, Work

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


# --- An automaton that reads the ARN letter by letter: slow, but it is the rule itself ---


def answer_of_the_automaton(compiled: str, arn: str) -> bool | None:
    """None: the pattern matches, but only if a wildcard amid a segment matches a colon."""
    if not reads(compiled, arn, crossing=True):
        return False
    return True if reads(compiled, arn, crossing=False) else None


def reads(compiled: str, arn: str, *, crossing: bool) -> bool:
    """``crossing``: any wildcard may match a colon; otherwise a ``?`` never, and a ``*`` only where AWS says so."""

    def closed(states: set[int]) -> set[int]:
        return states | {state + 1 for state in states if compiled[state : state + 1] == MANY}

    at, borders = closed({0}), ARN_PARTS - 1
    for letter in arn:
        moved: set[int] = set()
        for state in at - {len(compiled)}:
            sign = compiled[state]
            if sign == MANY:
                ends_segment = compiled[state + 1 : state + 2] in ("", ":")
                if crossing or letter != ":" or ends_segment or borders <= 0:
                    moved.add(state)
            elif sign == letter or (sign == ONE and (crossing or letter != ":")):
                moved.add(state + 1)
        at = closed(moved)
        borders -= letter == ":"
    return len(compiled) in at


COMPILED = st.text(alphabet=f"ab:*{MANY}{MANY}{ONE}", max_size=16).map(collapsed)  # an asterisk of a variable's value
ARNS = st.text(alphabet="ab::*", max_size=16)


@st.composite
def similar(draw: st.DrawFn) -> tuple[str, str]:
    """An ARN, and a pattern made from it: most match, for certain or by crossing a colon."""
    arn = draw(ARNS)
    signs = [draw(st.sampled_from((letter, letter, letter, ONE, MANY, f"{MANY}:", ""))) for letter in arn]
    start = draw(st.integers(0, len(signs)))
    end = draw(st.integers(start, len(signs)))
    if draw(st.booleans()):
        signs[start:end] = [MANY]
    return collapsed("".join(signs)), arn


def answered(compiled: str, arn: str) -> bool | None:
    match = resource_matches(compiled, arn, Work())
    return None if isinstance(match, Unknown) else match


@given(COMPILED, ARNS)
def test_a_resource_matches_as_the_automaton_says(compiled: str, arn: str) -> None:
    assert answered(compiled, arn) is answer_of_the_automaton(compiled, arn)


@settings(max_examples=1_000)
@given(similar())
def test_a_pattern_like_the_arn_matches_as_the_automaton_says(pair: tuple[str, str]) -> None:
    assert answered(*pair) is answer_of_the_automaton(*pair)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in CROSSING])
def test_the_automaton_knows_what_is_documented(pattern: str) -> None:
    assert answered(glob(pattern), SECRET) is answer_of_the_automaton(glob(pattern), SECRET)


LONG = f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{'a' * 1_900}"
HOSTILE = {
    "a run of asterisks": "*" * 100_000,
    "asterisks between letters": "*a" * 1_200,
    "asterisks at colons": "*:" * 1_200 + "*",
    "asterisks and question marks at colons": "arn:*?:*?:*:*?:" + "*?" * 400 + "*",
    "one chunk at each place": "arn:aws:*:*:*:*" + "?" * 60 + "b*",
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pattern_takes_a_bounded_number_of_steps(pattern: str) -> None:
    compiled, work = glob(pattern), Work()
    answer = resource_matches(compiled, LONG, work)
    # A pattern is compared with the whole text, then with each rest of it after one of the five colons, from at most
    # two places of the pattern after each: 1 + 2 + 4 + 8 + 16 + 32.
    taken = STEPS_MAX - work.left
    assert answer is TOO_MUCH or taken <= 64 * steps_of(compiled, LONG)
