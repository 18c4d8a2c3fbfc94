"""docs/threat-model.md names a test for each answer, and each test that it names is there."""

import ast
import re
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOC = TESTS.parent / "docs" / "threat-model.md"
# Table rows about tests in another file.
_ATTACKS = ("attacks", "hostile", "kept", "strangers", "test_attacks", "times")
TABLES = {"e2e/test_attacks.py": tuple(f"e2e/{each}.py" for each in _ATTACKS)}
# An answer that no test can give says so, and why.
NO_TEST = "no test: "
_CODE = re.compile(r"`([^`]+)`")
_REFERENCE = re.compile(r"(?P<file>[\w/]+\.py)?(?:::(?P<test>test_\w+))?(?:\[(?P<row>[^\]]+)\])?")


def threats() -> list[tuple[str, str]]:
    """Return each threat with the cell that says what proves its answer."""
    _, _, text = DOC.read_text(encoding="utf-8").partition("\n## Threats\n")
    lines = takewhile(lambda line: not line.startswith("## "), text.splitlines())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert {len(row) for row in rows} == {3}
    return [(row[0], row[2]) for row in rows if row[0] != "threat"]


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def faults_of(cell: str) -> list[str]:
    """Return what is wrong with a cell: that it names nothing, or what it names and is not there."""
    if cell.startswith(NO_TEST) and len(cell) > len(NO_TEST):
        return []
    faults, file, test = [], "", ""
    for code in _CODE.findall(cell):
        found = _REFERENCE.fullmatch(code)
        if not found:
            faults.append(f"{code} is no test")
            continue
        file, test, row = found["file"] or file, found["test"] or test, found["row"]
        if not file or not (TESTS / file).is_file():
            faults.append(f"{code}: there is no file {file or 'named before it'}")
        elif test and found["test"] and test not in functions_of(file):
            faults.append(f"{file} has no {test}")
        elif row and not any(f'"{row}"' in (TESTS / each).read_text("utf-8") for each in TABLES.get(file, (file,))):
            faults.append(f"{file} has no row {row}")
    return faults if file else [*faults, "nothing is named that proves it"]


@pytest.mark.parametrize(("threat", "cell"), threats(), ids=[threat[:60] for threat, _ in threats()])
def test_the_proof_of_each_answer_exists(threat: str, cell: str) -> None:
    assert faults_of(cell) == []


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("", "nothing is named that proves it"),
        ("no test: ", "nothing is named that proves it"),
        ("`unit/test_gone.py`", "there is no file unit/test_gone.py"),
        ("`unit/domain/test_stop.py::test_gone`", "unit/domain/test_stop.py has no test_gone"),
        ("`::test_first`", "there is no file named before it"),
        ("`e2e/test_attacks.py::test_no_password_is_anywhere[gone]`", "e2e/test_attacks.py has no row gone"),
        ("`whatever`", "whatever is no test"),
    ],
)
def test_a_cell_that_proves_nothing_is_noticed(cell: str, fault: str) -> None:
    assert any(fault in each for each in faults_of(cell))
