"""Known members of a task definition, in the spelling of the ECS API or of CloudFormation.

AWS refuses unknown members. Without this check, a misspelt member would look absent. It covers the levels that matter
for a pull: the task definition, its containers and their credentials. The names come from the ECS model of the
installed SDK.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

import difflib
import gzip
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

import botocore

from pullguard.domain.errors import shown

Level: TypeAlias = Literal["task definition", "container", "credentials"]
_SHAPES: Final[dict[Level, tuple[str, ...]]] = {
    "task definition": ("RegisterTaskDefinitionRequest", "TaskDefinition"),
    "container": ("ContainerDefinition",),
    "credentials": ("RepositoryCredentials",),
}
_FUNCTIONS: Final = "Fn::"  # CloudFormation intrinsics, such as Fn::Transform and Fn::ForEach::Name


def spelt(name: str, *, pascal: bool) -> str:
    """Return a member's name in the spelling of the file: PascalCase if ``pascal``."""
    return name[0].upper() + name[1:] if pascal else name


def problem_of(names: Iterable[str], level: Level, *, pascal: bool) -> tuple[str, str] | None:
    """Return the first unknown name on this level with an error message, or None if all are known."""
    known = {spelt(name, pascal=pascal) for name in _members(level)}
    for name in names:
        if name not in known and not (pascal and name.startswith(_FUNCTIONS)):
            return name, _said(name, known)
    return None


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar, ignoring case, or None."""
    by_letters = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0.8)
    return by_letters[near[0]] if near else None


def _said(name: str, known: Iterable[str]) -> str:
    right = meant(name, known)
    if right is not None:
        return f"unknown property {shown(name)}; did you mean {right}?"
    return (
        f"unknown property {shown(name)} (as of botocore {botocore.__version__}); remove it, or update Pullguard if "
        "AWS has added it since"
    )


@cache
def _members(level: Level) -> frozenset[str]:
    shapes = _model()["shapes"]
    return frozenset(name for shape in _SHAPES[level] for name in shapes[shape]["members"])


@cache
def _model() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """Read the model from the SDK's own file. The SDK's loader does the same, but takes longer to import."""
    versions = (Path(botocore.BOTOCORE_ROOT) / "data" / "ecs").glob("*/service-2.json*")
    newest = max(versions, key=lambda file: file.parent.name)
    text = newest.read_bytes()
    model: dict[str, dict[str, dict[str, dict[str, object]]]] = json.loads(
        gzip.decompress(text) if newest.suffix == ".gz" else text
    )
    return model
