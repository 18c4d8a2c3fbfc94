"""Figures of the code's structure and language: ``python -m benchmarks.house`` prints docs/house.md.

The structure: floors of the import graph, modules outside a package, modules without tests of their name. The
language: names with a word that the glossary replaces, markers of stilted English per 10,000 words of each kind of
text. The goals are in tests/contract/test_house.py.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

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
# Words that the glossary replaces, so that no name of ours contains them.
FORBIDDEN: Final = re.compile(
    r"mend(s|ed|ing)?|told|books?|rosters?|ambush(es)?|withdraw(s|n|als?)?|holdings?|brakes?|(un)?agreed"
    r"|play(s|ed|ing)?|staged?"
)
_ALLOWED: Final[Mapping[str, str]] = {
    "Withdrawn": "the message of a log line",
    "withdrawn": "a field of that log line",
    "told": "a field of log lines",
    "stage": "a staging label of Secrets Manager",
    "STAGE": "the condition key secretsmanager:VersionStage",
}
PRODUCT: Final = ("layers/*.py", "cli/*.py", "functions/*.py", "sandbox/*.py", "scripts/*.py")
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


def tracked(*patterns: str) -> Iterator[Path]:
    """Yield the files that git tracks and whose paths match any of the patterns."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    for path in (ROOT / name for name in listed.stdout.splitlines()):
        if path.is_file():
            yield path


def prose() -> Iterator[str]:
    """Yield every docstring, every block of comments and every Markdown file."""
    for path in tracked("*.py", "*.md"):
        source = path.read_text(encoding="utf-8")
        yield from texts_of_code(source) if path.suffix == ".py" else (source,)


def product_texts() -> Iterator[str]:
    """Yield what the product says: its strings, the descriptions of template.yaml and the help of the Makefile."""
    for path in tracked(*PRODUCT):
        yield from strings_of_code(path.read_text(encoding="utf-8"))
    yield from descriptions((ROOT / "template.yaml").read_text(encoding="utf-8"))
    yield from re.findall(r"^[\w-]+:.*## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_names() -> Iterator[str]:
    """Yield the names of all tests and of their cases, as sentences."""
    for path in tracked("tests/*.py"):
        yield from names_of_tests(path.read_text(encoding="utf-8"))


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


def strings_of_code(source: str) -> Iterator[str]:
    """Yield the strings of a Python module that contain a space, except docstrings."""
    for text in _literals(ast.parse(source)):
        if " " in text.strip():
            yield text


def _literals(tree: ast.AST) -> Iterator[str]:
    """Yield the strings below a node, except docstrings. An f-string is one text, with an X for each value."""
    nodes = list(ast.walk(tree))
    inside = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    inside |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def descriptions(template: str) -> Iterator[str]:
    """Yield every description of a CloudFormation template, including those of constraints and alarms."""
    nodes = [yaml.compose(template)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            nodes.extend(value for _, value in node.value)
            for key, value in node.value:
                if key.value.endswith("Description") and isinstance(value, yaml.ScalarNode):
                    yield value.value


def names_of_tests(source: str) -> Iterator[str]:
    """Yield the names of a module's tests and the ids of their cases, each as a sentence."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            names = [node.name.removeprefix("test_")]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.param", "pytest.mark.parametrize"}:
            ids = [each.value for each in node.keywords if each.arg in {"id", "ids"}]
            names = [text for each in ids for text in _literals(each)]
        for name in names:
            words = re.sub(r"[_-]", " ", name)
            yield words[:1].upper() + words[1:]


def forbidden_names(source: str) -> set[str]:
    """Return the names that a module gives to classes, functions, arguments and variables with a forbidden word."""
    nodes = list(ast.walk(ast.parse(source)))
    found = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    found |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    found |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    return set(filter(is_forbidden, found))


def is_forbidden(name: str) -> bool:
    """Return whether a name contains a forbidden word and is not stored, logged or a term of AWS."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return name not in _ALLOWED and any(FORBIDDEN.fullmatch(word.lower()) for word in words)


def forbidden_names_of_the_project() -> tuple[str, ...]:
    """Return the forbidden names of all modules, and the modules and folders of such names."""
    found = set[str]()
    for path in tracked("*.py"):
        found |= forbidden_names(path.read_text(encoding="utf-8"))
        found |= set(filter(is_forbidden, path.relative_to(ROOT).with_suffix("").parts))
    return tuple(sorted(found))


def count(text: str) -> tuple[int, Counter[str]]:
    """Return the number of words of a text and of each marker in it, without its code and URLs."""
    words, found = 0, Counter[str]()
    for sentence in _SENTENCE.split(_CODE.sub("X", text)):
        words += len(re.findall(r"[A-Za-z']+", sentence))
        for marker, pattern in MARKERS.items():
            found[marker] += len(pattern.findall(" ".join(sentence.split())))
    return words, found


KINDS: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "docstrings, comments and Markdown": prose,
    "strings, descriptions and help": product_texts,
    "names of tests": test_names,
}


def markers(texts: Iterable[str]) -> tuple[int, dict[str, float]]:
    """Return the number of words of texts, and each marker's occurrences per 10,000 of them."""
    words, found = 0, Counter[str]()
    for text in texts:
        more, here = count(text)
        words += more
        found.update(here)
    return words, {marker: 10_000 * found[marker] / words for marker in MARKERS}


def main() -> None:
    """Print docs/house.md."""
    print("# The house in figures\n")
    print("`make bench` writes this page (alone: `python -m benchmarks.house > docs/house.md`).\n")
    print("| figure | now | goal |\n|---|---|---|")
    print(f"| Floors of the core's import graph | {floors(imports_of_packages())} | ≤ {FLOORS_MAX}, no cycle |")
    print(f"| Modules of the core outside a package | {len(modules_at_the_root())} | 0 |")
    print(f"| Modules without tests of their name | {len(modules_without_tests_of_their_name())} | 0 |")
    print(f"| Names with a word that the glossary replaces | {len(forbidden_names_of_the_project())} | 0 |")
    measured = {kind: markers(texts()) for kind, texts in KINDS.items()}
    print(f"\nMarkers of stilted English per 10,000 words, each at most {MARKERS_MAX:.0f}:\n")
    print(f"| marker | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for marker in MARKERS:
        print(f"| `{marker}` | {' | '.join(f'{shares[marker]:.1f}' for _, shares in measured.values())} |")
    print(f"| words measured | {' | '.join(f'{words:,}' for words, _ in measured.values())} |")


if __name__ == "__main__":
    main()
