"""True, false, and not known yet: what a statement says of a request before the task has started."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Neither true nor false: ``keys`` (as written) are what it hangs on, ``problems`` what could not be read."""

    keys: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        raise TypeError("an unknown match is neither true nor false: compare it with `is`")

    def merged(self, other: "Unknown | None") -> "Unknown":
        """Return what hangs on either; problems keep their order, each once."""
        if other is None or other == self:
            return self
        return Unknown(keys=self.keys | other.keys, problems=tuple(dict.fromkeys(self.problems + other.problems)))


Match: TypeAlias = bool | Unknown


def every(matches: Iterable[Match]) -> Match:
    """Return False if any is false, else Unknown if any is unknown, else True."""
    doubt: Unknown | None = None
    for match in matches:
        if match is False:
            return False
        if match is not True:
            doubt = match.merged(doubt)
    return True if doubt is None else doubt


def some(matches: Iterable[Match]) -> Match:
    """Return True if any is true, else Unknown if any is unknown, else False."""
    doubt: Unknown | None = None
    for match in matches:
        if match is True:
            return True
        if match is not False:
            doubt = match.merged(doubt)
    return False if doubt is None else doubt


def negated(match: Match) -> Match:
    """Turn true and false round; what is unknown stays so."""
    return match if isinstance(match, Unknown) else not match
