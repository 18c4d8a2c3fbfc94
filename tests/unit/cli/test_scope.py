"""The filters of an audit."""

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.scope import Scope, values_to_read


@pytest.mark.parametrize(("choice", "values"), [(None, "opted-in"), (True, "all"), (False, "never")])
def test_values_to_read(choice: bool | None, values: str) -> None:
    assert values_to_read(choice) == values


@pytest.mark.parametrize(
    ("families", "wanted", "prefix"),
    [
        ((), True, None),
        (("web",), False, "web"),
        (("web-*",), True, "web-"),
        (("*-api",), True, None),
        (("web-[ab]pi",), True, "web-"),
        (("WEB-*",), False, "WEB-"),
        (("cron", "web-*"), True, None),
    ],
)
def test_patterns_select_families_and_only_one_has_a_prefix(
    families: tuple[str, ...], wanted: bool, prefix: str | None
) -> None:
    scope = Scope(families=families)
    assert (scope.wants("web-api"), scope.prefix) == (wanted, prefix)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(), ""),
        (Scope(severity="error", live_registry=True), ""),
        (Scope(families=("web",)), "family web"),
        (Scope(families=("web", "api"), clusters=("prod",)), "families web, api; cluster prod"),
        (Scope(checks=CHECKS[:2]), f"checks {CHECKS[0].id}, {CHECKS[1].id}"),
    ],
)
def test_only_filters_are_named(scope: Scope, words: str) -> None:
    assert scope.words == words


def test_all_checks_are_an_empty_list_in_json() -> None:
    assert Scope().to_dict()["checks"] == []
    assert Scope(checks=CHECKS[:1]).to_dict()["checks"] == [CHECKS[0].id]
