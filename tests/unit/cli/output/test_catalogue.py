"""The catalogue of checks, on the terminal and as Markdown."""

from io import StringIO

import pytest
from rich.console import Console

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.failures import CannotRun
from pullguard_cli.output.catalogue import as_markdown, check_of, print_catalogue, print_check


def test_a_check_is_found_by_its_id() -> None:
    assert [check_of(check.id) for check in CHECKS] == list(CHECKS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("reference-stall", "Did you mean reference-stale?"), ("x", "pullguard findings lists them all.")],
)
def test_an_unknown_id_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(CannotRun, match=hint):
        check_of(name)


def test_every_check_is_a_row_of_the_markdown() -> None:
    rows = [line for line in as_markdown().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [check.id for check in CHECKS]
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}


def test_the_terminal_shows_every_check_whole() -> None:
    out = StringIO()
    console = Console(file=out, width=120)
    print_catalogue(console)
    assert all(check.id in out.getvalue() for check in CHECKS)
    out.truncate(0)
    print_check(CHECKS[0], console)
    said = " ".join(out.getvalue().split())
    assert CHECKS[0].source in said
    assert " ".join(CHECKS[0].fails_when.split()) in said
