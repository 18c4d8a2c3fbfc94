"""docs/findings.md is made of the checks, and of nothing else."""

from pathlib import Path

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.output.catalogue import as_markdown

DOC = Path(__file__).parents[2] / "docs" / "findings.md"


def test_docs_findings_md_is_fresh() -> None:
    assert DOC.read_text(encoding="utf-8") == as_markdown(), "run: make docs"


def test_every_check_is_listed_once() -> None:
    rows = [line for line in as_markdown().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [check.id for check in CHECKS]
