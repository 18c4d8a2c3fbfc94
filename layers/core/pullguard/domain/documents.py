"""Policy JSON, parsed so that a duplicate member is not lost.

The grammar does not say which of two members with the same name counts, so an object with duplicates cannot be judged.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeating:
    """A JSON object that repeats ``member``; it does not count as an object. ``once`` has the other members."""

    member: str
    once: Mapping[str, Any]

    def __str__(self) -> str:
        return f"an object that gives {self.member} twice"


def read_json(text: str) -> Any:
    """Read JSON; an object with a repeated member becomes ``Repeating``. Raises ``ValueError``, ``RecursionError``."""
    return json.loads(text, object_pairs_hook=_object)


def object_of(text: str) -> dict[str, Any] | None:
    """Parse ``text`` as a JSON object; None for any other value, and if any object in it repeats a member."""
    try:
        found = json.loads(text, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _object(pairs)
    if isinstance(found, Repeating):
        raise ValueError(str(found))  # noqa: TRY004 (caught as what is not JSON)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Repeating:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    counts = Counter(name for name, _ in pairs)
    once = {name: value for name, value in members.items() if counts[name] == 1}
    return Repeating(member=next(name for name in members if name not in once), once=once)


def why_no_object(value: object) -> str | None:
    """Return why ``value`` is not a JSON object; None if it is one."""
    if isinstance(value, Mapping):
        return None
    return f"gives {value.member} twice" if isinstance(value, Repeating) else "is not a JSON object"
