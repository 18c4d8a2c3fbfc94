"""Unified diffs of JSON objects, and their printing."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console

from pullguard_cli.printing import says

_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, name: str) -> str:
    """Return the unified diff of two JSON objects. None means that there is no object."""
    return "\n".join(
        difflib.unified_diff(
            tuple(_lines(before)), tuple(_lines(after)), f"{name} (now)", f"{name} (then)", lineterm=""
        )
    )


def _lines(document: Mapping[str, Any] | None) -> Iterator[str]:
    if document is not None:
        yield from json.dumps(document, indent=2, sort_keys=True, default=str).splitlines()


def print_difference(diff: str, console: Console) -> None:
    """Print a diff with additions and removals in colour."""
    for line in diff.splitlines():
        console.print(says(line, _STYLES.get(line[:1], "")), soft_wrap=True)
