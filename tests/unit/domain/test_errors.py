"""Errors say what happened, and show other people's text harmlessly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.errors import Denied, Malformed, MalformedItem, NotNow, PullguardError, Rejected, shown

TOKEN = "ghp_" + "a1B2" * 9
SHOWN: dict[str, tuple[str, str]] = {
    "plain": ("registry/ghcr", '"registry/ghcr"'),
    "empty": ("", '""'),
    "control-characters": ("a\nb\x1b[31m", r'"a\nb\x1b[31m"'),
    "invisible": ("a\u200bb", r'"a\u200bb"'),
    "other-letters": ("büro", '"büro"'),
    "as-long-as-may-be": ("x y" * 40, f'"{"x y" * 40}"'),
    "longer": ("x y" * 41, f'"{"x y" * 40}…"'),
}


@pytest.mark.parametrize(("text", "quoted"), SHOWN.values(), ids=SHOWN)
def test_a_text_is_quoted_and_cut(text: str, quoted: str) -> None:
    assert shown(text) == quoted


@pytest.mark.parametrize("before", ["", "x " * 58], ids=["at-the-start", "across-the-cut"])
def test_a_token_is_not_shown_not_even_a_part_of_it(before: str) -> None:
    assert TOKEN[:12] not in shown(f"{before}{TOKEN}")


@given(st.text(max_size=300), st.integers(min_value=1, max_value=50))
def test_any_text_is_shown_printable(text: str, limit: int) -> None:
    assert shown(text, limit).isprintable()


def test_a_malformed_text_keeps_its_parts() -> None:
    error = Malformed("the image", "a\nb", "has a space")
    assert (error.what, error.text, error.why) == ("the image", "a\nb", "has a space")
    assert str(error) == r'the image "a\nb" has a space'


def test_a_denied_write_names_permission_resource_and_code() -> None:
    error = Denied("iam:PutRolePolicy", "web-execution", "AccessDenied")
    assert (error.permission, error.resource, error.code) == ("iam:PutRolePolicy", "web-execution", "AccessDenied")
    assert str(error) == "AWS refused iam:PutRolePolicy on web-execution (AccessDenied)"


def test_an_item_that_cannot_be_read_is_named_by_its_keys() -> None:
    text = str(MalformedItem("role#a", "x\n", "it lacks at"))
    assert r'pk "role#a", sk "x\n" cannot be read: it lacks at.' in text


@pytest.mark.parametrize("error", [Rejected("x"), NotNow("x"), Denied("a", "b", "c"), Malformed("a", "b", "c")])
def test_every_error_is_one_of_pullguards_own(error: Exception) -> None:
    assert isinstance(error, PullguardError)
