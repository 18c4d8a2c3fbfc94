"""The pages about the code name what exists, and the drawing of the layers is fresh."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

from sandbox.showcase.layers import CORE, LAYERS, arrows_of, draw_layers, floors_of, imports, reached
from tests.contract.cloudformation import ROOT

PAGES = ("docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md", "tests/README.md")
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
BASES = (ROOT, CORE, ROOT / "tests")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|yaml|toml|md|txt)")


def paths_of(text: str) -> list[str]:
    """The paths that a page names as code."""
    return [
        each
        for each in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        if PATH.fullmatch(each)
    ]


def names_of(path: Path) -> set[str]:
    """The names that a module defines at its top level."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return names


def test_the_drawing_is_what_the_imports_are() -> None:
    assert LAYERS.read_text(encoding="utf-8") == draw_layers(), "run: make docs"


def test_the_arrows_of_the_drawing_and_the_chains_of_them_are_the_imports() -> None:
    imported = imports()
    drawn: dict[str, set[str]] = {name: set() for name in imported}
    for name, other in re.findall(r'data-from="(\w+)" data-to="(\w+)"', LAYERS.read_text(encoding="utf-8")):
        drawn[name].add(other)
    assert {name: reached(name, drawn) for name in drawn} == {name: reached(name, imported) for name in imported}


def test_an_import_that_others_imply_has_no_arrow() -> None:
    imported = {"c": frozenset("ba"), "b": frozenset("a"), "a": frozenset[str]()}
    assert arrows_of(imported) == {"c": frozenset("b"), "b": frozenset("a"), "a": frozenset()}
    assert floors_of(imported) == {"c": 3, "b": 2, "a": 1}


def test_a_new_package_changes_the_drawing() -> None:
    imported = imports()
    assert draw_layers({**imported, "access": imported["access"] | {"events"}}) != draw_layers(imported)


def test_the_table_has_every_layer_once_from_the_bottom_to_the_top() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|.*\| (yes|no) \|$", page, re.MULTILINE)
    floors = floors_of(imports())
    assert sorted(name for name, _ in rows) == sorted(floors.keys() - {"cli", "functions"})
    listed = [floors[name] for name, _ in rows]
    assert listed == sorted(listed)


@pytest.mark.parametrize("page", PAGES)
def test_a_path_that_a_page_names_exists(page: str) -> None:
    named = paths_of((ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert [each for each in named if not any((base / each).exists() for base in BASES)] == []


def test_a_term_is_carried_by_what_the_glossary_names() -> None:
    cells = re.findall(r"^\|[^|\n]+\|[^|\n]+\| (`.+`) \|$", GLOSSARY, re.MULTILINE)
    assert cells
    for place in chain.from_iterable(cell.split("; ") for cell in cells):
        path, _, names = place.partition(": ")
        assert set(re.findall(r"`(\w+)`", names)) - names_of(CORE / path.strip("`")) == set(), place
    assert len(cells) == len(re.findall(r"^\| (?!term|---)", GLOSSARY, re.MULTILINE))
