"""Parse a remedy's commands as the shell and the AWS CLI do."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel
from botocore.session import get_session

from pullguard.domain.findings import Remedy

_GLOBAL = frozenset({"--region", "--query", "--output"})
_BETWEEN = frozenset("&|;()")  # what is between two commands is made of these
_OF_THE_SHELL = frozenset({"{", "}", "do", "done"})


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
    for word in (*words_of(remedy.commands), "&&"):
        if not set(word) <= _BETWEEN:
            words.append(word)
            continue
        while words and words[0] in _OF_THE_SHELL:
            del words[0]
        if words and words[0] not in ("jq", "docker") and words[:2] != ["for", "version"]:
            yield _command(words)
        words = []


def words_of(commands: str) -> Iterator[str]:
    """Yield the words that a shell reads; what is thrown away of a command's output is left out."""
    reader = shlex.shlex(commands.replace("2>/dev/null", ""), posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    reader.commenters = ""
    yield from reader


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


def piped(remedy: Remedy, policy: object) -> Any:
    """Return what the remedy's ``jq`` makes of a policy as AWS answers it: an object, its text, or None."""
    words = list(words_of(remedy.commands))
    program = words[words.index("jq") :]
    ends = next(index for index, word in enumerate(program) if word == "|")
    done = subprocess.run(program[:ends], input=json.dumps(policy), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
