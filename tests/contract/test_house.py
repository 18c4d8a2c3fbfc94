"""The goals of benchmarks/house.py: the structure and the language of the code."""

import pytest

from benchmarks import house


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("The sweep tells the owner, who told us; an untold story.", {"told, tell": 3}),
        ("A telling detail. Intelligent, retell, stellar.", {"told, tell": 1}),
        ("Of three roles, one is used.", {"Of, Where, What or Whoever first": 1}),
        ("One role is used. What of the others: Where are they?", {"Of, Where, What or Whoever first": 2}),
        ("One of three. The place where it is, and what it does.", {}),
        ("The roles:\n\n- Of a service\n- Of a task\n- of both\n", {"Of, Where, What or Whoever first": 2}),
        ("The end.\n\n## What it costs\n\nNothing.", {}),
        ("Office hours. Whatever happens. Wherever it is.", {}),
        ("Whoever asks", {"Of, Where, What or Whoever first": 1, "whoever": 1}),
        ("Nobody knows somebody's name.", {"somebody, nobody": 2}),
        ("It stands; it stood and will stand.", {"stands": 1}),
        ("There is none, and there is\nnone.", {"is none": 2}),
        ("Mend it, mended, mends, mending; amend, recommend.", {"mend": 4}),
        ("The outcome `told`, the key ``stands`` and https://example.com/tell/nobody are code.", {}),
        ("```\nnobody stands\n```\nThe end.", {}),
    ],
)
def test_markers_are_counted_as_words_outside_code(text: str, markers: dict[str, int]) -> None:
    assert +house.count(text)[1] == markers


def test_words_are_counted_with_code_as_one() -> None:
    assert house.count("Pullguard's role `arn:aws:iam::1:role/web` is unused.")[0] == 5


def test_docstrings_and_comments_are_the_texts_of_code() -> None:
    source = '''"""The module."""
LIMIT = 2  # per call
"""The limit."""
# The first line
# and the second.
# noqa: E501
def tell(text: str = "nobody") -> None:
    """The function."""
'''
    assert set(house.texts_of_code(source)) == {
        "The module.",
        "The limit.",
        "The function.",
        "per call",
        "The first line and the second.",
    }


def test_strings_are_the_literals_of_prose_without_docstrings() -> None:
    source = '''"""The module."""
NAME = "told"
TEXT = (
    "Nobody knows "
    "why."
)
MORE = f"What {f(NAME, 'of a role')} says"
PART = f"{NAME} of a key"
'''
    assert sorted(house.strings_of_code(source)) == ["Nobody knows why.", "What X says", "X of a key", "of a role"]


def test_descriptions_are_those_of_parameters_resources_and_alarms() -> None:
    template = """
Description: The application
Parameters:
  Mode: {ConstraintDescription: a mode, Description: What may be written}
Rules:
  Rule: {Assertions: [{AssertDescription: An assertion}]}
Resources:
  Alarm:
    Properties: {AlarmDescription: !Sub "${Queue} is full", Tags: [!Ref Tag]}
"""
    assert sorted(house.descriptions(template)) == [
        "${Queue} is full",
        "An assertion",
        "The application",
        "What may be written",
        "a mode",
    ]


def test_names_of_tests_are_sentences_and_so_are_the_ids_of_cases() -> None:
    source = """
@pytest.mark.parametrize("case", [pytest.param(1, id="of-one-role"), "what"], ids=["whoever asks", f"{ROLE}_told"])
def test_what_is_known(case): ...
async def test_a_role(): ...
def tell_nobody(): ...
ROW = Row(id="nobody")
"""
    assert sorted(set(house.names_of_tests(source))) == [
        "A role",
        "Of one role",
        "What is known",
        "Whoever asks",
        "X told",
    ]


def test_forbidden_names_are_definitions_with_a_whole_word() -> None:
    source = """
class Stage: ...
class Withdrawn:
    told: int
    mended: int
def unstaged(told, play_again): self.roster = tolded = RosterBook = display = call(book=holding)
async def withdrawal(): ...
"""
    assert house.forbidden_names(source) == {"Stage", "mended", "play_again", "roster", "RosterBook", "withdrawal"}


def test_no_name_contains_a_word_that_the_glossary_replaces() -> None:
    assert house.forbidden_names_of_the_project() == ()


def test_floors_are_the_longest_chain() -> None:
    assert house.floors({"domain": (), "access": ("domain",), "aws": ("domain",), "checks": ("access", "domain")}) == 3


def test_a_cycle_has_no_floors() -> None:
    with pytest.raises(ValueError, match="domain -> aws -> domain"):
        house.floors({"domain": ("aws",), "aws": ("domain",)})


def test_the_core_has_at_most_eight_floors_and_no_cycle() -> None:
    assert house.floors(house.imports_of_packages()) <= house.FLOORS_MAX


def test_every_module_of_the_core_is_in_a_package() -> None:
    assert house.modules_at_the_root() == ()


def test_every_module_has_tests_that_its_name_leads_to() -> None:
    assert house.modules_without_tests_of_their_name() == ()


@pytest.mark.parametrize("kind", house.KINDS)
def test_the_language_has_few_markers_of_stilted_english(kind: str) -> None:
    _, found = house.markers(house.KINDS[kind]())
    assert {marker: each for marker, each in found.items() if each > house.MARKERS_MAX} == {}
