"""Values with their position in a file, and the error for unusable files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pullguard.domain.errors import PullguardError, shown

STANDARD_INPUT: Final = "-"
"""The file name that means standard input."""
MAX_DEPTH: Final = 64
"""Maximum nesting. A task definition needs seven levels, a template a few more."""


def _printable(text: str) -> str:
    return shown(text, limit=4096)[1:-1]


class Unusable(PullguardError):
    """A file cannot be checked. The one-line message has file, position (from 1) and reason."""

    def __init__(self, file: str, why: str, *, line: int | None = None, column: int | None = None) -> None:
        self.file = file
        self.why = why
        self.line = line
        self.column = column
        place = "".join(f":{number}" for number in (line, column) if number is not None)
        named = "standard input" if file == STANDARD_INPUT else _printable(file)
        super().__init__(f"{named}{place}: {_printable(why)}")


@dataclass(frozen=True, slots=True)
class Other:
    """A scalar that is not a string (a number, true, a date), as written in the file."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A value with the ``line`` and ``column`` where it begins, from 1. ``tag`` is a YAML tag such as ``!Ref``.

    ``key`` is the line and column of the member's name; None outside a mapping.
    """

    value: "Value"
    line: int
    column: int
    tag: str | None = None
    key: tuple[int, int] | None = None

    def get(self, name: str) -> "Located | None":
        """Return a member of a mapping, or None if it is absent or null."""
        member = self.value.get(name) if isinstance(self.value, Mapping) else None
        return None if member is None or member.value is None else member


Value: TypeAlias = "str | Other | tuple[Located, ...] | Mapping[str, Located] | None"
Problem: TypeAlias = Callable[[str, int, int], Unusable]
