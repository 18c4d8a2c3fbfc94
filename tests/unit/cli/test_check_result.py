"""Results of ``pullguard check``: what a CI log shows, and where a file is."""

import pytest

from pullguard_cli.check_result import path_in_repository, printable


@pytest.mark.parametrize(
    ("file", "workspace", "expected"),
    [
        ("a/b.json", None, "a/b.json"),
        ("./a/../b.json", None, "b.json"),
        ("../b.json", None, None),
        ("/elsewhere/b.json", None, None),
        ("/elsewhere/x/b.json", "/elsewhere", "x/b.json"),
        ("-", None, None),
        ("a\0b", None, "a\0b"),
    ],
)
def test_path_in_the_repository(file: str, workspace: str | None, expected: str | None) -> None:
    assert path_in_repository(file, {"GITHUB_WORKSPACE": workspace} if workspace else {}) == expected


@pytest.mark.parametrize(
    ("text", "keep_lines", "expected"),
    [
        ("plain", False, "plain"),
        ("a\nb", False, "a\\nb"),
        ("a\nb", True, "a\nb"),
        ("::error::x", False, ": :error::x"),
        ("a\n  ::error::x", True, "a\n  : :error::x"),
        ("a ::b", False, "a ::b"),
        ("##[add-mask]x", False, "## [add-mask]x"),
        ("\x1b[2J", False, "\\x1b[2J"),
    ],
)
def test_a_runner_executes_nothing(text: str, keep_lines: bool, expected: str) -> None:
    assert printable(text, keep_lines=keep_lines) == expected
