"""The condition operators by name: which there are, which are negative, and what their values may contain."""

from decimal import Decimal

import pytest

from pullguard.access.operators import OPERATORS, arn_like
from pullguard.access.patterns import glob
from pullguard.access.ternary import Unknown

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
TEXTS = {
    "stringequals",
    "stringnotequals",
    "stringequalsignorecase",
    "stringnotequalsignorecase",
    "stringlike",
    "stringnotlike",
    "arnequals",
    "arnnotequals",
    "arnlike",
    "arnnotlike",
}
ORDERS = ("equals", "notequals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals")
NUMBERS = {f"numeric{order}" for order in ORDERS}
DATES = {f"date{order}" for order in ORDERS}
OTHERS = {"ipaddress", "notipaddress", "bool", "binaryequals"}
WILD = {"stringlike", "stringnotlike", "arnequals", "arnnotequals", "arnlike", "arnnotlike"}


def test_every_operator_of_the_guide_is_there() -> None:
    assert set(OPERATORS) == TEXTS | NUMBERS | DATES | OTHERS


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_negative_where_its_name_says_not(name: str) -> None:
    assert OPERATORS[name].negative is ("not" in name)


@pytest.mark.parametrize("name", OPERATORS)
def test_only_texts_have_variables_and_only_some_have_wildcards(name: str) -> None:
    assert (OPERATORS[name].variables, OPERATORS[name].wildcards) == (name in TEXTS, name in WILD)


@pytest.mark.parametrize("name", OPERATORS)
def test_only_dates_compare_instants_to_come(name: str) -> None:
    assert (OPERATORS[name].from_then_on is not None) is (name in DATES)


COMPARED: list[tuple[str, str, str, bool]] = [
    # negative operators compare as their positive ones do: the condition turns the answer round
    ("stringequals", "web", "web", True),
    ("stringnotequals", "web", "web", True),
    ("stringequals", "WEB", "web", False),
    ("stringequalsignorecase", "WEB", "web", True),
    ("numericequals", "300", "300.0", True),
    ("numericlessthan", "299", "300", True),
    ("numericlessthan", "300", "300", False),
    ("numericlessthanequals", "300", "300", True),
    ("numericgreaterthan", "-1", "-2", True),
    ("numericgreaterthanequals", "-2", "-2", True),
    ("dategreaterthan", "2026-06-02", "2026-06-01T23:59:59Z", True),
    ("dateequals", "1780315200", "2026-06-01T12:00:00Z", True),
    ("ipaddress", "10.1.2.3", "10.0.0.0/8", True),
    ("notipaddress", "11.1.2.3", "10.0.0.0/8", False),
    ("bool", "TRUE", "true", True),
    ("binaryequals", "aGVsbG8=", "aGVsbG8=", True),
]


@pytest.mark.parametrize(("name", "value", "expected", "matches"), COMPARED)
def test_an_operator_compares_a_value_with_what_the_policy_says(
    name: str, value: str, expected: str, matches: bool
) -> None:
    operator = OPERATORS[name]
    assert operator.compare(value, operator.read(expected) if operator.read else expected) is matches


@pytest.mark.parametrize("name", sorted(NUMBERS | DATES | OTHERS))
def test_an_operator_that_reads_refuses_a_malformed_value(name: str) -> None:
    read = OPERATORS[name].read
    assert read is not None
    with pytest.raises(ValueError, match="%%"):
        read("%%")


def test_an_arn_is_compared_part_by_part() -> None:
    role = "arn:aws:iam::111122223333:role/web"
    assert arn_like(role, glob("arn:aws:iam::*:role/web")) is True
    assert arn_like(role, glob("arn:aws:*:role/web")) is False
    assert isinstance(arn_like(role, glob("arn:aws:iam::*")), Unknown)
    assert arn_like(role, Decimal(1)) is False
