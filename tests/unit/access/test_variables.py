"""Policy variables: compiled once, expanded with the values of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.access.patterns import MANY, ONE
from pullguard.access.request import Partial, Unknowable
from pullguard.access.ternary import Unknown
from pullguard.access.variables import Template, Text, Unresolved, Variable, compile_text, expand
from tests.unit.access.worlds import request

COMPILED: dict[str, tuple[str, bool, Text]] = {
    # text, wildcards, what it is compiled to
    "plain-text": ("web*", False, "web*"),
    "wildcards": ("w*b?", True, f"w{MANY}b{ONE}"),
    "empty": ("", True, ""),
    "escapes": ("${*}${?}${$}", True, "*?$"),
    "escape-beside-a-wildcard": ("*${*}", True, f"{MANY}*"),
    "variable": (
        "a${aws:PrincipalTag/Team}b",
        False,
        Template(parts=("a", Variable(key="aws:principaltag/team", spelled="aws:PrincipalTag/Team"), "b")),
    ),
    "default": ("${k, 'x y'}", False, Template(parts=("", Variable(key="k", spelled="k", default="x y"), ""))),
    "empty-default": ("${k,''}", False, Template(parts=("", Variable(key="k", spelled="k", default=""), ""))),
    "spaces": ("${ k }", False, Template(parts=("", Variable(key="k", spelled="k"), ""))),
}


@pytest.mark.parametrize(("text", "wildcards", "expected"), COMPILED.values(), ids=COMPILED)
def test_a_text_is_compiled(text: str, wildcards: bool, expected: Text) -> None:
    assert compile_text(text, wildcards=wildcards, variables=True) == expected


@pytest.mark.parametrize("text", ["${", "${k", "a${k}${", "${k, 'x}", "${k}b${x"])
def test_a_variable_that_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="begins a policy variable that does not end"):
        compile_text(text, wildcards=False, variables=True)


@given(st.text(alphabet="a${},'* ?", max_size=12))
def test_before_2012_every_text_is_literal(text: str) -> None:
    assert compile_text(text, wildcards=False, variables=False) == text


LATER = Unknown(keys=frozenset(("Later",)))
EMPTY = Unknown(
    problems=("AWS does not say whether a policy variable has a value if that is empty: empty",),
)
EXPANDED: dict[str, tuple[str, str | Unresolved | None]] = {
    "value": ("a-${k}-b", "a-web-b"),
    "value-in-another-case-of-the-key": ("${K}", "web"),
    "value-before-a-default": ("${k, 'x'}", "web"),
    "default": ("${gone, 'x'}", "x"),
    "empty-default": ("a${gone, ''}b", "ab"),
    "absent": ("a${gone}", None),
    "one-of-two-absent": ("${k}${gone}", None),
    "several-values": ("${list}", None),
    "several-values-ignore-a-default": ("${list, 'x'}", None),
    "asterisk-in-a-value-stays-one": ("${star}", "*"),
    "wildcard-character-in-a-value": ("${forged}", None),
    "unknown": ("a${Later}b", Unresolved(widest=f"a{MANY}b", doubt=LATER)),
    "unknown-before-a-default": ("${Later, 'x'}", Unresolved(widest=MANY, doubt=LATER)),
    "two-unknowns-in-a-row": (
        "${Later}${later}",
        Unresolved(widest=MANY, doubt=Unknown(keys=frozenset(("Later", "later")))),
    ),
    "partial": ("${id}", Unresolved(widest=MANY, doubt=Unknown(keys=frozenset(("id",))))),
    "empty-value": ("a${empty}", Unresolved(widest="a", doubt=EMPTY)),
    "empty-value-with-a-default": ("a${empty, 'x'}", Unresolved(widest=f"a{MANY}", doubt=EMPTY)),
    "unknown-beside-absent": ("${Later}${gone}", None),
}


@pytest.mark.parametrize(("text", "expected"), EXPANDED.values(), ids=EXPANDED)
def test_a_template_is_expanded_with_what_is_known(text: str, expected: str | Unresolved | None) -> None:
    template = compile_text(text, wildcards=True, variables=True)
    assert isinstance(template, Template)
    asked = request(
        unknowable=Unknowable(prefixes=("later",)),
        k="web",
        list=["a", "b"],
        star="*",
        forged=f"a{MANY}",
        empty="",
        id=Partial(parts=("AROAEXAMPLE", None)),
    )
    assert expand(template, asked) == expected
