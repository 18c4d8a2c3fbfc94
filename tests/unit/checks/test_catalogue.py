"""The catalogue: what each check says of itself. Ids, severities and fixes are public: docs/findings.md holds them."""

from itertools import groupby

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import GATES, Check
from pullguard.domain.diagnosis import EXPLANATIONS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_says_when_it_fails_and_rests_on_a_page(check: Check) -> None:
    assert check.source.startswith(("https://docs.aws.amazon.com/", "https://docs.docker.com/"))
    assert check.fails_when[:1] == check.fails_when[:1].strip()
    assert len(check.fails_when) > len("it fails")
    assert not check.fails_when.endswith(".")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_says_what_it_needs_and_how_to_fix_it(check: Check) -> None:
    assert check.needs.strip()
    assert check.remedy.strip()
    assert not [each for each in (check.needs, check.remedy) if each.endswith(".")]


def test_the_checks_follow_the_gates_of_a_pull_group_by_group() -> None:
    groups = [group for group, _ in groupby(check.group for check in CHECKS)]
    assert groups == list(dict.fromkeys(info.group for info in GATES.values()))


@pytest.mark.parametrize("check", [each for each in CHECKS if each.severity == "warning"], ids=lambda check: check.id)
def test_a_warning_with_a_fix_says_that_only_errors_are_fixed(check: Check) -> None:
    """The planner leaves alone what works today (``planner.make_plan``)."""
    said = check.fix_words
    assert check.fix == "none" if said is None else ("where it is an error" in said and "reported" in said)


def test_stopped_task_explanations_name_existing_checks() -> None:
    named = {check for explanation in EXPLANATIONS for check in explanation.checks}
    assert named
    assert named <= {check.id for check in CHECKS}
