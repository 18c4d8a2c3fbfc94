"""Values with their position, and the message for a file that cannot be used."""

import pytest

from pullguard_cli.input.located import Located, Other, Unusable


def at(value: object) -> Located:
    return Located(value=value, line=1, column=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unusable", "message"),
    [
        (Unusable("a.json", "is empty"), "a.json: is empty"),
        (Unusable("a.json", "is binary", line=2), "a.json:2: is binary"),
        (Unusable("a.json", "is odd", line=2, column=3), "a.json:2:3: is odd"),
        (Unusable("-", "is empty"), "standard input: is empty"),
        (Unusable("a\n::error::", "x\x1b[2J"), "a\\n::error::: x\\x1b[2J"),
    ],
)
def test_the_message_is_one_printable_line(unusable: Unusable, message: str) -> None:
    assert str(unusable) == message


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": at("b")}, True),
        ({"a": at(None)}, False),
        ({"c": at("b")}, False),
        ("text", False),
        ((at("a"),), False),
        (Other("1"), False),
    ],
    ids=["member", "null", "absent", "string", "list", "number"],
)
def test_only_a_mapping_has_members(value: object, found: bool) -> None:
    assert (at(value).get("a") is not None) is found
