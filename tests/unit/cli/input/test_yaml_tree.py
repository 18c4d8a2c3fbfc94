"""YAML with the line and column of each value, without any trust in the file."""

import pytest

from pullguard_cli.input.located import Located, Other, Unusable
from pullguard_cli.input.yaml_tree import yaml_tree


def problem(why: str, line: int, column: int) -> Unusable:
    return Unusable("a.yaml", why, line=line, column=column)


def member(root: Located, name: str) -> Located:
    found = root.get(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "value", "tag"),
    [
        ("a: web", "web", None),
        ("a: 'yes'", "yes", None),
        ("a: 10", Other("10"), None),
        ("a: yes", Other("yes"), None),
        ("a: 2026-01-01", Other("2026-01-01"), None),
        ("a: !Ref Secret", "Secret", "!Ref"),
        ("a: !!python/object/apply:os.system ls", "ls", None),
    ],
)
def test_scalars_are_never_constructed(text: str, value: object, tag: str | None) -> None:
    found = member(yaml_tree(text, problem), "a")
    assert (found.value, found.tag, found.line, found.column) == (value, tag, 1, 4)


def test_null_is_an_absent_member() -> None:
    assert yaml_tree("a: ~\nb: 1", problem).get("a") is None


def test_an_alias_is_the_value_of_its_anchor() -> None:
    root = yaml_tree("a: &x {b: 1}\nc: *x", problem)
    assert member(member(root, "c"), "b").line == 1
    assert member(root, "c").value is member(root, "a").value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: &x {b: one}\na: {<<: *x}", "one"),
        ("x: &x {b: one}\na: {<<: *x, b: own}", "own"),
        ("x: &x {b: one}\ny: &y {b: two}\na: {<<: [*x, *y]}", "one"),
    ],
    ids=["merged", "own member first", "first of several"],
)
def test_merge_keys_follow_their_precedence(text: str, value: str) -> None:
    assert member(member(yaml_tree(text, problem), "a"), "b").value == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing", "a.yaml:1:1: contains only comments"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: contains more than one document"),
        ("a: 1\na: 2", 'a.yaml:2:1: duplicate key "a"'),
        ("? [a]\n: b", "a.yaml:1:3: a key is not a string"),
        ("a: *x", "a.yaml:1:4: the alias *x refers to no earlier anchor"),
        ("<<: [a]", "a.yaml:1:5: the merge key << accepts mappings only"),
        ("a: \x01", "a.yaml:1:1: contains a control character"),
        ("- " * 100 + "a", "is nested too deeply"),
        ("a: b: c", "is neither JSON nor YAML"),
    ],
)
def test_invalid_yaml_names_its_place(text: str, message: str) -> None:
    with pytest.raises(Unusable) as refused:
        yaml_tree(text, problem)
    assert message in str(refused.value)
