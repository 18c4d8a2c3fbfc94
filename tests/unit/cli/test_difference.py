"""Diffs of JSON objects."""

from io import StringIO

import pytest
from rich.console import Console

from pullguard_cli.difference import difference, print_difference


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}, []),
        ({"a": 1}, {"a": 2}, ['-  "a": 1', '+  "a": 2']),
        (None, {"a": 1}, ["+{", '+  "a": 1', "+}"]),
        ({"a": 1}, None, ["-{", '-  "a": 1', "-}"]),
        (None, None, []),
    ],
    ids=["same", "order", "changed", "new", "gone", "nothing"],
)
def test_only_changes_are_listed(
    before: dict[str, int] | None, after: dict[str, int] | None, changed: list[str]
) -> None:
    lines = difference(before, after, "web:7").splitlines()
    assert [line for line in lines[2:] if line[0] in "+-"] == changed
    assert lines[:2] == (["--- web:7 (now)", "+++ web:7 (then)"] if changed else [])


def test_a_diff_is_printed_unwrapped_and_without_escape_sequences() -> None:
    out = StringIO()
    print_difference(f"+{'x' * 200}\n-\x1b[2J", Console(file=out, width=40))
    assert out.getvalue() == f"+{'x' * 200}\n-\\x1b[2J\n"
