"""What a remedy's commands are made of: read as the shell and the AWS CLI read them."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel
from botocore.session import get_session

from pullguard.findings import Remedy

_GLOBAL = frozenset({"--region", "--query", "--output"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the AWS CLI; an option without a value has an empty one, of several values the first counts."""

    service: str
    operation: str
    options: dict[str, str]

    def faults(self) -> list[str]:
        """Return what the AWS CLI would refuse: an operation or an option that it does not have."""
        operations = _operations(self.service)
        if self.operation not in operations:
            return [f"{self.service} {self.operation}"]
        members = operations[self.operation].input_shape
        known = {f"--{xform_name(each, '-')}" for each in (members.members if members else ())} | _GLOBAL
        return [f"{self.service} {self.operation} {option}" for option in self.options if option not in known]

    def documents(self) -> Iterator[Any]:
        """Yield the JSON among the values; raises ValueError for a value that only begins like JSON."""
        yield from (json.loads(each) for each in self.options.values() if each.startswith(("{", "[")))


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    model = get_session().get_service_model(service)
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def commands_of(remedy: Remedy) -> Iterator[Command]:
    """Yield the commands of the AWS CLI, in order; anything else in a shell's place is an AssertionError."""
    words: list[str] = []
    for word in (*shlex.split(remedy.commands), "&&"):
        if word != "&&":
            words.append(word)
            continue
        if words[:2] == ["docker", "push"]:
            words = []
        if words:
            yield _command(words)
        words = []


def _command(words: list[str]) -> Command:
    assert words[0] == "aws", words
    _, service, operation, *rest = words
    options: dict[str, str] = {}
    for word in rest:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            options[name] = value
        elif options and not options[name := next(reversed(options))]:
            options[name] = word
    return Command(service=service, operation=operation, options=options)
