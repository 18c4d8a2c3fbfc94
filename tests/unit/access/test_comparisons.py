"""How two values compare: numbers, dates, addresses, booleans, bytes."""

import operator
import re
import time
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network

import pytest

from pullguard.access.comparisons import (
    equal_folded,
    from_then_on,
    in_network,
    ordered,
    read_address,
    read_binary,
    read_boolean,
    read_date,
    read_network,
    read_number,
    same_bytes,
    true_or_false,
)


def test_a_date_without_a_zone_is_utc_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert read_date.__wrapped__("2026-06-01T12:00:00") == read_date.__wrapped__("2026-06-01T12:00:00Z")
    finally:
        monkeypatch.undo()
        time.tzset()


READ: dict[str, tuple[Callable[[str], object], str, object]] = {
    "integer": (read_number, "300", Decimal(300)),
    "signed-decimal": (read_number, "-1.50", Decimal("-1.5")),
    "plus": (read_number, "+7", Decimal(7)),
    "instant-in-utc": (read_date, "2026-06-01T12:00:00Z", Decimal(1780315200)),
    "instant-in-another-zone": (read_date, "2026-06-01T14:00:00+02:00", Decimal(1780315200)),
    "minute": (read_date, "2026-06-01T12:00Z", Decimal(1780315200)),
    "fraction-of-a-second": (read_date, "2026-06-01T12:00:00.5Z", Decimal("1780315200.5")),
    "day": (read_date, "2026-06-01", Decimal(1780272000)),
    "month": (read_date, "2026-06", Decimal(1780272000)),
    "seconds-since-1970": (read_date, "1780315200", Decimal(1780315200)),
    "before-1970": (read_date, "-1", Decimal(-1)),
    "range": (read_network, "10.0.0.0/8", ip_network("10.0.0.0/8")),
    "range-with-host-bits": (read_network, "10.1.2.3/8", ip_network("10.0.0.0/8")),
    "one-address": (read_network, "10.1.2.3", ip_network("10.1.2.3/32")),
    "version-6": (read_network, "2001:DB8::/32", ip_network("2001:db8::/32")),
    "boolean": (read_boolean, "TRUE", "true"),
    "base64": (read_binary, "aGVsbG8=", b"hello"),
    "empty-base64": (read_binary, "", b""),
}


@pytest.mark.parametrize(("read", "text", "value"), READ.values(), ids=READ)
def test_a_policys_value_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


UNREADABLE: dict[str, tuple[Callable[[str], object], str, str]] = {
    "no-number": (read_number, "many", '"many" is not a number'),
    "exponent": (read_number, "3e2", '"3e2" is not a number'),
    "empty-number": (read_number, "", '"" is not a number'),
    "other-digits": (read_number, "\u0663", "is not a number"),
    "year-or-seconds": (read_date, "2026", '"2026" may be a year or seconds since 1970'),
    "month-13": (read_date, "2026-13", '"2026-13" is not a date'),
    "day-31-of-june": (read_date, "2026-06-31", '"2026-06-31" is not a date'),
    "week": (read_date, "2026-W01-1", '"2026-W01-1" is not a date'),
    "no-date": (read_date, "soon", '"soon" is not a date'),
    "octet-too-large": (read_network, "10.0.0.256", '"10.0.0.256" is not an IP address or range'),
    "mask": (read_network, "10.0.0.0/255.0.0.0", "is not an IP address or range"),
    "prefix-too-long": (read_network, "10.0.0.0/33", "is not an IP address or range"),
    "range-for-an-address": (read_address, "10.0.0.0/8", '"10.0.0.0/8" is not an IP address'),
    "no-boolean": (read_boolean, "yes", '"yes" is not true or false'),
    "no-base64": (read_binary, "%", '"%" is not base64'),
    "base64-of-odd-length": (read_binary, "aGVsbG8", '"aGVsbG8" is not base64'),
}


@pytest.mark.parametrize(("read", "text", "problem"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_malformed_value_is_refused_with_its_text(read: Callable[[str], object], text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read(text)


@pytest.mark.parametrize(
    ("address", "network", "inside"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("2001:db8::17", "2001:db8::/32", True),
        ("10.1.2.3", "::/0", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", False),
        ("web", "0.0.0.0/0", False),
        ("", "0.0.0.0/0", False),
    ],
)
def test_an_address_lies_in_a_range_of_its_own_version(address: str, network: str, inside: bool) -> None:
    assert in_network(address, ip_network(network)) is inside


def test_values_of_another_kind_never_match() -> None:
    assert in_network("10.1.2.3", "10.0.0.0/8") is False
    assert equal_folded("1", Decimal(1)) is False
    assert true_or_false("true", b"true") is False
    assert same_bytes("%", b"") is False
    assert ordered(read_number, operator.eq)("many", Decimal(1)) is False
    assert ordered(read_number, operator.eq)("1", "1") is False


def test_case_counts_only_where_it_should() -> None:
    assert equal_folded("WEB", "web") is True
    assert true_or_false("True", "true") is True
    assert same_bytes("aGVsbG8=", b"HELLO") is False


@pytest.mark.parametrize(
    ("compare", "expected", "answer"),
    [
        pytest.param(operator.lt, 99, False, id="never-before-what-has-passed"),
        pytest.param(operator.lt, 101, None, id="before-what-is-to-come-for-a-while"),
        pytest.param(operator.gt, 99, True, id="always-after-what-has-passed"),
        pytest.param(operator.gt, 100, None, id="after-the-first-instant-itself-later"),
        pytest.param(operator.ge, 100, True, id="at-or-after-the-first-instant-always"),
        pytest.param(operator.eq, 99, False, id="never-equal-to-what-has-passed"),
        pytest.param(operator.eq, 100, None, id="equal-to-the-first-instant-once"),
    ],
)
def test_an_instant_to_come_is_compared_for_all_its_values(
    compare: Callable[[Decimal, Decimal], bool], expected: int, answer: bool | None
) -> None:
    assert from_then_on(compare)(Decimal(100), Decimal(expected)) is answer
    assert from_then_on(compare)(Decimal(100), "100") is None
