"""The layers of the code as an SVG (docs/architecture.svg): a box for each package, an arrow for each import.

The arrows are read from the import statements. An import that a chain of other arrows implies is left out.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).parents[2]
CORE: Final = ROOT / "layers/core/pullguard"
LAYERS: Final = ROOT / "docs/architecture.svg"

_ENTRIES: Final = {"cli": ROOT / "cli", "functions": ROOT / "functions"}
_WIDTH_PX, _TOP_PX, _PITCH_PX = 980, 84, 88
_BOX_PX, _COLUMN_PX, _HEIGHT_PX = 204, 228, 52


@dataclass(frozen=True, slots=True)
class Box:
    """How a package is drawn: its column (a fraction is between two), its kind, and a few words."""

    column: float
    kind: Literal["pure", "calls", "entry"]
    words: str


BOXES: Final[Mapping[str, Box]] = {
    "functions": Box(1.5, "entry", "six Lambda handlers"),
    "cli": Box(0.35, "entry", "the command pullguard"),
    "runtime": Box(1.5, "calls", "settings, wiring, messages"),
    "workflows": Box(1, "calls", "what each function does"),
    "store": Box(2.2, "calls", "the ledger, by partition"),
    "aws": Box(2.5, "calls", "one gateway for each service"),
    "alerts": Box(0, "pure", "notice → text, chat, JSON"),
    "planning": Box(1.7, "pure", "findings → actions"),
    "checks": Box(0.5, "pure", "facts → findings"),
    "access": Box(0, "pure", "may this role read it?"),
    "incidents": Box(1, "pure", "one root cause, one incident"),
    "events": Box(2, "pure", "EventBridge event → trigger"),
    "registry": Box(3, "calls", "do the credentials pull?"),
    "domain": Box(1.5, "pure", "value types, facts, consent, our policy"),
}
_LEGEND: Final = (("entry", "entry point"), ("calls", "calls AWS or a registry"), ("pure", "pure: decides, no I/O"))
_STYLE: Final = """  <style>
    .panel { fill: #ffffff; stroke: #d5dae1; }
    .pure { fill: #e8f1fd; stroke: #3b7dd8; }
    .calls { fill: #fdeee0; stroke: #d9772b; }
    .entry { fill: #e6f5ec; stroke: #2e9a5f; }
    .ink { fill: #1c2430; }
    .soft { fill: #5a6675; }
    .line { stroke: #6b7785; stroke-width: 1.5; }
    .head { fill: #6b7785; }
    @media (prefers-color-scheme: dark) {
      .panel { fill: #161b22; stroke: #30363d; }
      .pure { fill: #14294a; stroke: #5b9bf0; }
      .calls { fill: #45280f; stroke: #ea9550; }
      .entry { fill: #10351f; stroke: #4fbf82; }
      .ink { fill: #e9edf2; }
      .soft { fill: #a6b0bc; }
      .line { stroke: #8b96a3; }
      .head { fill: #8b96a3; }
    }
    text { font-family: -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif; }
    .name { font: 600 15px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    .small { font-size: 12.5px; }
    .mid { text-anchor: middle; }
  </style>
  <defs>
    <marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">\
<path class="head" d="M0 0 10 5 0 10z"/></marker>
  </defs>
"""


def imports() -> dict[str, frozenset[str]]:
    """Return the packages of the core, `cli` and `functions`, each with the packages of the core that it imports."""
    folders = {path.name: path for path in CORE.iterdir() if (path / "__init__.py").is_file()} | _ENTRIES
    return {name: _imported(folder) & folders.keys() - {name} for name, folder in sorted(folders.items())}


def _imported(folder: Path) -> frozenset[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    names = (node.module.split(".") for node in nodes if isinstance(node, ast.ImportFrom) and node.module)
    return frozenset(parts[1] for parts in names if parts[0] == "pullguard" and len(parts) > 1)


def reached(name: str, arrows: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return the packages at the end of any chain of arrows that begins at ``name``."""
    ahead = frozenset(arrows[name])
    return ahead.union(*(reached(each, arrows) for each in ahead))


def arrows_of(imported: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the imports without those that a chain of others implies."""
    return {
        name: frozenset(
            each for each in direct if not any(each in reached(other, imported) for other in direct - {each})
        )
        for name, direct in imported.items()
    }


def floors_of(imported: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Return how high each package is drawn: one above the highest package that it imports."""

    def floor(name: str) -> int:
        return 1 + max(map(floor, imported[name]), default=0)

    return {name: floor(name) for name in imported}


def draw_layers(imported: Mapping[str, frozenset[str]] | None = None) -> str:
    """Return the drawing; raises ``KeyError`` for a package without an entry in ``BOXES``."""
    imported = imports() if imported is None else imported
    floors, arrows = floors_of(imported), arrows_of(imported)
    highest = max(floors.values())
    height = _TOP_PX + highest * _PITCH_PX
    tops = {name: _TOP_PX + (highest - floor) * _PITCH_PX for name, floor in floors.items()}
    lines = [
        _arrow(name, each, tops)
        for name in sorted(arrows, key=lambda name: -floors[name])
        for each in sorted(arrows[name])
    ]
    boxes = [_box(name, tops[name]) for name in sorted(imported, key=lambda name: (-floors[name], name))]
    legend = [_key(kind, words, index) for index, (kind, words) in enumerate(_LEGEND)]
    said = "; ".join(f"{name} imports {', '.join(sorted(arrows[name]))}" for name in sorted(arrows) if arrows[name])
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH_PX} {height}" width="{_WIDTH_PX}" '
            f'height="{height}" role="img" aria-labelledby="title desc">\n',
            f'  <title id="title">The layers of Pullguard</title>\n  <desc id="desc">{said}.</desc>\n',
            _STYLE,
            f'  <rect class="panel" x="1" y="1" width="{_WIDTH_PX - 2}" height="{height - 2}" rx="18"/>\n',
            *legend,
            *lines,
            *boxes,
            "</svg>\n",
        )
    )


def _left_and_width(name: str) -> tuple[float, float]:
    width = _BOX_PX + 3 * _COLUMN_PX if name == "domain" else _BOX_PX
    return 46 + BOXES[name].column * _COLUMN_PX + (_BOX_PX - width) / 2, width


def _box(name: str, top: float) -> str:
    left, width = _left_and_width(name)
    middle = left + width / 2
    return (
        f'  <rect class="{BOXES[name].kind}" x="{left:g}" y="{top}" width="{width}" height="{_HEIGHT_PX}" rx="10"/>\n'
        f'  <text class="name ink mid" x="{middle:g}" y="{top + 22}">{name}</text>\n'
        f'  <text class="small soft mid" x="{middle:g}" y="{top + 41}">{BOXES[name].words}</text>\n'
    )


def _arrow(name: str, other: str, tops: Mapping[str, float]) -> str:
    (left, width), (other_left, other_width) = _left_and_width(name), _left_and_width(other)
    start, end = left + width / 2, other_left + other_width / 2
    lean = max(-0.3, min(0.3, (end - start) / (2 * _COLUMN_PX))) * _BOX_PX
    start, end = (start, start) if other == "domain" else (start + lean, end - lean)
    return (
        f'  <line class="line" data-from="{name}" data-to="{other}" x1="{start:g}" y1="{tops[name] + _HEIGHT_PX}" '
        f'x2="{end:g}" y2="{tops[other] - 1}" marker-end="url(#a)"/>\n'
    )


def _key(kind: str, words: str, index: int) -> str:
    left = 46 + index * 200
    return (
        f'  <rect class="{kind}" x="{left}" y="28" width="22" height="16" rx="4"/>\n'
        f'  <text class="small ink" x="{left + 30}" y="41">{words}</text>\n'
    )
