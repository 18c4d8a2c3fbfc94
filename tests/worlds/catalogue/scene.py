"""A row of the catalogue's table: a world with one fault, and one that only resembles it.

Beyond ``sandbox.world``, a scene may have a second Region, calls that set states which no creation can set, and facts
that no emulator supports. It has more references:

    ${elsewhere:NAME}   the ARN of the secret in the second Region     ${stale-elsewhere:NAME}   its ARN before
    ${replica:NAME}     the ARN of its replica in the scene's Region   ${made:NAME}              what a call returned
    ${partial-elsewhere:NAME}  its ARN without the suffix
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from pullguard.domain.facts import Facts
from sandbox.world import Names, World, load, resolve

Backend: TypeAlias = Literal["moto", "facts", "registry"]
RegionalClients: TypeAlias = Callable[[str, str], Any]
"""Makes a boto3 client of a service in a Region."""

HOME, ELSEWHERE = "us-east-1", "eu-central-1"
_LATE = re.compile(r"\$\{((?:elsewhere|stale-elsewhere|partial-elsewhere|replica|made):[^}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS call; its arguments may contain references.

    ``keep`` is the member of the answer that ``${made:NAME}`` refers to, ``name`` that NAME. ``region``: None is the
    Region of the group of calls that it belongs to.
    """

    service: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    keep: str | None = None
    name: str = ""
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of the scene's registry: to the request for a challenge, for the manifest; None: it does not exist.

    ``to_anybody`` is its answer to the request for the manifest without credentials, if that differs.
    """

    unauthorized: int = 401
    manifest: int | None = 200
    to_anybody: int | None = None


NOTHING = World()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One world, and how it is examined.

    Loaded in this order: ``elsewhere`` in ``second_region``, ``before``, ``world`` in ``region``, ``then``. It is
    examined ``after`` that time. ``facts`` sets by hand what no emulator supports. ``registry`` answers at
    ``${registry}``, on loopback.
    """

    world: World
    region: str = HOME
    second_region: str = ELSEWHERE
    elsewhere: World = NOTHING
    elsewhere_then: tuple[Call, ...] = ()
    before: tuple[Call, ...] = ()
    then: tuple[Call, ...] = ()
    after: timedelta = timedelta()
    facts: Callable[[Facts], Facts] | None = None
    registry: Answers | None = None

    @property
    def backend(self) -> Backend:
        """The source of the facts."""
        return "facts" if self.facts is not None else "registry" if self.registry is not None else "moto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to cause the finding ``check``, and its near miss."""

    check: str
    way: str
    broken: Scene
    near_miss: Scene
    severity: Literal["error", "warning"] = "error"
    status: Literal["fail", "unknown"] = "fail"


def prepare(scene: Scene, client: RegionalClients, names: Names | None = None) -> dict[str, str]:
    """Create everything of ``scene`` and return the values of its references; ``names`` are known beforehand."""
    known = dict(names or {})
    there = load(scene.elsewhere, lambda service: client(service, scene.second_region))
    for name, arn in there.items():
        kind, _, rest = name.partition(":")
        known |= {"secret": {f"elsewhere:{rest}": arn, f"replica:{rest}": _moved(arn, scene)}}.get(kind, {})
        known |= {f"{kind}-elsewhere:{rest}": arn} if kind in {"stale", "partial"} else {}
    _make(scene.elsewhere_then, client, scene.second_region, known | there)
    _make(scene.before, client, scene.region, known)
    here = load(_substituted(scene.world, known), lambda service: client(service, scene.region))
    _make(scene.then, client, scene.region, known | here)
    return known | here


def _moved(arn: str, scene: Scene) -> str:
    return arn.replace(f":{scene.second_region}:", f":{scene.region}:", 1)


def _make(calls: tuple[Call, ...], client: RegionalClients, region: str, names: dict[str, str]) -> None:
    for call in calls:
        arguments = resolve(_substituted(call.arguments, names), names)
        answer = getattr(client(call.service, call.region or region), call.operation)(**arguments)
        if call.keep is not None:
            names[f"made:{call.name}"] = answer[call.keep]


def _substituted(value: Any, names: Names) -> Any:
    """Replace the references that ``sandbox.world`` does not know, in records as well."""
    if isinstance(value, str):
        return _LATE.sub(lambda match: names[match[1]], value).replace("${registry}", names.get("registry", ""))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _substituted(getattr(value, each.name), names) for each in fields(value)})
    if isinstance(value, Mapping):
        return {key: _substituted(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_substituted(inner, names) for inner in value)
    return value
