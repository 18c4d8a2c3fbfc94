"""One line of a Condition block, ``operator: {key: values}``, evaluated for a request: true, false or unknown.

A key that the request lacks makes a positive operator false and a negative one true, ``...IfExists`` true,
``ForAllValues`` true and ``ForAnyValue`` false; a key whose value cannot be known yet makes each of them unknown.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pullguard.access.comparisons import Comparable
from pullguard.access.operators import OPERATORS, Operator, arn_like
from pullguard.access.patterns import ARN_PARTS, MANY, could_start, glob_matches, steps_of
from pullguard.access.request import ContextValue, NotBefore, Partial, Request
from pullguard.access.ternary import Match, Unknown, every, negated, some
from pullguard.access.variables import Template, Unresolved, compile_text, expand
from pullguard.access.work import TOO_MUCH
from pullguard.domain.documents import why_no_object

Quantifier = Literal["all", "any"] | None
_QUANTIFIERS: dict[str, Quantifier] = {"forallvalues": "all", "foranyvalue": "any", "": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class NullTest:
    """``Null``: whether the request lacks the key (``true``) or has it (``false``)."""

    key: str
    spelled: str
    lacking: tuple[bool, ...]

    def holds(self, request: Request) -> Match:
        """Evaluate the test for ``request``."""
        values = request.context.get(self.key)
        if values and not any(values):
            return Unknown(problems=(f"AWS does not say whether Null treats {self.spelled} without a value as absent",))
        present = bool(values)
        if not present and request.unknowable.covers(self.key):
            if self.key not in request.unknowable.present:
                return request.unknowable.doubt(self.key, self.spelled)
            present = True
        return (not present) in self.lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A line that cannot be read: its result is unknown, and ``problem`` says why."""

    problem: str

    def holds(self, request: Request) -> Match:  # noqa: ARG002 (the interface of a condition)
        """Return Unknown for any request."""
        return Unknown(problems=(self.problem,))


@dataclass(slots=True, kw_only=True)
class Comparison:
    """``operator: {key: values}``. ``literals`` are ready to compare, ``templates`` have policy variables in them.

    Not changed once compiled. ``key`` is in lower case, ``spelled`` as the policy writes it.
    """

    operator: Operator
    quantifier: Quantifier
    if_exists: bool
    key: str
    spelled: str
    literals: tuple[Comparable, ...]
    templates: tuple[Template, ...]

    def holds(self, request: Request) -> Match:
        """Evaluate the line for ``request``."""
        values = request.context.get(self.key)
        if values and self.quantifier is not None:
            values = tuple(value for value in values if value)  # these operators treat an empty text as absent
        if not values:
            return self._holds_without_key(request)
        if len(values) == 1:
            return self._fits(values[0], request)
        fits = [self._fits(value, request) for value in values]
        match self.quantifier:
            case "all":
                return every(fits)
            case "any":
                return some(fits)
            case None:
                return self._holds_unquantified(fits)

    def _holds_without_key(self, request: Request) -> Match:
        if request.unknowable.covers(self.key) and self.key not in request.context:
            return request.unknowable.doubt(self.key, self.spelled)
        if self.quantifier is not None:
            return self.quantifier == "all"
        return self.if_exists or self.operator.negative

    def _holds_unquantified(self, fits: list[Match]) -> Match:
        one, all_of_them = some(fits), every(fits)
        if one == all_of_them:
            return one
        return Unknown(
            keys=frozenset((self.spelled,)),
            problems=(f"{self.spelled} has several values and the operator neither ForAllValues nor ForAnyValue",),
        )

    def _fits(self, value: ContextValue, request: Request) -> Match:
        matched = self._matches_any(value, request)
        if not self.operator.negative:
            return matched
        if matched is False and isinstance(value, str) and (problem := self._unreadable(value)):
            return Unknown(keys=frozenset((self.spelled,)), problems=(problem,))
        return negated(matched)

    def _unreadable(self, value: str) -> str | None:
        """Return why the request's value cannot be compared: then a difference is unknown, too."""
        if self.operator.read_value is None:
            return None
        try:
            self.operator.read_value(value)
        except ValueError as error:
            return f"the request's {self.spelled} cannot be compared: {error}"
        return None

    def _matches_any(self, value: ContextValue, request: Request) -> Match:
        if not request.work.take(self._steps(value)):
            return TOO_MUCH
        if isinstance(value, Partial):
            return some(self._matches_partly(value, expected) for expected in self._expected(request))
        if isinstance(value, NotBefore):
            return some(self._matches_from(value, expected) for expected in self._expected(request))
        compare = self.operator.compare
        doubt: Unknown | None = None
        for expected in self.literals:
            match = compare(value, expected)
            if match is True:
                return True
            if match is not False:
                doubt = match.merged(doubt)
        for template in self.templates:
            match = self._matches_template(value, template, request)
            if match is True:
                return True
            if match is not False:
                doubt = match.merged(doubt)
        return False if doubt is None else doubt

    def _steps(self, value: ContextValue) -> int:
        """Return the maximum cost of comparing the literals, and one per template, whose text is not known yet."""
        if not self.operator.wildcards:
            return len(self.literals) + len(self.templates)
        text = value if isinstance(value, str) else value.known_prefix if isinstance(value, Partial) else ""
        return len(self.templates) + sum([steps_of(each, text) for each in self.literals if isinstance(each, str)])

    def _matches_template(self, value: str, template: Template, request: Request) -> Match:
        text = expand(template, request)
        if text is None:
            return False
        if not request.work.take(steps_of(text.widest if isinstance(text, Unresolved) else text, value)):
            return TOO_MUCH
        if isinstance(text, Unresolved):
            return text.doubt if glob_matches(text.widest.lower(), value.lower()) else False
        return self.operator.compare(value, text)

    def _expected(self, request: Request) -> Iterator[Comparable | Unresolved]:
        yield from self.literals
        for template in self.templates:
            text = expand(template, request)
            if text is not None:
                yield text

    def _matches_from(self, value: NotBefore, expected: Comparable | Unresolved) -> Match:
        compare = self.operator.from_then_on
        match = None if compare is None or isinstance(expected, Unresolved) else compare(value.epoch_s, expected)
        return Unknown(keys=frozenset((self.spelled,))) if match is None else match

    def _matches_partly(self, value: Partial, expected: Comparable | Unresolved) -> Match:
        doubt = Unknown(keys=frozenset((self.spelled,)))
        if not isinstance(expected, str):
            return doubt
        if self.operator.compare is arn_like:
            theirs = expected.split(":", ARN_PARTS - 1)
            if len(theirs) != len(value.parts):
                return doubt
            return every(
                (pattern == MANY or doubt) if part is None else glob_matches(pattern, part)
                for pattern, part in zip(theirs, value.parts, strict=True)
            )
        if expected.endswith(MANY) and glob_matches(expected, value.known_prefix):
            return True
        return doubt if could_start(expected.lower(), value.known_prefix.lower()) else False


