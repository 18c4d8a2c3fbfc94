"""Measure RegisterTaskDefinition → finding → grant → resolved: files and functions of the core, AWS calls.

The real handlers run on moto, as in tests/functions: the event is resolved, the task definition validated, its role
granted what it lacks, the task definition validated again, and three alerts are sent (opened, completed, resolved).
Counted are the core's files and functions that are entered, without imports, and every request to AWS.
"""

import ast
import io
import json
import os
import sys
import threading
import tokenize
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from moto import mock_aws

import pullguard
from tests.functions.stack import ACCOUNT, Context, Stack, sqs_event
from tests.functions.world import create_role, create_secret, register, request_body

CORE = Path(pullguard.__file__).parent
SAMPLE = Path(__file__).parents[1] / "events/eventbridge/register-task-definition.json"
ALERT = "publish_alert"
STEPS = (
    ("resolve the event", "resolve_change"),
    ("validate: the finding", "validate_task_definition"),
    ("alert: opened", ALERT),
    ("grant", "patch_execution_role"),
    ("alert: completed", ALERT),
    ("validate: resolved", "validate_task_definition"),
    ("alert: resolved", ALERT),
)


class Tally:
    """The code that one step enters, and its requests."""

    def __init__(self) -> None:
        self.functions: set[tuple[str, str]] = set()
        self.calls: Counter[str] = Counter()

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Note a function of the core that is entered; for ``sys.setprofile``."""
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(CORE)) and code.co_name != "<module>":
            self.functions.add((code.co_filename, code.co_qualname if sys.version_info >= (3, 11) else code.co_name))

    def called(self, model: Any) -> None:
        """Note a request by the model of its operation."""
        self.calls[model.service_model.service_name] += 1


def begin(stack: Stack, function: str, tally: Tally) -> Callable[[dict[str, Any]], Any]:
    """Start a function in its environment, and return its handler."""
    os.environ.update(stack.environment(function, Mode="remediate"))
    module = stack.start(function)
    stack.watching[:] = [tally.called]
    return lambda event: module.handler(event, Context(function))


def walk() -> dict[str, Tally]:
    """Go the way once, and return what each step took."""
    tallies: dict[str, Tally] = {}
    with mock_aws():
        stack = Stack()
        stack.create()
        secret, role = create_secret(stack), create_role(stack)
        broken = register(stack, secret, role=role)
        inputs: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "resolve_change": lambda: [sqs_event(json.dumps(registered_event(broken)))],
            "validate_task_definition": lambda: [sqs_event(request_body(broken, kind="RegisterTaskDefinition"))],
            "patch_execution_role": lambda: [_batch(stack, "GrantQueue", groups=("web",))],
            ALERT: lambda: [_batch(stack, "AlertQueue")],
        }
        for step, function in STEPS:
            tally = tallies[step] = Tally()
            handle = begin(stack, function, tally)
            events = inputs[function]()
            tally.calls.clear()
            sys.setprofile(tally.profile)
            threading.setprofile(tally.profile)  # a batch has threads
            try:
                for each in events:
                    assert handle(each) in (None, {"batchItemFailures": []}), step
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
        alerts = [step for step, function in STEPS if function == ALERT]
        assert len(stack.messages("Inbox")) == len(alerts), "each fact is an alert"
    return tallies


def registered_event(task_definition: str) -> dict[str, Any]:
    """Return the event of a registration, of this moment and this account."""
    text = SAMPLE.read_text(encoding="utf-8")
    event: dict[str, Any] = json.loads(text)
    known = event["detail"]["responseElements"]["taskDefinition"]["taskDefinitionArn"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = text.replace(known, task_definition).replace(event["time"], now).replace(event["account"], ACCOUNT)
    registered: dict[str, Any] = json.loads(text)
    return registered


def _batch(stack: Stack, queue: str, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    return sqs_event(*(each["Body"] for each in stack.messages(queue)), groups=groups)


def code_lines(folder: Path = CORE) -> int:
    """Return the lines of code under ``folder``: no blank lines, comments or docstrings."""
    total = 0
    for path in folder.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        docs = {
            line
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        kinds = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
        lines = {
            line
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type not in kinds
            for line in range(token.start[0], token.end[0] + 1)
        }
        total += len(lines - docs)
    return total


def main() -> None:
    """Print the table of docs/benchmarks.md."""
    with redirect_stdout(io.StringIO()):  # the functions' log
        walk()  # so that no import is counted
        tallies = walk()
    everything = set().union(*(each.functions for each in tallies.values()))
    calls = sum((each.calls for each in tallies.values()), Counter())
    print("| step | AWS calls | of them DynamoDB |\n|---|---|---|")
    for step, tally in tallies.items():
        print(f"| {step} | {tally.calls.total()} | {tally.calls['dynamodb']} |")
    print(f"| all | {calls.total()} | {calls['dynamodb']} |")
    print(f"\nFiles of the core: {len({name for name, _ in everything})}; functions: {len(everything)}.")
    print(f"Lines of code of the core: {code_lines()}.")


if __name__ == "__main__":
    main()
