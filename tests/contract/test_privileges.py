"""Each function's role against what its code asks of AWS, both ways: nothing missing, nothing more.

The table in needs.py says which gateway methods each function uses and on which resource of the stack; it is held
against the code's own calls, and the template is held against it.
"""

import ast
import importlib
import pkgutil
from inspect import getmembers, isclass, isfunction

import pytest

import pullguard.aws
from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.aws.messaging import Bus, Queues, Topic
from pullguard.aws.schedules import Rules, Schedules
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.aws.ssm import StopSwitch
from pullguard.store.entries import EntryStore
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.logins import LoginStore
from pullguard.store.sent_alerts import SentAlertStore
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from tests.contract.cloudformation import ROOT, Template
from tests.contract.needs import (
    ALL,
    COMMAND_LINE_ONLY,
    FUNCTIONS,
    IDS,
    READS,
    TEMPLATE,
    USES,
    Function,
    Method,
    expected,
)
from tests.contract.roles import Statement, given

# --- The comparison ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_allows_what_its_function_needs_and_nothing_more(name: str) -> None:
    missing, more = expected(name) - given(TEMPLATE, name), given(TEMPLATE, name) - expected(name)
    assert (missing, more) == (set(), set())


@pytest.mark.parametrize(("name", "statement"), ALL, ids=IDS)
def test_no_statement_can_be_removed_unnoticed(name: str, statement: Statement) -> None:
    template = template_without(statement)
    assert expected(name) - given(template, name) == statement.needs()


def template_without(statement: Statement) -> Template:
    template = TEMPLATE.copy()
    resource, *path, _, index = statement.path
    document = template.resources[resource]["Properties"]
    for step in path:
        document = document[step]
    del document["Statement"][index]
    return template


def test_every_function_is_in_the_table() -> None:
    assert set(FUNCTIONS) == set(TEMPLATE.functions())


# --- The table against the code ----------------------------------------------------------------------------------


LEDGERS = (
    "pullguard.store.ledger",
    "pullguard.store.task_definitions",
    "pullguard.store.incidents",
    "pullguard.store.sent_alerts",
    "pullguard.store.services",
)


def gateway_methods() -> dict[str, Method]:
    """Every method that is marked with the actions it needs, by ``Class.method``."""
    modules = [
        importlib.import_module(f"pullguard.aws.{each.name}") for each in pkgutil.iter_modules(pullguard.aws.__path__)
    ]
    found: dict[str, Method] = {}
    ledgers = map(importlib.import_module, LEDGERS)
    for module in (*modules, *ledgers):
        for _, cls in getmembers(module, isclass):
            for name, method in getmembers(cls, isfunction):
                if hasattr(method, "iam_actions"):
                    found[f"{cls.__name__}.{name}"] = method
    return found


METHODS = gateway_methods()
# Asked by ServiceStore.of_families, which is marked with its actions too.
BY_WAY_OF_OTHERS: frozenset[Method] = frozenset({ServiceStore.known})


def _used(function: Function) -> set[Method]:
    return {*function.reads, *function.stack, Queues.reject}


def test_every_gateway_method_is_used_by_a_function_or_only_by_the_command_line() -> None:
    used = set().union(*(_used(function) for function in FUNCTIONS.values())) | BY_WAY_OF_OTHERS
    assert {name for name, method in METHODS.items() if method not in used | COMMAND_LINE_ONLY} == set()
    assert used & COMMAND_LINE_ONLY == set()


GATEWAYS: dict[str, type] = {
    "switch": StopSwitch,
    **{name: type(store) for name, store in vars(Ledger(None, "ledger")).items()},  # type: ignore[arg-type]
    "definition_store": TaskDefinitionStore,
    "incidents": IncidentStore,
    "sent_alerts": SentAlertStore,
    "services": ServiceStore,
    "starts": StartStore,
    "queues": Queues,
    "bus": Bus,
    "topic": Topic,
    "ecs": Ecs,
    "iam": Iam,
}


def called(flow: str) -> set[Method]:
    """The gateway methods that a flow's text calls, such as ``self.executor.ledger.roles.item(...)``."""
    tree = ast.parse((ROOT / "layers/core/pullguard/workflows" / f"{flow}.py").read_text(encoding="utf-8"))
    found: set[Method] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value).rpartition(".")[2]
            # A protocol of the same name may have methods of its own.
            if owner in GATEWAYS and (method := getattr(GATEWAYS[owner], node.func.attr, None)):
                found.add(method)
    return {method for method in found if hasattr(method, "iam_actions")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_table_names_the_gateway_methods_that_the_flows_call(name: str) -> None:
    function = FUNCTIONS[name]
    calls = set().union(*(called(flow) for flow in function.flows)) - set(USES)
    if "report" in function.flows and "validate" not in function.flows:
        calls -= {EntryStore.save_finding}  # executors report remediations, not findings
    direct = _used(function) - {Queues.reject} - set(READS) - BY_READERS
    assert calls - set(READS) == direct - set(READS)


# Called by aws/readers.py, which is asked through the Readers protocol.
BY_READERS: frozenset[Method] = frozenset(
    {
        SecretsManager.credentials,
        *USES,
        Rules.starting,  # by what runtime/bootstrap.py gives the sweeper
        Schedules.starting,
        Iam.simulate,
        LoginStore.known,
        LoginStore.keep,
    }
)


WIRED_BY_DEPLOYMENT = {
    "patch_execution_role",
    "publish_alert",
    "reregister_task_definition",
    "resolve_change",
    "sweep_account",
    "validate_task_definition",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_app_wires_its_flow_and_not_anothers(name: str) -> None:
    text = (ROOT / "functions" / name / "app.py").read_text(encoding="utf-8")
    flow = FUNCTIONS[name].flows[0]
    first = {function.flows[0] for function in FUNCTIONS.values()}
    wired = {each for each in first if f"pullguard.workflows.{each}" in text}
    assert wired == (set() if name in WIRED_BY_DEPLOYMENT else {flow})
