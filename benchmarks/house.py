"""Figures of the code's structure and language: ``python -m benchmarks.house`` prints docs/house.md.

The structure: floors of the import graph, modules outside a package, modules without tests of their name. The
language: markers of stilted English per 10,000 words of docstrings, comments and Markdown. tests/contract/test_house.py
holds the goals.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CORE: Final = ROOT / "layers/core/pullguard"
CLI: Final = ROOT / "cli/pullguard_cli"
FLOORS_MAX: Final = 8
MARKERS_MAX: Final = 2.0
"""The limit of each marker, per 10,000 words."""
MARKERS: Final[Mapping[str, re.Pattern[str]]] = {
    "told, tell": re.compile(r"\b(?:told|tell|tells|telling|untold)\b", re.IGNORECASE),
    "Of, Where, What or Whoever first": re.compile(r"(?:(?<=[.:;!?] )|(?<=\A))(?:Of|Where|What|Whoever)\b"),
    "somebody, nobody": re.compile(r"\b(?:somebody|nobody)(?:'s)?\b", re.IGNORECASE),
    "stands": re.compile(r"\bstands\b", re.IGNORECASE),
    "is none": re.compile(r"\bis none\b", re.IGNORECASE),
    "whoever": re.compile(r"\bwhoever\b", re.IGNORECASE),
    "mend": re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE),
}
_SENTENCE: Final = re.compile(r"(?:(?<=[.!?])\s+|\n\s*\n\s*|\n\s*(?=[-*|#>]))(?:[-*|>]+\s+)?")
_CODE: Final = re.compile(r"```.*?```|``[^`]*``|`[^`]*`|https?://\S+", re.DOTALL)


def floors(packages: Mapping[str, Iterable[str]]) -> int:
    """Return the number of packages in the longest chain of imports.

    ``packages`` maps each package to those that it imports. A cycle raises ``ValueError``.
    """
    height: dict[str, int] = {}

    def floor(name: str, above: tuple[str, ...] = ()) -> int:
        if name in above:
            raise ValueError(f"a cycle of imports: {' -> '.join((*above, name))}")
        if name not in height:
            height[name] = 1 + max((floor(each, (*above, name)) for each in packages[name]), default=0)
        return height[name]

    return max(map(floor, packages))


def imports_of_packages() -> dict[str, set[str]]:
    """Return the packages of the core, each with those that it imports."""
    found: dict[str, set[str]] = {}
    for path in CORE.rglob("*.py"):
        here = path.relative_to(CORE).parts[0]
        if here == "__init__.py":
            continue
        imported = {
            node.module.split(".")[1]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pullguard.")
        }
        found.setdefault(here, set()).update(imported - {here})
    return found


def modules_at_the_root() -> tuple[str, ...]:
    """Return the modules that are in no package of the core."""
    return tuple(sorted(path.name for path in CORE.glob("*.py") if path.name != "__init__.py"))


def modules_without_tests_of_their_name() -> tuple[str, ...]:
    """Return the modules of the core and the command line that have no tests of their name.

    The tests of ``checks/value.py`` are ``tests/unit/checks/test_value.py`` or the folder ``tests/unit/checks/value``;
    those of the command line are in tests/unit/cli.
    """
    missing = []
    for root, tests in ((CORE, ROOT / "tests/unit"), (CLI, ROOT / "tests/unit/cli")):
        for path in sorted(root.rglob("*.py")):
            folder = tests / path.parent.relative_to(root)
            if path.name != "__init__.py" and not (
                (folder / f"test_{path.name}").is_file() or any((folder / path.stem).glob("test_*.py"))
            ):
                missing.append(path.relative_to(root.parent).as_posix())
    return tuple(missing)


def texts() -> Iterator[str]:
    """Yield every docstring, every block of comments and every Markdown file that git tracks."""
    listed = subprocess.run(["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for path in (ROOT / name for name in listed.stdout.splitlines()):
        if path.is_file():
            source = path.read_text(encoding="utf-8")
            yield from texts_of_code(source) if path.suffix == ".py" else (source,)


def texts_of_code(source: str) -> Iterator[str]:
    """Yield the docstrings of a Python module, then its comments; adjacent lines of comments are one text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    block: list[str] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or token.string.startswith(("# noqa", "#!", "# type:")):
            continue
        if token.start[0] != last + 1 and block:
            yield " ".join(block)
            block = []
        block.append(token.string.lstrip("#: "))
        last = token.start[0]
    if block:
        yield " ".join(block)


def count(text: str) -> tuple[int, Counter[str]]:
    """Return the number of words of a text and of each marker in it, without its code and URLs."""
    words, found = 0, Counter[str]()
    for sentence in _SENTENCE.split(_CODE.sub("X", text)):
        words += len(re.findall(r"[A-Za-z']+", sentence))
        for marker, pattern in MARKERS.items():
            found[marker] += len(pattern.findall(" ".join(sentence.split())))
    return words, found


def markers() -> tuple[int, dict[str, float]]:
    """Return the number of words of the repository, and each marker's occurrences per 10,000 of them."""
    words, found = 0, Counter[str]()
    for text in texts():
        more, here = count(text)
        words += more
        found.update(here)
    return words, {marker: 10_000 * found[marker] / words for marker in MARKERS}


def main() -> None:
    """Print docs/house.md."""
    words, shares = markers()
    rows = [
        (
            "Floors of the import graph of the core's packages",
            floors(imports_of_packages()),
            f"≤ {FLOORS_MAX}, no cycle",
        ),
        ("Modules of the core outside a package", len(modules_at_the_root()), 0),
        ("Modules without tests of their name", len(modules_without_tests_of_their_name()), 0),
        *((f"`{marker}`", f"{share:.1f}", f"≤ {MARKERS_MAX:.0f}") for marker, share in shares.items()),
    ]
    print("# The house in figures\n")
    print("`make bench` writes this page (alone: `python -m benchmarks.house > docs/house.md`). The last rows count")
    print(f"markers of stilted English per 10,000 words, over {words:,} words of docstrings, comments and Markdown.\n")
    print("| figure | now | goal |\n|---|---|---|")
    for name, now, goal in rows:
        print(f"| {name} | {now} | {goal} |")


if __name__ == "__main__":
    main()
