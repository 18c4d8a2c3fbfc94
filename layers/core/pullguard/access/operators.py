"""The condition operators, by name.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pullguard.access import comparisons
from pullguard.access.comparisons import Comparable
from pullguard.access.patterns import arn_matches
from pullguard.access.ternary import Match

Comparison: TypeAlias = Callable[[str, Comparable], Match]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One family's way to compare. ``negative`` operators hold where no value of the policy matches.

    ``read`` turns a policy's text into what ``compare`` wants and raises ``ValueError`` where it is malformed, as
    ``read_value`` does for the request's; ``variables`` and ``wildcards`` say what the policy's text may contain.
    """

    compare: Comparison
    read: Callable[[str], Comparable] | None = None
    read_value: Callable[[str], object] | None = None
    negative: bool = False
    variables: bool = False
    wildcards: bool = False


def arn_like(value: str, expected: Comparable) -> Match:
    """Two ARNs, part by part, with wildcards in the policy's value: ArnEquals and ArnLike are the same."""
    return isinstance(expected, str) and arn_matches(expected, value)


def _pair(
    positive: str,
    negative: str,
    compare: Comparison,
    *,
    read: Callable[[str], Comparable] | None = None,
    read_value: Callable[[str], object] | None = None,
) -> dict[str, Operator]:
    text = read is None
    wild = compare in (comparisons.like, arn_like)
    return {
        name: Operator(
            compare=compare, read=read, read_value=read_value, negative=negative, variables=text, wildcards=wild
        )
        for name, negative in ((positive, False), (negative, True))
    }


def _ordering(family: str, read: Callable[[str], Decimal]) -> dict[str, Operator]:
    return {
        f"{family}{name}".lower(): Operator(
            compare=comparisons.ordered(read, holds), read=read, read_value=read, negative=negative
        )
        for name, holds, negative in (
            ("Equals", operator.eq, False),
            ("NotEquals", operator.eq, True),
            ("LessThan", operator.lt, False),
            ("LessThanEquals", operator.le, False),
            ("GreaterThan", operator.gt, False),
            ("GreaterThanEquals", operator.ge, False),
        )
    }


OPERATORS: dict[str, Operator] = {
    **_pair("stringequals", "stringnotequals", comparisons.equal),
    **_pair("stringequalsignorecase", "stringnotequalsignorecase", comparisons.equal_folded),
    **_pair("stringlike", "stringnotlike", comparisons.like),
    **_pair("arnequals", "arnnotequals", arn_like),
    **_pair("arnlike", "arnnotlike", arn_like),
    **_pair(
        "ipaddress",
        "notipaddress",
        comparisons.in_network,
        read=comparisons.read_network,
        read_value=comparisons.read_address,
    ),
    **_ordering("Numeric", comparisons.read_number),
    **_ordering("Date", comparisons.read_date),
    "bool": Operator(compare=comparisons.true_or_false, read=comparisons.read_boolean, variables=True),
    "binaryequals": Operator(compare=comparisons.same_bytes, read=comparisons.read_binary),
}
