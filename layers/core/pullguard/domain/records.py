"""The one form in which dataclasses are stored: JSON objects with a member for each field.

A time is its ISO 8601 text, an ARN its text. Records of other versions of Pullguard are read too: unknown members are
ignored, and a field with a default may be absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from dacite import Config, DaciteError, from_dict

from pullguard.domain.arn import Arn

T = TypeVar("T")
# The names that earlier versions gave to members, still written so that they can read them.
_STORED_AS: Final = {"reported": "told", "reported_at": "told_at"}
_LEAVES: Final[Mapping[Any, Callable[[Any], Any]]] = {Arn: Arn.parse, datetime: datetime.fromisoformat}


def to_record(value: Any) -> Any:
    """Return ``value`` (a dataclass, or one of its members) as JSON data."""
    match value:
        case datetime():
            return value.isoformat()
        case Arn():
            return str(value)
        case Mapping():
            return {str(name): to_record(each) for name, each in value.items()}
        case list() | tuple():
            return [to_record(each) for each in value]
        case _ if is_dataclass(value):
            return {_stored_as(each.name): to_record(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def from_record(kind: type[T], data: Any, leaves: Mapping[Any, Callable[[Any], Any]] | None = None) -> T:
    """Return the dataclass ``kind`` that ``to_record`` described.

    ``leaves`` says how to read types that have a stored form of their own. Raises ``ValueError`` if ``data`` is no
    object, lacks a required member, or has one of another type.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is no JSON object")  # noqa: TRY004 (one kind of error for what cannot be read)
    config = Config(type_hooks={**_LEAVES, **(leaves or {})}, cast=[tuple], convert_key=_stored_as)
    try:
        return from_dict(kind, data, config)
    except DaciteError as error:
        raise ValueError(str(error)) from error


def _stored_as(name: str) -> str:
    return _STORED_AS.get(name, name)
