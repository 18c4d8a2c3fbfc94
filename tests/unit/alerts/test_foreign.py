"""Text of others, made harmless: prose, names, words and snippets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.alerts import compose
from pullguard.alerts.foreign import plain_name, plain_word, prose, snippet_lines
from pullguard.domain.findings import Remedy
from tests.unit.alerts.attacks import ATTACKS
from tests.unit.alerts.notices import finding, notice


def test_a_strangers_snippet_lines_are_indented() -> None:
    remedy = Remedy(snippet="aws x 'a\nFinding: 0000'")
    text = compose(notice(findings=(finding(remedy=remedy),))).text
    assert "\n    Finding: 0000'\n" in text
    assert "\nFinding: 0000" not in text


def test_words_of_other_languages_stay_readable_in_prose() -> None:
    text = compose(notice(findings=(finding(cause=ATTACKS["non-ascii"]),))).text
    assert 'Why: Köln\'s "büro" ... 東京\n' in text


PROSE: dict[str, tuple[str, str]] = {
    "plain": ("The secret is gone.", "The secret is gone."),
    "empty": ("", ""),
    "lines": ("a\r\nb\tc  d", "a b c d"),
    "typography": ("\u2018a\u2019 \u201cb\u201d \u2026", "'a' \"b\" ..."),
    "combining-marks-are-composed": ("Ko\u0308ln", "Köln"),
    "lone-marks-are-numbered": ("z\u0335", r"z\u0335"),
    "bidirectional": ("\u202egnorw", r"\u202egnorw"),
    "blank-letter": ("a\u3164b", r"a\u3164b"),
    "link": ("see https://evil.example", "see https[:]//evil.example"),
    "link-with-backslashes": (r"x:\\host", "x[:]\\\\host"),
    "mail": ("mailto:a@b", "mailto[:]a@b"),
    "www": ("www.evil.example", "www[.]evil.example"),
    "a-word-that-ends-in-www": ("awww.x", "awww.x"),
    "no-link": ("time 12:30, a/b", "time 12:30, a/b"),
}


@pytest.mark.parametrize(("text", "harmless"), PROSE.values(), ids=PROSE)
def test_prose_is_one_harmless_line(text: str, harmless: str) -> None:
    assert prose(text) == harmless


@pytest.mark.parametrize(("length", "cut"), [(9, "a" * 9), (10, "a" * 10), (11, "aaaaaaa..."), (100, "aaaaaaa...")])
def test_prose_is_cut_with_a_mark(length: int, cut: str) -> None:
    assert prose("a" * length, 10) == cut


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("web", "web"),
        (None, "?"),
        ("", "?"),
        ("g\u04bbcr.io", r"g\u04bbcr.io"),
        ("büro", r"b\u00fcro"),
        ("a\nb", "a b"),
    ],
)
def test_a_name_is_printable_ascii(name: str | None, plain: str) -> None:
    assert plain_name(name) == plain


@given(st.text(max_size=400), st.integers(min_value=4, max_value=60))
def test_any_name_is_short_and_printable_ascii(name: str, limit: int) -> None:
    plain = plain_name(name, limit)
    assert len(plain) <= limit
    assert plain.isascii()
    assert plain.isprintable()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("secret-access-missing", "secret-access-missing"),
        ("a b\n", "a_b_"),
        ("", "none"),
        ("https://x", "https_:_//x".replace("/", "_")),
        ("x" * 300, "x" * 256),
        ("東", "_"),
    ],
)
def test_a_word_has_letters_digits_and_a_few_signs(text: str, word: str) -> None:
    assert plain_word(text) == word


SNIPPETS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "absent": (None, ()),
    "empty": ("", ()),
    "two-lines": ("aws x \\\n  --more\n", ("aws x \\", "  --more")),
    "a-file-is-no-link": ("aws x file://policy.json", ("aws x file://policy.json",)),
    "a-page-is-one": ("curl https://evil.example", ("curl https[:]//evil.example",)),
    "a-carriage-return": ("a\rb", (r"a\u000db",)),
    "longest": ("x" * 6_000, ("x" * 6_000,)),
    "too-long": ("x" * 6_001, ()),
}


@pytest.mark.parametrize(("text", "lines"), SNIPPETS.values(), ids=SNIPPETS)
def test_a_snippet_is_shown_whole_or_not_at_all(text: str | None, lines: tuple[str, ...]) -> None:
    assert snippet_lines(text) == lines
