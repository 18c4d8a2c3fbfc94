from decimal import Decimal
from typing import Any

import pytest

from pullguard.access.conditions import compile_conditions
from pullguard.access.request import NotBefore, Partial, Unknowable
from pullguard.access.ternary import Unknown
from tests.unit.access.worlds import request

CONTEXT: dict[str, Any] = {
    "k": "web",
    "empty": "",
    "list": ["a", "b"],
    "none": [],
    "blank": [""],
    "n": "300",
    "d": "2026-06-01T12:00:00Z",
    "e": "1780315200",
    "issued": NotBefore(epoch_s=Decimal(1780315200)),
    "b": "true",
    "ip": "10.1.2.3",
    "ip6": "2001:db8::17",
    "arn": "arn:aws:iam::1:role/x",
    "bin": "aGVsbG8=",
    "star": "*",
    "id": Partial(parts=("AROAEXAMPLE", None)),
    "src": Partial(parts=("arn", "aws", "ecs", "us-east-1", "1", None)),
}
TRUE, FALSE, UNKNOWN = True, False, None


def held(operator: str, key: str, values: object, *, variables: bool = True) -> bool | None:
    conditions = compile_conditions({operator: {key: values}}, variables=variables)
    answers = {
        condition.holds(request(unknowable=Unknowable(prefixes=("later",), present=frozenset(("sure",))), **CONTEXT))
        for condition in conditions
    }
    answer = answers.pop()
    return UNKNOWN if isinstance(answer, Unknown) else answer


