"""Which modules of a folder can be reached by the import statements of others, those within functions among them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def modules(python: Path) -> dict[str, Path]:
    """Names and files of everything that can be imported from a folder, packages by their own name."""
    found = {path.relative_to(python).with_suffix("").parts: path for path in sorted(python.rglob("*.py"))}
    return {".".join(name[:-1] if name[-1] == "__init__" else name): path for name, path in found.items()}


def reached(start: Iterable[str], python: Path) -> set[str]:
    """Return the modules of ``python`` that ``start`` and whatever it imports, now or later, can come to."""
    known = modules(python)
    found: set[str] = set()
    ahead = [name for name in start if name in known]
    while ahead:
        here = ahead.pop()
        if here not in found:
            found.add(here)
            ahead += [name for name in _imported(here, known[here]) if name in known]
    return found


def _imported(name: str, path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _statements(tree):
        match node:
            case ast.Import(names=names):
                for each in names:
                    yield from _with_parents(each.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield from _with_parents(base)
                yield from (f"{base}.{each.name}" for each in names)  # what is imported may be a module
            case _:
                pass


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but for what is for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _statements(child)


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
