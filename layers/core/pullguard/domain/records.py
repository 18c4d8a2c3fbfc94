"""Read JSON records that another version of Pullguard may have written."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any


def members_of(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of ``data`` that the dataclass ``kind`` has; a later version may have stored more.

    Raises ``ValueError`` if ``data`` is not an object or lacks a required member.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is no JSON object")  # noqa: TRY004 (one kind of error for what cannot be read)
    needed = (each for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING)
    if lacking := [each.name for each in needed if each.name not in data]:
        raise ValueError(f"it lacks {lacking[0]}")
    return {each.name: data[each.name] for each in fields(kind) if each.name in data}