ROWS = [
    ("StringEquals", "k", "web", TRUE),
    ("StringEquals", "k", "WEB", FALSE),
    ("StringEquals", "K", ["a", "web"], TRUE),
    ("StringEquals", "k", "w*", FALSE),
    ("StringEquals", "gone", "web", FALSE),
    ("StringEquals", "k", [], UNKNOWN),
    ("StringNotEquals", "k", ["a", "web"], FALSE),
    ("StringNotEquals", "k", ["a", "b"], TRUE),
    ("StringNotEquals", "gone", "web", TRUE),
    ("StringNotEquals", "k", [], UNKNOWN),
    ("StringEqualsIgnoreCase", "k", "WEB", TRUE),
    ("StringEquals", "k", "${k", UNKNOWN),
    ("Bool", "b", "${b}", UNKNOWN),
    ("Bool", "b", "maybe", UNKNOWN),
    ("Bool", "b", ["true", "yes"], UNKNOWN),
    ("NumericEquals", "n", "3_00", UNKNOWN),
    ("NumericEquals", "n", "٣٠٠", UNKNOWN),
    ("NumericEquals", "n", "3e2", UNKNOWN),
    ("NumericEquals", "k", "300", FALSE),
    ("NumericNotEquals", "k", "300", UNKNOWN),
    ("DateLessThan", "d", "2027", UNKNOWN),
    ("DateLessThan", "d", "2027-01", TRUE),
    ("DateLessThan", "d", "2027-W01-1", UNKNOWN),
    ("DateLessThan", "d", "20270101T000000Z", UNKNOWN),
    ("DateNotEquals", "k", "2026-06-01T12:00:00Z", UNKNOWN),
    ("IpAddress", "ip", "10.0.0.0/255.0.0.0", UNKNOWN),
    ("IpAddress", "ip", "10.0.0.0/8 ", UNKNOWN),
    ("IpAddress", "k", "10.0.0.0/8", FALSE),
    ("NotIpAddress", "k", "10.0.0.0/8", UNKNOWN),
    ("StringEqualsIgnoreCase", "k", "WE", FALSE),
    ("StringNotEqualsIgnoreCase", "k", "WEB", FALSE),
    ("StringNotEqualsIgnoreCase", "k", "x", TRUE),
    ("StringLike", "k", "w?b*", TRUE),
    ("StringLike", "k", "W?b", FALSE),
    ("StringNotLike", "k", "w*", FALSE),
    ("StringNotLike", "k", "x*", TRUE),
    ("stringequals", "k", "web", TRUE),
    ("NumericEquals", "n", "300.0", TRUE),
    ("NumericEquals", "n", 300, TRUE),
    ("NumericNotEquals", "n", "300", FALSE),
    ("NumericLessThan", "n", "300", FALSE),
    ("NumericLessThan", "n", "300.5", TRUE),
    ("NumericLessThanEquals", "n", "300", TRUE),
    ("NumericGreaterThan", "n", "300", FALSE),
    ("NumericGreaterThan", "n", "-1", TRUE),
    ("NumericGreaterThanEquals", "n", "300", TRUE),
    ("NumericEquals", "k", "300", FALSE),
    ("NumericEquals", "n", "many", UNKNOWN),
    ("NumericEquals", "n", "NaN", UNKNOWN),
    ("DateEquals", "d", "2026-06-01T14:00:00+02:00", TRUE),
    ("DateEquals", "d", "1780315200", TRUE),
    ("DateNotEquals", "d", "2026-06-01", TRUE),
    ("DateLessThan", "d", "2026-06-02", TRUE),
    ("DateLessThan", "d", "2026-06-01T12:00:00Z", FALSE),
    ("DateLessThanEquals", "d", "2026-06-01T12:00:00Z", TRUE),
    ("DateGreaterThan", "e", "2026-06-01T12:00:00Z", FALSE),
    ("DateGreaterThan", "e", "2026-06", TRUE),
    ("DateGreaterThanEquals", "d", "2026-06-01T12:00:00Z", TRUE),
    ("DateLessThan", "d", "soon", UNKNOWN),
    ("DateLessThan", "k", "2026-06-01", FALSE),
    ("Bool", "b", "true", TRUE),
    ("Bool", "b", True, TRUE),
    ("Bool", "b", "false", FALSE),
    ("Bool", "b", "TRUE", TRUE),
    ("Bool", "gone", "false", FALSE),
    ("BoolIfExists", "gone", "true", TRUE),
    ("BinaryEquals", "bin", "aGVsbG8=", TRUE),
    ("BinaryEquals", "bin", "aGVsbG8h", FALSE),
    ("BinaryEquals", "bin", "%", UNKNOWN),
    ("BinaryEquals", "k", "aGVsbG8=", FALSE),
    ("IpAddress", "ip", "10.0.0.0/8", TRUE),
    ("IpAddress", "ip", "10.1.2.3", TRUE),
    ("IpAddress", "ip", "10.1.9.9/16", TRUE),
    ("IpAddress", "ip", "10.1.2.4", FALSE),
    ("IpAddress", "ip", ["11.0.0.0/8", "10.1.0.0/16"], TRUE),
    ("NotIpAddress", "ip", "10.0.0.0/8", FALSE),
    ("NotIpAddress", "gone", "10.0.0.0/8", TRUE),
    ("IpAddress", "ip6", "2001:db8::/32", TRUE),
    ("IpAddress", "ip6", "2001:DB8:0:0::17/128", TRUE),
    ("IpAddress", "ip", "2001:db8::/32", FALSE),
    ("IpAddress", "ip6", "0.0.0.0/0", FALSE),
    ("IpAddress", "ip", "banana", UNKNOWN),
    ("IpAddress", "k", "0.0.0.0/0", FALSE),
    ("ArnEquals", "arn", "arn:aws:iam::1:role/*", TRUE),
    ("ArnLike", "arn", "arn:aws:*:role/x", FALSE),
    ("ArnNotEquals", "arn", "arn:aws:iam::*:role/x", FALSE),
    ("ArnNotLike", "arn", "arn:aws:iam::2:role/x", TRUE),
    ("ArnLike", "k", "arn:*:*:*:*:*", FALSE),
    ("ArnLike", "arn", "arn:aws:iam::*", UNKNOWN),
    ("Null", "k", "true", FALSE),
    ("Null", "k", "false", TRUE),
    ("Null", "gone", "true", TRUE),
    ("Null", "gone", True, TRUE),
    ("Null", "gone", "false", FALSE),
    ("Null", "none", "true", TRUE),
    ("Null", "k", "maybe", UNKNOWN),
    ("Null", "k", ["true", "false"], TRUE),
    ("Null", "later", "true", UNKNOWN),
    ("Null", "sure", "true", FALSE),
    ("Null", "sure", "false", TRUE),
    ("NullIfExists", "k", "true", UNKNOWN),
    ("StringEqualsIfExists", "gone", "x", TRUE),
    ("StringEqualsIfExists", "k", "x", FALSE),
    ("StringNotEqualsIfExists", "gone", "x", TRUE),
    ("StringNotEqualsIfExists", "k", "web", FALSE),
    ("ForAllValues:StringEquals", "list", ["a", "b", "c"], TRUE),
    ("ForAllValues:StringEquals", "list", ["a"], FALSE),
    ("ForAllValues:StringEquals", "gone", "a", TRUE),
    ("ForAllValues:StringEquals", "empty", "a", TRUE),
    ("ForAllValues:StringEquals", "k", "web", TRUE),
    ("ForAllValues:StringNotEquals", "list", "c", TRUE),
    ("ForAllValues:StringNotEquals", "list", ["a", "c"], FALSE),
    ("ForAnyValue:StringEquals", "list", ["b", "c"], TRUE),
    ("ForAnyValue:StringEquals", "list", "c", FALSE),
    ("ForAnyValue:StringEquals", "gone", "a", FALSE),
    ("ForAnyValue:StringEquals", "k", "web", TRUE),
    ("ForAnyValue:StringNotEquals", "list", "a", TRUE),
    ("ForAnyValue:StringNotEquals", "list", ["a", "b"], FALSE),
    ("ForAnyValue:StringNotEquals", "gone", "a", FALSE),
    ("ForAnyValue:StringNotEquals", "blank", "a", FALSE),
    ("ForAnyValue:StringLike", "blank", "*", FALSE),
    ("ForAnyValue:StringEqualsIfExists", "gone", "a", FALSE),
    ("ForAllValues:StringEquals", "blank", "a", TRUE),
    ("Null", "blank", "true", UNKNOWN),
    ("Null", "blank", "false", UNKNOWN),
    ("foranyvalue:stringlike", "list", "?", TRUE),
    ("StringEquals", "list", "c", FALSE),
    ("StringEquals", "list", ["a", "b"], TRUE),
    ("StringEquals", "list", "a", UNKNOWN),
    ("ForSomeValues:StringEquals", "k", "web", UNKNOWN),
    ("StringIs", "k", "web", UNKNOWN),
    ("", "k", "web", UNKNOWN),
    ("StringEquals", "k", {"a": 1}, UNKNOWN),
    ("StringEquals", "k", [None], UNKNOWN),
    ("StringEquals", "later", "x", UNKNOWN),
    ("StringNotEquals", "later", "x", UNKNOWN),
    ("StringEqualsIfExists", "later", "x", UNKNOWN),
    ("ForAllValues:StringEquals", "later", "x", UNKNOWN),
    ("StringEquals", "k", "${k}", TRUE),
    ("StringEquals", "k", "${K}", TRUE),
    ("StringEquals", "k", "${gone}", FALSE),
    ("StringNotEquals", "k", "${gone}", TRUE),
    ("StringEquals", "k", "${gone, 'web'}", TRUE),
    ("StringEquals", "k", "${k, 'x'}", TRUE),
    ("StringLike", "k", "${star}", FALSE),
    ("StringLike", "star", "${*}", TRUE),
    ("StringEquals", "star", "${*}", TRUE),
    ("StringLike", "k", "w${gone, 'e'}*", TRUE),
    ("StringEquals", "k", "${list}", FALSE),
    ("StringEquals", "k", "${empty}", FALSE),
    ("StringLike", "k", "${empty}web", UNKNOWN),
    ("StringLike", "k", "x${empty}*", FALSE),
    ("StringNotLike", "k", "w${empty}*", UNKNOWN),
    ("StringEquals", "empty", "${empty}", UNKNOWN),
    ("StringEquals", "k", "${empty, 'web'}", UNKNOWN),
    ("StringEquals", "k", ["${empty}", "web"], TRUE),
    ("ArnLike", "arn", "arn:aws:iam::1:role/${empty}*", UNKNOWN),
    ("DateLessThan", "issued", "2026-06-01T11:59:59Z", FALSE),
    ("DateLessThan", "issued", "2026-06-01T12:00:00Z", FALSE),
    ("DateLessThan", "issued", "2026-06-01T12:00:01Z", UNKNOWN),
    ("DateLessThanEquals", "issued", "2026-06-01T11:59:59Z", FALSE),
    ("DateLessThanEquals", "issued", "2026-06-01T12:00:00Z", UNKNOWN),
    ("DateGreaterThan", "issued", "2026-06-01T11:59:59Z", TRUE),
    ("DateGreaterThan", "issued", "2026-06-01T12:00:00Z", UNKNOWN),
    ("DateGreaterThanEquals", "issued", "2026-06-01T12:00:00Z", TRUE),
    ("DateGreaterThanEquals", "issued", "2026-06-01T12:00:01Z", UNKNOWN),
    ("DateEquals", "issued", "2026-06-01", FALSE),
    ("DateEquals", "issued", "2026-06-02", UNKNOWN),
    ("DateNotEquals", "issued", "2026-06-01", TRUE),
    ("DateNotEquals", "issued", "2026-06-02", UNKNOWN),
    ("DateLessThan", "issued", ["2026-05-01", "2026-06-01"], FALSE),
    ("DateLessThan", "issued", ["2026-05-01", "2027-01-01"], UNKNOWN),
    ("DateGreaterThan", "issued", ["2026-05-01", "2027-01-01"], TRUE),
    ("DateLessThanIfExists", "issued", "1780315200", FALSE),
    ("DateLessThan", "issued", "soon", UNKNOWN),
    ("NumericLessThan", "issued", "1", UNKNOWN),
    ("StringEquals", "issued", "x", UNKNOWN),
    ("StringLike", "k", "${issued}", UNKNOWN),
    ("Null", "issued", "false", TRUE),
    ("StringEquals", "k", "${later}", UNKNOWN),
    ("StringEquals", "k", "x${later}", FALSE),
    ("StringNotEquals", "k", "x${later}", TRUE),
    ("ArnLike", "arn", "arn:aws:iam::1:role/${later}", UNKNOWN),
    ("ArnLike", "arn", "arn:aws:iam::2:role/${later}", FALSE),
    ("BoolIfExists", "b", ["true", "${gone, 'false'}"], UNKNOWN),
    ("StringEqualsIgnoreCase", "k", "W${later}", UNKNOWN),
    ("StringLike", "id", "AROAEXAMPLE:*", TRUE),
    ("StringLike", "id", "AROAOTHER:*", FALSE),
    ("StringNotLike", "id", "AROAEXAMPLE:*", FALSE),
    ("StringNotLike", "id", ["AROAOTHER:*", "AIDA*"], TRUE),
    ("StringLike", "id", "AROAEXAMPLE:task", UNKNOWN),
    ("StringEquals", "id", "AROAEXAMPLE:task", UNKNOWN),
    ("StringEquals", "id", "AIDA", FALSE),
    ("StringLike", "id", "*", TRUE),
    ("StringLike", "id", "${id}", UNKNOWN),
    ("ArnLike", "src", "arn:aws:ecs:us-east-1:1:*", TRUE),
    ("ArnLike", "src", "arn:aws:ecs:*:2:*", FALSE),
    ("ArnLike", "src", "arn:aws:ecs:us-east-1:1:cluster/a", UNKNOWN),
    ("StringLike", "src", "arn:aws:ecs:*:1:*", TRUE),
    ("StringLike", "src", "arn:aws:ecs:eu-west-1:1:*", FALSE),
    ("ArnLike", "src", "arn:aws:ecs:us-east-1:${n}:*", FALSE),
]


