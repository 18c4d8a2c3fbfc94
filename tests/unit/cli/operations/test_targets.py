"""Names of roles and families on the command line."""

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import Stack


@pytest.mark.parametrize(
    ("name", "words"), [("web-executoin", "There is no role"), ("a b", "Pass a role name"), ("arn:x", "an ARN")]
)
def test_a_misspelt_role_is_not_held(run: Run, stack: Stack, name: str, words: str) -> None:
    ran = run("stop", name, "--yes")
    assert ran.code == 2
    assert words in ran.err


@pytest.mark.parametrize("command", ["stop", "resume"])
@pytest.mark.parametrize(
    ("words", "said"),
    [(("--family", "a b"), "Invalid family name"), (("x", "--family", "web"), "not both")],
    ids=["no-name", "role-and-family"],
)
def test_an_invalid_family_is_refused(run: Run, stack: Stack, command: str, words: tuple[str, ...], said: str) -> None:
    ran = run(command, *words, "--yes")
    assert ran.code == 2
    assert said in ran.err


def test_a_misspelt_family_is_not_held(run: Run, stack: Stack, family: str) -> None:
    ran = run("stop", "--family", "wbe", "--yes")
    assert ran.code == 2
    assert "no active revision of the family wbe" in ran.err
    assert stack.ledger.families.hold("wbe") is None
