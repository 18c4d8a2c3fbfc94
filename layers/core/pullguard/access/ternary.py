"""True, false, and not known yet: a statement's answer for a request before the task has started."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Neither true nor false: ``keys`` (as written) are the undecided ones, ``problems`` the unreadable parts."""

    keys: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        raise TypeError("an unknown match is neither true nor false: compare it with `is`")

    def merged(self, other: "Unknown | None") -> "Unknown":
        """Return the union of both doubts; problems keep their order, without duplicates."""
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
    """Invert true and false; unknown stays unknown."""
    return match if isinstance(match, Unknown) else not match