@pytest.mark.parametrize(("operator", "key", "values", "expected"), ROWS, ids=[f"{r[0]}-{r[1]}-{r[2]}" for r in ROWS])
def test_a_condition_holds_as_the_guide_says(operator: str, key: str, values: object, expected: bool | None) -> None:
    assert held(operator, key, values) is expected


def test_variables_are_literal_text_before_2012() -> None:
    assert held("StringEquals", "k", "${k}", variables=False) is False


@pytest.mark.parametrize("block", ["text", ["list"], {"StringEquals": "text"}, {"StringEquals": ["k"]}, 7])
def test_a_block_that_is_no_block_is_unknown_and_says_why(block: object) -> None:
    (condition,) = compile_conditions(block, variables=True)
    answer = condition.holds(request())
    assert isinstance(answer, Unknown)
    assert answer.problems


def test_an_unknown_condition_names_its_key() -> None:
    (condition,) = compile_conditions({"StringEquals": {"Later:Key": "x"}}, variables=True)
    answer = condition.holds(request(unknowable=Unknowable(prefixes=("later",))))
    assert answer == Unknown(keys=frozenset(("Later:Key",)))


@pytest.mark.parametrize(("other", "expected"), [("web", True), ("w", False)])
def test_a_key_that_is_named_twice_in_two_cases_has_to_fit_both(other: str, expected: bool) -> None:
    block = {"StringEquals": {"k": "web", "K": other}}
    holds = [condition.holds(request(**CONTEXT)) for condition in compile_conditions(block, variables=True)]
    assert all(holds) is expected
