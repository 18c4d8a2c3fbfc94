"""Values that know where they stand in a file, and the error of a file that cannot be used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pullguard.domain.errors import PullguardError, shown

STANDARD_INPUT: Final = "-"
"""The file name that stands for what is piped in."""
MAX_DEPTH: Final = 64
"""How deeply a file may be nested: a task definition needs seven levels, a template a few more."""


def _printable(text: str) -> str:
    return shown(text, limit=4096)[1:-1]


class Unusable(PullguardError):
    """A file that cannot be checked: which one, where in it (lines and columns from 1) and why, in one line."""

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
    """A scalar that is no text (a number, true, a date), as it is written."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A value and where it begins: ``line`` and ``column`` count from 1; ``tag`` is a YAML tag such as ``!Ref``.

    ``key`` is the line and column of the member's name, None where the value is no member.
    """

    value: "Value"
    line: int
    column: int
    tag: str | None = None
    key: tuple[int, int] | None = None

    def get(self, name: str) -> "Located | None":
        """Return a member of a mapping; None where there is none, or where it is null."""
        member = self.value.get(name) if isinstance(self.value, Mapping) else None
        return None if member is None or member.value is None else member


Value: TypeAlias = "str | Other | tuple[Located, ...] | Mapping[str, Located] | None"
Problem: TypeAlias = Callable[[str, int, int], Unusable]
