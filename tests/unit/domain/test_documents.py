"""JSON in which no repeated member is lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.documents import Repeating, object_of, read_json, why_no_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
READ: dict[str, tuple[str, Any]] = {
    "object": ('{"a": 1}', {"a": 1}),
    "no-object": ("7", 7),
    "member-given-twice": ('{"a": 1, "b": 2, "a": 1}', Repeating(member="a", once={"b": 2})),
    "within-another-object": ('{"x": {"a": 1, "a": 2}, "y": 3}', {"x": Repeating(member="a", once={}), "y": 3}),
    "within-a-list": ('[{"a": 1, "a": 2}]', [Repeating(member="a", once={})]),
    "two-members-given-twice": ('{"b": 1, "a": 1, "a": 2, "b": 2}', Repeating(member="b", once={})),
    "names-that-differ-in-case": ('{"a": 1, "A": 2}', {"a": 1, "A": 2}),
}


@pytest.mark.parametrize(("text", "value"), READ.values(), ids=READ)
def test_json_is_read_with_its_repetitions(text: str, value: Any) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", '{"a": 1} x'])
def test_a_text_that_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        read_json(text)
    assert object_of(text) is None


@given(JSON)
def test_json_without_repetitions_is_read_as_usual(value: Any) -> None:
    text = json.dumps(value)
    assert read_json(text) == value
    assert object_of(text) == (value if isinstance(value, dict) else None)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 1}', '{"b": [{"a": 1, "a": 2}]}', "[]", "null", '"text"', "[" * 100_000],
    ids=["twice", "twice-inside", "list", "null", "text", "deep"],
)
def test_only_an_unambiguous_object_is_one(text: str) -> None:
    assert object_of(text) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, None),
        ({"a": 1}, None),
        (Repeating(member="Action", once={}), "gives Action twice"),
        ([], "is not a JSON object"),
        ("{}", "is not a JSON object"),
        (None, "is not a JSON object"),
    ],
    ids=["empty", "object", "repeating", "list", "text", "null"],
)
def test_why_a_value_is_no_object(value: object, why: str | None) -> None:
    assert why_no_object(value) == why


def test_a_repeating_object_says_what_it_repeats() -> None:
    assert str(Repeating(member="Action", once={})) == "an object that gives Action twice"
