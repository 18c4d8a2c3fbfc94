"""The audit as a table: every snippet is printed unwrapped."""

import io

import pytest
from rich.console import Console

from pullguard_cli.incidents import incidents_of
from pullguard_cli.output.table import print_audit
from tests.report.sample import sample_audit


@pytest.mark.parametrize("width", [60, 120])
def test_every_snippet_is_printed_in_one_piece_and_numbered(width: int) -> None:
    audit = sample_audit()
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_audit(audit, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    snippets = [incident.remedy.snippet for incident in incidents_of(audit) if incident.remedy.snippet]
    assert snippets
    for number, snippet in enumerate(snippets, start=1):
        (head,) = (index for index, line in enumerate(lines) if line.startswith(f"[{number}] "))
        typed = snippet.splitlines()
        assert lines[head + 1 : head + 1 + len(typed)] == typed
    text = " ".join("\n".join(lines).split())
    assert all(f"[{number}]" in text for number in range(1, len(snippets) + 1))
