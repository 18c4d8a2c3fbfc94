"""The one form in which dataclasses are stored: JSON objects with a member for each field.

A time is its ISO 8601 text, an ARN its text. Records of other versions of Pullguard are read too: unknown members are
ignored, and a field with a default may be absent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed

T = TypeVar("T")
Leaves: TypeAlias = Mapping[Any, Callable[[Any], Any]]
_NAME: Final = "stored as"
_LEAVES: Final[Leaves] = {Arn: Arn.parse, datetime: datetime.fromisoformat}
_hints: Final = lru_cache(maxsize=None)(get_type_hints)


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
            return {_stored_as(each): to_record(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def from_record(kind: type[T], data: Any, leaves: Leaves | None = None) -> T:
    """Return the dataclass ``kind`` that ``to_record`` described.

    ``leaves`` says how to read types that have a stored form of their own. Raises ``ValueError`` if ``data`` is not
    an object, lacks a required member, or has one of another type. Libraries that do this cost each cold start 10 ms
    more.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 (one kind of error for what cannot be read)
    read: T = _read(kind, data, {**_LEAVES, **(leaves or {})}, "")
    return read


def _read(kind: Any, value: Any, leaves: Leaves, where: str) -> Any:
    """Return ``value`` as ``kind``, a type that an annotation names; ``where`` is the member, for the error."""
    args = get_args(kind)
    match get_origin(kind):
        case None if kind in leaves:
            return _read_leaf(leaves[kind], value, where)
        case None if is_dataclass(kind) and isinstance(value, Mapping):
            make: Any = kind
            return make(**dict(_members(kind, value, leaves, where)))
        case None if kind is Any or type(value) is kind:
            return value
        case origin if origin is Literal and value in args:
            return value
        case origin if origin is tuple and isinstance(value, list):
            return tuple(_read(args[0], each, leaves, where) for each in value)
        case origin if origin is Mapping and isinstance(value, Mapping):
            return {name: _read(args[1], each, leaves, where) for name, each in value.items()}
        case origin if origin in (Union, UnionType):
            return _read_one_of(args, value, leaves, where)
        case _:
            raise ValueError(f'field "{where}" is not of type {kind}')


def _read_leaf(read: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return read(value)
    except (Malformed, TypeError, ValueError, LookupError) as unreadable:
        raise ValueError(f'field "{where}": {unreadable}') from unreadable


def _read_one_of(kinds: tuple[Any, ...], value: Any, leaves: Leaves, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    *others, last = (each for each in kinds if each is not NoneType)
    for each in others:
        try:
            return _read(each, value, leaves, where)
        except ValueError:
            continue
    return _read(last, value, leaves, where)


def _members(kind: Any, data: Mapping[str, Any], leaves: Leaves, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of a dataclass that ``data`` has, by name."""
    hints = _hints(kind)
    for each in fields(kind):
        name, path = _stored_as(each), f"{where}.{each.name}".lstrip(".")
        if name in data:
            yield each.name, _read(hints[each.name], data[name], leaves, path)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f'field "{path}" is missing')


def stored_as(name: str) -> dict[str, str]:
    """Return the ``metadata`` of a field that earlier versions stored under another name, so that they can read it."""
    return {_NAME: name}


def _stored_as(field: Field[Any]) -> str:
    return str(field.metadata.get(_NAME, field.name))
