"""Progress on standard error: lines in a log, a bar on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from pullguard_cli.output.progress import _Lines, watching


@pytest.mark.parametrize(("seconds", "lines"), [(1.0, 0), (5.0, 3), (20.0, 9)])
def test_a_log_gets_a_line_at_most_every_15_seconds(seconds: float, lines: int) -> None:
    now = [0.0]
    out = StringIO()
    watcher = _Lines(Console(file=out, width=80), lambda: now[0])
    watcher.found(1_200)
    for _ in range(9):
        now[0] += seconds
        watcher.checked("web")
    said = out.getvalue().splitlines()
    assert len(said) == lines
    assert not said or said[-1] == "pullguard: checked 9 of 1,200 families"


def test_without_a_terminal_there_are_no_control_characters() -> None:
    out = StringIO()
    with watching(Console(file=out)) as watcher:
        watcher.found(1)
        watcher.checked("web")
    assert out.getvalue() == ""


def test_a_terminal_gets_a_bar_that_disappears() -> None:
    out = StringIO()
    with watching(Console(file=out, force_terminal=True, width=100)) as watcher:
        watcher.found(2)
        watcher.found(1)
        watcher.checked("web")
    assert "Checking families" in out.getvalue()
    assert "1/3" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")
