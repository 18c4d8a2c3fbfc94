"""JSON with the line and column of each value."""

import pytest

from pullguard_cli.input.json_tree import json_tree
from pullguard_cli.input.located import Other, Unusable

TEXT = """{
  "family": "web",
  "containerDefinitions": [
    {"name": "a\\u0062"}, {"cpu": 10, "essential": true, "image": null}
  ]
}"""


def problem(why: str, line: int, column: int) -> Unusable:
    return Unusable("a.json", why, line=line, column=column)


def test_values_and_names_have_their_place() -> None:
    root = json_tree(TEXT, problem)
    family = root.get("family")
    assert family is not None
    assert (family.value, family.line, family.column, family.key) == ("web", 2, 13, (2, 3))
    containers = root.get("containerDefinitions")
    assert containers is not None
    assert isinstance(containers.value, tuple)
    first, second = containers.value
    assert ((first.line, first.column), (second.line, second.column)) == ((4, 5), (4, 26))
    name, cpu, essential = first.get("name"), second.get("cpu"), second.get("essential")
    assert name is not None
    assert name.value == "ab"
    assert (cpu and cpu.value, essential and essential.value) == (Other("10"), Other("true"))
    assert second.get("image") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "a.json:1:"),
        ('{"a": NaN}', "a.json:1:7: is not JSON: NaN is not a value"),
        ('{"a": "NaN",\n"b": -Infinity}', "a.json:2:6: is not JSON: -Infinity is not a value"),
        ('{"a": 1, // no\n"b": 2}', "JSON does not allow comments"),
        ('{"a": 1,\n "a": 2}', 'a.json:2:2: duplicate key "a"'),
        ('["\\ud800"]', "a.json:1:2: a string contains a lone surrogate"),
        ("[" * 70 + "]" * 70, "is nested too deeply"),
    ],
)
def test_invalid_json_names_its_place(text: str, message: str) -> None:
    with pytest.raises(Unusable) as refused:
        json_tree(text, problem)
    assert message in str(refused.value)
