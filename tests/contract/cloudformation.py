"""template.yaml as data, for the contract tests: intrinsic functions in their long form, and a few questions to ask."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "template.yaml"
TEXT = FILE.read_text(encoding="utf-8")


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms (!Ref, !GetAtt, !Sub, ...)."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TypeError(node)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


@dataclass(frozen=True)
class Template:
    """The parsed template."""

    data: dict[str, Any]

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        resources: dict[str, dict[str, Any]] = self.data["Resources"]
        return resources

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of a type, by logical id."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    def functions(self) -> dict[str, dict[str, Any]]:
        """The functions' properties by the folder of their code (``resolve_change``)."""
        return {each["CodeUri"].split("/")[-1]: each for each in self.of_type("AWS::Serverless::Function").values()}

    def copy(self) -> "Template":
        return Template(deepcopy(self.data))


def load() -> Template:
    # _Loader is a CSafeLoader: it makes plain data and nothing else.
    return Template(yaml.load(TEXT, Loader=_Loader))


def said(value: Any) -> str:
    """One text for a literal, a reference or an attribute: ``*``, ``Ledger``, ``Ledger.Arn``, ``arn:${...}``."""
    match value:
        case str() | int():
            return str(value)
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str() as text}:
            return text
        case _:
            raise AssertionError(f"no text for {value}")


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def referenced(value: Any) -> Iterator[str]:
    """Every logical id that a value refers to by Ref or GetAtt."""
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        if "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        for each in value.values():
            yield from referenced(each)
    elif isinstance(value, list):
        for each in value:
            yield from referenced(each)
