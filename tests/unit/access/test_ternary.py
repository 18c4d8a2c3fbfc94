"""Three values: true, false, unknown. Unknown never counts as either of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.access.ternary import Match, Unknown, every, negated, some

A, B = Unknown(keys=frozenset(("aws:a",))), Unknown(problems=("b is gone",))
BOTH = Unknown(keys=frozenset(("aws:a",)), problems=("b is gone",))
MATCHES = st.lists(st.sampled_from([True, False, A, B]), max_size=6)


def test_an_unknown_is_never_treated_as_true_or_false() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Unknown())


@pytest.mark.parametrize(
    ("matches", "all_of_them", "any_of_them"),
    [
        pytest.param((), True, False, id="nothing"),
        pytest.param((True, True), True, True, id="all-true"),
        pytest.param((False, False), False, False, id="all-false"),
        pytest.param((True, False), False, True, id="true-and-false"),
        pytest.param((A, True), A, True, id="unknown-and-true"),
        pytest.param((A, False), False, A, id="unknown-and-false"),
        pytest.param((A, B), BOTH, BOTH, id="two-unknowns"),
        pytest.param((A, True, False, B), False, True, id="everything"),
    ],
)
def test_every_and_some_over_three_values(matches: tuple[Match, ...], all_of_them: Match, any_of_them: Match) -> None:
    assert every(matches) == all_of_them
    assert some(matches) == any_of_them


@pytest.mark.parametrize(("match", "expected"), [(True, False), (False, True), (A, A)], ids=str)
def test_negation_leaves_unknown_alone(match: Match, expected: Match) -> None:
    assert negated(match) == expected


@given(MATCHES)
def test_every_is_some_negated(matches: list[Match]) -> None:
    assert every(matches) == negated(some([negated(match) for match in matches]))


@given(MATCHES)
def test_order_does_not_decide_which_value_it_is(matches: list[Match]) -> None:
    forward, backward = every(matches), every(reversed(matches))
    assert isinstance(forward, Unknown) is isinstance(backward, Unknown)
    assert not isinstance(forward, Unknown) or not isinstance(backward, Unknown) or forward.keys == backward.keys


def test_merged_unknowns_keep_each_problem_once_and_in_order() -> None:
    first, second = Unknown(problems=("x", "y")), Unknown(problems=("y", "z"))
    assert first.merged(second) == Unknown(problems=("x", "y", "z"))
    assert first.merged(None) is first
    assert first.merged(Unknown(problems=("x", "y"))) is first
