"""samconfig.toml: three environments, and nothing in them that the template does not know."""

import tomllib
from typing import Any

import pytest

from tests.contract.cloudformation import ROOT, load

CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
PARAMETERS: dict[str, dict[str, Any]] = load().data["Parameters"]
ENVIRONMENTS = ("local", "dev", "prod")


def overrides(environment: str, command: str) -> dict[str, str]:
    text = CONFIG[environment].get(command, {}).get("parameters", {}).get("parameter_overrides", "")
    return dict(pair.split("=", 1) for pair in text.split())


def test_there_are_three_environments_beside_the_one_that_asks() -> None:
    assert set(CONFIG) == {"version", "default", *ENVIRONMENTS}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("command", ["deploy", "sync"])
def test_it_sets_parameters_that_exist_to_values_that_are_allowed(environment: str, command: str) -> None:
    for name, value in overrides(environment, command).items():
        assert value in map(str, PARAMETERS[name].get("AllowedValues", [value]))


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_environment_in_an_account_writes_before_somebody_says_so(environment: str) -> None:
    assert overrides(environment, "deploy")["Mode"] == "observe"


def test_production_asks_before_it_changes_anything() -> None:
    assert CONFIG["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_environments_of_one_account_do_not_share_a_stack() -> None:
    assert CONFIG["dev"]["global"]["parameters"]["stack_name"] != CONFIG["prod"]["global"]["parameters"]["stack_name"]
