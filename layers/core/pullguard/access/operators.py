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
    """The comparison of one family. ``negative`` operators match if no value of the policy matches.

    ``read`` parses a policy's text for ``compare`` and raises ``ValueError`` if it is malformed, as ``read_value`` does
    for the request's; ``variables`` and ``wildcards`` say what the policy's text may contain. ``from_then_on`` compares
    every instant from a first one on; only the date operators have it.
    """

    compare: Comparison
    read: Callable[[str], Comparable] | None = None
    read_value: Callable[[str], object] | None = None
    from_then_on: Callable[[Decimal, Comparable], bool | None] | None = None
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


def _ordering(family: str, read: Callable[[str], Decimal], *, dates: bool = False) -> dict[str, Operator]:
    return {
        f"{family}{name}".lower(): Operator(
            compare=comparisons.ordered(read, holds),
            read=read,
            read_value=read,
            from_then_on=comparisons.from_then_on(holds) if dates else None,
            negative=negative,
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
    **_ordering("Date", comparisons.read_date, dates=True),
    # One page says that Bool accepts policy variables, two say that it does not: a text with one is not read.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
    "bool": Operator(compare=comparisons.true_or_false, read=comparisons.read_boolean),
    "binaryequals": Operator(compare=comparisons.same_bytes, read=comparisons.read_binary),
}