Condition = Comparison | NullTest | Malformed


def compile_conditions(block: object, *, variables: bool) -> tuple[Condition, ...]:
    """Compile a Condition block; a line that cannot be read becomes ``Malformed``, never an error."""
    if block is None:
        return ()
    if not isinstance(block, Mapping):
        return (Malformed(problem=f"Condition {why_no_object(block)}"),)
    compiled: list[Condition] = []
    for name, lines in block.items():
        if not isinstance(lines, Mapping):
            compiled.append(Malformed(problem=f"the condition {name} {why_no_object(lines)}"))
            continue
        for key, values in lines.items():
            texts = _texts(values)
            if texts is None:
                problem = f"the values of {name} {key} are not strings, numbers or booleans"
                compiled.append(Malformed(problem=problem))
            else:
                compiled.append(_compile_line(str(name), str(key), texts, variables))
    return tuple(compiled)


@lru_cache(maxsize=8192)
def _compile_line(name: str, key: str, texts: tuple[str, ...], variables: bool) -> Condition:
    prefix, colon, base = name.lower().rpartition(":")
    if_exists = base.endswith("ifexists")
    base = base.removesuffix("ifexists")
    if base == "null" and not if_exists and not colon:
        if not texts or not set(map(str.lower, texts)) <= {"true", "false"}:
            return Malformed(problem=f"Null {key} is neither true nor false")
        return NullTest(key=key.lower(), spelled=key, lacking=tuple(text.lower() == "true" for text in texts))
    operator = OPERATORS.get(base)
    if operator is None or prefix not in _QUANTIFIERS:
        return Malformed(problem=f"{name} is not a known condition operator")
    if not texts:
        return Malformed(problem=f"{name} {key} has no values")
    try:
        literals, templates = _compile_values(texts, operator, variables)
    except ValueError as error:
        return Malformed(problem=f"in {name} {key}, {error}")
    return Comparison(
        operator=operator,
        quantifier=_QUANTIFIERS[prefix],
        if_exists=if_exists,
        key=key.lower(),
        spelled=key,
        literals=literals,
        templates=templates,
    )


def _texts(values: object) -> tuple[str, ...] | None:
    if isinstance(values, str):
        return (values,)
    listed: list[Any] = values if isinstance(values, list) else [values]
    texts: list[str] = []
    for value in listed:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, bool):
            texts.append("true" if value else "false")
        elif isinstance(value, (int, float)):
            texts.append(str(value))
        else:
            return None
    return tuple(texts)


def _compile_values(
    texts: tuple[str, ...], operator: Operator, variables: bool
) -> tuple[tuple[Comparable, ...], tuple[Template, ...]]:
    literals: list[Comparable] = []
    templates: list[Template] = []
    for text in texts:
        compiled = compile_text(text, wildcards=operator.wildcards, variables=variables and operator.variables)
        if isinstance(compiled, Template):
            templates.append(compiled)
        elif operator.read is not None:
            literals.append(operator.read(compiled))
        else:
            literals.append(compiled)
    return tuple(literals), tuple(templates)
