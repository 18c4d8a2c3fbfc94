"""Comparisons of two values, one function per family of condition operators.

The first argument is the request's value, always text; the second is the policy's, parsed by ``READERS``.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from pullguard.access.patterns import glob_matches
from pullguard.access.ternary import Match
from pullguard.domain.errors import shown

Network: TypeAlias = IPv4Network | IPv6Network
Comparable: TypeAlias = str | bytes | Decimal | Network
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_EPOCH = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?"
)
_ADDRESS = re.compile(r"[0-9a-fA-F:.]+")
_END = Decimal("Infinity")
_RANGE = re.compile(r"[0-9a-fA-F:.]+(/[0-9]{1,3})?")


@lru_cache(maxsize=4096)
def read_number(text: str) -> Decimal:
    """Read an integer or a decimal number. Raises ``ValueError`` for any other text."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a number")
    return Decimal(text)


@lru_cache(maxsize=4096)
def read_date(text: str) -> Decimal:
    """Read an ISO 8601 date (UTC if it names no zone) or seconds since 1970, as seconds since 1970.

    Four digits are ambiguous, so they are refused. Raises ``ValueError`` for any text that is not a date.
    """
    if _YEAR.fullmatch(text):
        raise ValueError(f"{shown(text)} may be a year or seconds since 1970")
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    if not _DATE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a date")
    full = f"{text}-01" if _MONTH.fullmatch(text) else text
    try:
        moment = datetime.fromisoformat(full)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Decimal(str(aware.timestamp()))
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is not a date") from None


@lru_cache(maxsize=4096)
def read_network(text: str) -> Network:
    """Read an address or a range in CIDR notation, v4 or v6; an address is a range of one."""
    if not _RANGE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not an IP address or range")
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{shown(text)} is not an IP address or range") from None


def read_boolean(text: str) -> str:
    """Read ``true`` or ``false``, in any case."""
    folded = text.lower()
    if folded not in ("true", "false"):
        raise ValueError(f"{shown(text)} is not true or false")
    return folded


def read_binary(text: str) -> bytes:
    """Read base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{shown(text)} is not base64") from None


@lru_cache(maxsize=4096)
def read_address(text: str) -> IPv4Address | IPv6Address:
    """Read an address, v4 or v6. Raises ``ValueError`` for any other text."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{shown(text)} is not an IP address")
    return ip_address(text)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return read_address(text)
    except ValueError:
        return None


def equal(value: str, expected: Comparable) -> Match:
    """Exact comparison."""
    return value == expected


def equal_folded(value: str, expected: Comparable) -> Match:
    """Case-insensitive comparison; ``expected`` may come from a variable and is folded here."""
    return isinstance(expected, str) and value.lower() == expected.lower()


def like(value: str, expected: Comparable) -> Match:
    """Comparison with wildcards in the policy's value."""
    return isinstance(expected, str) and glob_matches(expected, value)


def true_or_false(value: str, expected: Comparable) -> Match:
    """Two booleans."""
    return isinstance(expected, str) and value.lower() == expected.lower()


def same_bytes(value: str, expected: Comparable) -> Match:
    """Two base64 texts, byte for byte; a value that is not base64 matches nothing."""
    try:
        return read_binary(value) == expected
    except ValueError:
        return False


def in_network(value: str, expected: Comparable) -> Match:
    """Whether the address is in the range; v4 is never in v6."""
    address = _address(value)
    return address is not None and isinstance(expected, (IPv4Network, IPv6Network)) and address in expected


def from_then_on(
    holds: Callable[[Decimal, Decimal], bool],
) -> Callable[[Decimal, Comparable], bool | None]:
    """Return the comparison for every instant from a first one on; it returns None if only some of them match."""

    def compare(first: Decimal, expected: Comparable) -> bool | None:
        if not isinstance(expected, Decimal):
            return None
        instants = (first, _END) if expected < first else (first, expected, _END)
        answers = {holds(instant, expected) for instant in instants}
        return answers.pop() if len(answers) == 1 else None

    return compare


def ordered(
    read: Callable[[str], Decimal], holds: Callable[[Decimal, Decimal], bool]
) -> Callable[[str, Comparable], Match]:
    """Return the comparison of two numbers or dates; a value that cannot be read matches nothing."""

    def compare(value: str, expected: Comparable) -> Match:
        try:
            return isinstance(expected, Decimal) and holds(read(value), expected)
        except ValueError:
            return False

    return compare
