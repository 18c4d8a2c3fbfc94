"""docs/reference.md lists what the template has: each parameter with its default, each function."""

import re

import pytest

from tests.contract.cloudformation import ROOT, load

PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
PARAMETERS = load().data["Parameters"]


def rows(section: str) -> dict[str, str]:
    """The rows of a section's table: the name in the first cell, and the second cell."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", text, re.MULTILINE))


def test_the_table_has_each_parameter_once() -> None:
    assert sorted(rows("Parameters")) == sorted(PARAMETERS)
    assert len(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == len(rows("Parameters")) + len(rows("Functions"))


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_table_has_the_default_of_the_template(name: str) -> None:
    assert rows("Parameters")[name].strip("`") == str(PARAMETERS[name]["Default"])


def test_the_table_has_each_function() -> None:
    assert set(rows("Functions")) == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
