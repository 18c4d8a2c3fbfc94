"""A function that is deployed without something says so in one line, at its start."""

import os
import subprocess
import sys

import pytest

from pullguard.runtime.settings import POWERTOOLS
from tests.contract.cloudformation import ROOT
from tests.functions.stack import TEMPLATE, Stack

IDS = {
    "Ledger": "ledger",
    "Bus": "bus",
    "AlertTopic": "arn:aws:sns:us-east-1:123456789012:topic",
    "StopSwitch": "/pullguard/stop",
}
STACK = Stack(ids=IDS | dict.fromkeys(TEMPLATE.of_type("AWS::SQS::Queue"), "https://sqs.us-east-1.amazonaws.com/1/q"))
FUNCTIONS = sorted(TEMPLATE.functions())
CASES = [
    (function, variable)
    for function in FUNCTIONS
    for variable in STACK.environment(function)
    if variable.startswith("PULLGUARD_") or variable in POWERTOOLS
]


def start(function: str, monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    for name, value in {**STACK.environment(function), **changes}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    STACK.start(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_what_the_template_gives_it(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start(function, monkeypatch)
    assert STACK.called == {}  # and asks nothing of AWS before it is called


@pytest.mark.parametrize(("function", "variable"), CASES, ids=[f"{function}-{name}" for function, name in CASES])
def test_a_variable_that_is_missing_is_named_in_one_line(
    function: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as error:
        start(function, monkeypatch, **{variable: None})
    assert str(error.value).startswith(f"This function cannot start: {variable} is not set")
    assert "\n" not in str(error.value)


def test_nonsense_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match='PULLGUARD_MODE is "destroy"'):
        start("validate_task_definition", monkeypatch, PULLGUARD_MODE="destroy")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_level_that_powertools_does_not_know_is_named_before_powertools_breaks(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as error:
        start(function, monkeypatch, POWERTOOLS_LOG_LEVEL="LOUD")
    assert str(error.value) == (
        'This function cannot start: POWERTOOLS_LOG_LEVEL is "LOUD": give one of DEBUG, INFO, WARNING, ERROR, CRITICAL'
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_start_loads_neither_boto3_nor_the_workflows_nor_the_ledger(function: str) -> None:
    """Each costs a cold start more than all else of ours; in a process of its own, since the tests load everything."""
    code = 'import app, sys; print(*sorted(name for name in sys.modules if name.startswith(("boto3", "pullguard."))))'
    paths = os.pathsep.join((str(ROOT / "functions" / function), str(ROOT / "layers" / "core")))
    environment = os.environ | STACK.environment(function) | {"PYTHONPATH": paths, "AWS_DEFAULT_REGION": "us-east-1"}
    printed = subprocess.run((sys.executable, "-c", code), env=environment, capture_output=True, text=True, check=True)
    loaded = printed.stdout.split()
    late = ("boto3", *(f"pullguard.{part}" for part in ("access", "checks", "events", "store", "workflows")))
    assert [name for name in loaded if name.startswith(late)] == []
