"""The dependencies layer against the clients that the core's gateways ask for."""

import ast
import re
from pathlib import Path

import pytest

from tests.contract.cloudformation import ROOT
from tests.runtime.imports import modules, reached

CORE = ROOT / "layers/core"


def unnamed(source: str) -> list[str]:
    """Return the client calls whose service is not a literal, so that the service is unknown."""
    return [ast.unparse(call) for call in clients_asked_for(source) if not isinstance(call.args[0], ast.Constant)]


def services(source: str) -> set[str]:
    """The services for which a module makes clients."""
    asked = (call.args[0] for call in clients_asked_for(source))
    return {str(service.value) for service in asked if isinstance(service, ast.Constant)}


def clients_asked_for(source: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and re.search(r"clients\.get$", ast.unparse(node.func)) and node.args
    ]


def left_out() -> set[Path]:
    """The core's modules that the layer leaves out."""
    lines = (CORE / "unimported.txt").read_text(encoding="utf-8").splitlines()
    names = (line.partition("#")[0].strip() for line in lines)
    return {CORE / "pullguard" / name for name in names if name}


def modules_of_the_layer() -> list[Path]:
    """The core's modules, but for those that the layer leaves out, and the functions'."""
    core = set((CORE / "pullguard").rglob("*.py")) - left_out()
    return [*sorted(core), *(ROOT / "functions").glob("*/app.py")]


def test_every_package_that_the_layer_leaves_out_is_installed() -> None:
    """Its build removes these files, and fails on a name that is gone."""
    assert [path for path in left_out() if not path.is_file()] == []


def test_the_layer_keeps_every_module_that_a_function_can_import() -> None:
    """Imports within functions count, since a function loads most of the core with its first message."""
    starts = {
        name
        for app in (ROOT / "functions").glob("*/app.py")
        for name in re.findall(r"^from (pullguard\S*) import", app.read_text(encoding="utf-8"), re.MULTILINE)
    }
    missing = {modules(CORE)[name] for name in reached(starts, CORE)} & left_out()
    assert missing == set()


def services_in_code() -> set[str]:
    return {name for path in modules_of_the_layer() for name in services(path.read_text(encoding="utf-8"))}


def services_of_gateways() -> set[str]:
    """The services whose actions the gateways declare (`@asks`)."""
    declared = re.compile(r"@asks\((.*?)\)", re.DOTALL)
    actions = (each for path in modules_of_the_layer() for each in declared.findall(path.read_text(encoding="utf-8")))
    return {service for each in actions for service in re.findall(r'"([a-z0-9-]+):', each)}


@pytest.mark.parametrize(
    ("source", "found", "hidden"),
    [
        ('self._clients.get("ecs")', {"ecs"}, 0),
        ('clients.get("application-autoscaling", region)', {"application-autoscaling"}, 0),
        ('deployment.clients.get(\n    "route53",\n)', {"route53"}, 0),
        ("self.clients.get(service)", set(), 1),
        ('self.clients.get(f"{name}-runtime")', set(), 1),
        ('answer.get("Clients")', set(), 0),
    ],
)
def test_a_client_is_found_where_it_is_asked_for(source: str, found: set[str], hidden: int) -> None:
    assert (services(source), len(unnamed(source))) == (found, hidden)


def test_every_client_is_asked_for_by_its_services_name() -> None:
    assert [each for path in modules_of_the_layer() for each in unnamed(path.read_text(encoding="utf-8"))] == []


def test_the_dependencies_layer_keeps_the_service_models_that_the_gateways_use() -> None:
    kept = (ROOT / "layers/dependencies/services.txt").read_text(encoding="utf-8").split()
    assert kept == sorted(services_in_code())
    assert kept == sorted(services_of_gateways())
