"""Import rules: the core's pure modules do not import AWS, and no layer imports a layer above it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.contract.cloudformation import ROOT

CORE = ROOT / "layers/core"
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
HANDLER_MAX_LINES = 40

# Decide, and know nothing of AWS, the environment, the clock or a log.
PURE = ("access", "alerts", "checks", "domain", "events", "incidents", "planning")
IMPURE = {"boto3", "botocore", "os", "logging", "socket", "subprocess", "aws_lambda_powertools"}


def modules(folder: Path, root: Path) -> dict[str, Path]:
    """Every module below ``folder`` by its dotted name, packages by their own."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(path: Path, *, typing_too: bool = False) -> frozenset[str]:
    """The modules that a file imports anywhere in it, but for those under ``if TYPE_CHECKING``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing and not typing_too:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name that is imported may be a module itself.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


PULLGUARD = modules(CORE / "pullguard", CORE)
ABOVE_THE_CORE = ("sandbox", "pullguard_cli", "tests", "benchmarks", "functions")


def _top(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def _part(module: str) -> str:
    """The part of the core that a module belongs to: ``checks`` of ``pullguard.checks.secret``."""
    return module.split(".")[1] if "." in module else ""


def reachable(module: str) -> set[str]:
    """Every module of the core that an import of ``module`` brings in."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        here = ahead.pop()
        if here in PULLGUARD and here not in found:
            found.add(here)
            ahead += imports(PULLGUARD[here])
    return found


@pytest.mark.parametrize("module", [name for name in PULLGUARD if _part(name) in PURE])
def test_a_pure_module_reaches_no_aws_no_environment_and_no_log(module: str) -> None:
    reached = {name: _top(imports(PULLGUARD[name])) & IMPURE for name in reachable(module)}
    assert {name: found for name, found in reached.items() if found} == {}
    assert {name for name in reached if _part(name) in {"aws", "runtime", "store", "workflows"}} == set()


def test_the_pure_modules_exist() -> None:
    assert {_part(name) for name in PULLGUARD} >= set(PURE)


def test_only_gateways_import_boto3() -> None:
    importing = {name for name, path in PULLGUARD.items() if _top(imports(path)) & {"boto3", "botocore"}}
    assert {name for name in importing if not name.startswith("pullguard.aws.")} == set()


def test_only_gateways_and_the_ledgers_table_know_the_types_of_boto3() -> None:
    knowing = {
        name
        for name, path in PULLGUARD.items()
        if any(each.startswith("mypy_boto3") for each in imports(path, typing_too=True))
    }
    assert {name for name in knowing if not name.startswith("pullguard.aws.")} == {"pullguard.store.table"}


def test_only_the_composition_root_and_readers_make_gateways_of_clients() -> None:
    making = {name for name, path in PULLGUARD.items() if "pullguard.aws.clients" in imports(path)}
    assert {name for name in making if not name.startswith("pullguard.aws.")} == {"pullguard.runtime.bootstrap"}


@pytest.mark.parametrize("module", PULLGUARD)
def test_the_core_imports_nothing_above_it(module: str) -> None:
    assert _top(imports(PULLGUARD[module], typing_too=True)) & set(ABOVE_THE_CORE) == set()


@pytest.mark.parametrize("module", [name for name in PULLGUARD if _part(name) not in {"runtime", "workflows"}])
def test_only_the_composition_root_knows_the_workflows(module: str) -> None:
    assert {name for name in imports(PULLGUARD[module]) if name.startswith("pullguard.workflows")} == set()


def _folders(*names: str) -> list[Path]:
    return sorted(path for name in names for path in (ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("path", _folders("cli", "sandbox", "functions"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_product_code_imports_the_tests(path: Path) -> None:
    assert "tests" not in _top(imports(path, typing_too=True))


@pytest.mark.parametrize("path", _folders("cli"), ids=lambda path: path.stem)
def test_the_command_line_knows_nothing_of_the_sandbox(path: Path) -> None:
    assert "sandbox" not in _top(imports(path, typing_too=True))


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
class TestAHandler:
    def test_is_short_enough_to_hold_no_logic(self, path: Path) -> None:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= HANDLER_MAX_LINES

    def test_imports_the_core_powertools_and_nothing_else(self, path: Path) -> None:
        allowed = {"os", "dataclasses", "typing", "aws_lambda_powertools", "pullguard"}
        assert _top(imports(path)) <= allowed

    def test_is_a_single_file(self, path: Path) -> None:
        assert [each.name for each in path.parent.iterdir() if each.name != "__pycache__"] == ["app.py"]


def test_each_module_can_be_the_first_to_be_imported(tmp_path: Path) -> None:
    """Functions import what they run and nothing else, so that no module may count on another being there already."""
    script = """
import importlib, sys
for name in sys.argv[1:]:
    for known in [each for each in sys.modules if each.partition(".")[0] == "pullguard"]:
        del sys.modules[known]
    importlib.import_module(name)
"""
    command = [sys.executable, "-c", script, *modules(CORE / "pullguard", CORE)]
    compiled_once = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=compiled_once)
    assert ran.returncode == 0, ran.stderr.splitlines()[-1]
