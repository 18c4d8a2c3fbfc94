"""Draw the chain behind an image pull: task definition → role → secret → key → registry.

One place is broken: a resource (the secret is scheduled for deletion) or the step to the next one (the role may not
read it). Positions are in CSS pixels. On narrow screens, the style sheet stacks the parts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Place
from pullguard.domain.errors import Malformed
from pullguard.domain.findings import Finding
from pullguard.domain.image import parse_image
from pullguard.incidents import resource_name
from pullguard_cli.audit_result import Audit
from pullguard_cli.incidents import Incident

State: TypeAlias = Literal["fine", "broken", "beyond"]
# Resources have even indexes, the steps between them odd ones.
PLACES: Final[tuple[Place, ...]] = (
    "definition", "assume", "role", "read", "secret", "decrypt", "key", "sign-in", "registry",
)  # fmt: skip

NODE_WIDTH: Final = 128
NODE_HEIGHT: Final = 66
GAP: Final = 36
_LINE_CHARS: Final = 14
_LINES: Final = 2
_SEAM: Final = re.compile(r"[/_.:-]|[a-z0-9](?=[A-Z])")
_CAPTIONS: Final[Mapping[Place, str]] = {
    "definition": "Task definition",
    "role": "Execution role",
    "secret": "Secret",
    "key": "Key",
    "registry": "Registry",
}
_NOT_NAMED: Final = ("not named",)
_NAMELESS: Final[Mapping[Place, tuple[str, ...]]] = {"key": ("default, or", "not known")}
_STEPS: Final[Mapping[Place, str]] = {
    "assume": "ECS assumes the role",
    "read": "the role reads the secret",
    "decrypt": "the role decrypts it with the key",
    "sign-in": "the credentials sign in",
}
_DRAWN_AT: Final[Mapping[str, Place]] = {check.id: check.drawn_at for check in CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A resource in the chain. ``lines`` is its name, wrapped and shortened to fit."""

    place: Place
    x: int
    state: State
    caption: str
    name: str | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The step from one resource to the next."""

    place: Place
    x: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The drawing. ``mark_x`` is the centre of the broken place; ``words`` is the text alternative."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    broken: Place
    mark_x: int
    words: str


def chain_of(incident: Incident, audit: Audit) -> Chain:
    """Draw the chain of an incident's first finding, which is in use if any of its findings is.

    Places that other findings on the same container report as broken are drawn as broken too.
    """
    first = incident.findings[0]
    broken = place_of(incident.check)
    also = frozenset(_also_broken(first, audit))
    names = _names(first)
    step = NODE_WIDTH + GAP
    nodes = tuple(
        Node(
            place=place,
            x=index * step,
            state=_state(place, broken, also),
            caption=_CAPTIONS[place],
            name=names[place],
            lines=_fitted(names[place] or "") if names[place] else _NAMELESS.get(place, _NOT_NAMED),
        )
        for index, place in enumerate(PLACES[::2])
    )
    edges = tuple(
        Edge(place=place, x=index * step + NODE_WIDTH, state=_state(place, broken, also))
        for index, place in enumerate(PLACES[1::2])
    )
    return Chain(nodes=nodes, edges=edges, broken=broken, mark_x=_middle(broken), words=_words(names, broken))


def short_name(text: str) -> str:
    """Return a short name for the drawing. Role names lose their path."""
    name = resource_name(text)
    return name.rpartition("/")[2] if ":iam:" in text else name


def _names(finding: Finding) -> dict[Place, str | None]:
    names: dict[Place, str | None] = {
        "definition": finding.task_definition,
        "role": finding.role,
        "secret": finding.secret,
        "key": finding.key,
    }
    short = {place: short_name(text) if text else None for place, text in names.items()}
    return {**short, "registry": _host(finding.image)}


def _host(image: str | None) -> str | None:
    try:
        return parse_image(image).host if image else None
    except Malformed:
        return image


def place_of(check: str) -> Place:
    """Return the place in the chain that a check is about."""
    return _DRAWN_AT.get(check, "definition")


def _also_broken(first: Finding, audit: Audit) -> Iterator[Place]:
    for other in audit.about(first.task_definition):
        same = other.container in (None, first.container) or first.container is None
        if same and other.severity == "error" and other.status == "fail":
            yield place_of(other.check)


def _state(place: Place, broken: Place, also: frozenset[Place]) -> State:
    if place == broken or place in also:
        return "broken"
    return "fine" if PLACES.index(place) < PLACES.index(broken) else "beyond"


def _middle(place: Place) -> int:
    index = PLACES.index(place)
    start = index // 2 * (NODE_WIDTH + GAP)
    return start + NODE_WIDTH // 2 if index % 2 == 0 else start + NODE_WIDTH + GAP // 2


def _fitted(name: str) -> tuple[str, ...]:
    """Wrap a name into lines, at separators if possible. Replace the excess with an ellipsis."""
    lines: list[str] = []
    rest = name
    while len(rest) > _LINE_CHARS and len(lines) < _LINES - 1:
        seams = [seam.end() for seam in _SEAM.finditer(rest[: _LINE_CHARS + 1]) if seam.end() <= _LINE_CHARS]
        cut = max((seam for seam in seams if seam > _LINE_CHARS // 3), default=_LINE_CHARS)
        lines.append(rest[:cut])
        rest = rest[cut:]
    return (*lines, rest if len(rest) <= _LINE_CHARS else f"{rest[: _LINE_CHARS - 1]}…")


def _words(names: Mapping[Place, str | None], broken: Place) -> str:
    things = ", then ".join(
        f"{_CAPTIONS[place].lower()} {names[place] or ' '.join(_NAMELESS.get(place, _NOT_NAMED))}"
        for place in PLACES[::2]
    )
    at = _STEPS.get(broken) or f"the {_CAPTIONS[broken].lower()}"
    return f"The chain: {things}. The mark is at: {at}."
