"""Findings of ``pullguard check`` as text."""

from pullguard_cli.check_result import Checked
from pullguard_cli.output.check_text import as_text
from tests.unit.cli.placed import HOSTILE, checked, placed


def text_of(outcome: Checked) -> str:
    return "\n".join(each.plain for each in as_text(outcome))


def test_text_contains_nothing_to_execute() -> None:
    said = text_of(checked(placed(file=HOSTILE, text=HOSTILE)))
    assert not {"\r", "\x1b"} & set(said)
    assert "##[" not in said
    assert not [line for line in said.splitlines() if line.strip().startswith("::")]
