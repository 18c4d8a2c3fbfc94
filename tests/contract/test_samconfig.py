"""samconfig.toml: environments, with nothing in them that the template does not know, and where `make` lets them go."""

import os
import subprocess
import tomllib
from typing import Any

import pytest

from tests.contract.cloudformation import ROOT, load

CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
PARAMETERS: dict[str, dict[str, Any]] = load().data["Parameters"]
ENVIRONMENTS = ("local", "dev", "prod")
EMBEDDED = "http://127.0.0.1:4566"


def overrides(environment: str, command: str) -> dict[str, str]:
    text = CONFIG[environment].get(command, {}).get("parameters", {}).get("parameter_overrides", "")
    return dict(pair.split("=", 1) for pair in text.split())


def make(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run make in an environment that names no AWS but what is given here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**inherited, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_there_are_three_environments_beside_the_one_that_asks() -> None:
    assert set(CONFIG) == {"version", "default", *ENVIRONMENTS}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("command", ["deploy", "sync"])
def test_it_sets_parameters_that_exist_to_values_that_are_allowed(environment: str, command: str) -> None:
    for name, value in overrides(environment, command).items():
        assert value in map(str, PARAMETERS[name].get("AllowedValues", [value]))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_environment_writes_before_somebody_says_so(environment: str) -> None:
    """Not even ``local``: sam takes it to an account where nothing says that it is the embedded AWS."""
    assert overrides(environment, "deploy")["Mode"] == "observe"
    assert overrides(environment, "deploy").keys() <= {"Mode", "LogLevel"}


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_it_asks_before_it_changes_anything(environment: str) -> None:
    assert CONFIG[environment]["deploy"]["parameters"]["confirm_changeset"] is True


def test_environments_share_no_stack() -> None:
    stacks = [CONFIG[environment]["global"]["parameters"]["stack_name"] for environment in ENVIRONMENTS]
    assert len(set(stacks)) == len(stacks)
    prefixes = [CONFIG[environment]["deploy"]["parameters"]["s3_prefix"] for environment in ENVIRONMENTS]
    assert prefixes == stacks


@pytest.mark.parametrize("environment", ["default", *ENVIRONMENTS])
def test_it_has_settings_only_for_commands_that_work_with_them(environment: str) -> None:
    """`sam local` needs an image and variables that `make invoke` makes, and settings would promise them."""
    commands = CONFIG[environment].keys()
    assert not [command for command in commands if command.startswith("local")]


# --- where make lets them go: every case stops before anything is built, or is only printed (-n) ---


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="no endpoint: the account"),
        pytest.param({"AWS_ENDPOINT_URL": ""}, id="an empty one"),
        pytest.param({"AWS_ENDPOINT_URL": "https://cloudformation.us-east-1.amazonaws.com"}, id="AWS"),
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1:80@example.com"}, id="loopback as a user's name"),
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1.example.com:80"}, id="loopback as a part of a name"),
        pytest.param(
            {"AWS_ENDPOINT_URL": EMBEDDED, "AWS_ENDPOINT_URL_CLOUDFORMATION": "https://example.com"},
            id="another one for one service",
        ),
    ],
)
def test_local_is_refused_where_it_is_not_this_machine(variables: dict[str, str]) -> None:
    ran = make("deploy-where", "ENV=local", **variables)
    assert ran.returncode != 0
    assert "make demo KEEP=1" in ran.stderr


@pytest.mark.parametrize("endpoint", [EMBEDDED, "http://localhost:4566/", "http://[::1]:4566"])
def test_local_is_let_through_on_this_machine(endpoint: str) -> None:
    ran = make("deploy-where", "ENV=local", AWS_ENDPOINT_URL=endpoint)
    assert (ran.returncode, ran.stderr) == (0, "")


def deployment(environment: str) -> str:
    printed = make("-n", "deploy", f"ENV={environment}", AWS_ENDPOINT_URL=EMBEDDED).stdout.replace("\\\n", " ")
    assert printed.index("AWS_ENDPOINT_URL:-") < printed.index("sam build")  # asked before anything is done
    (line,) = (line for line in printed.splitlines() if "sam deploy" in line)
    return " ".join(line.split())


def test_local_goes_out_with_the_embedded_aws_key_and_into_the_demos_stack() -> None:
    line = deployment("local")
    assert "-u AWS_PROFILE -u AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test" in line
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false" in line
    assert "--stack-name pullguard --no-confirm-changeset --parameter-overrides Mode=remediate" in line


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_account_is_given_the_environments_own_settings_alone(environment: str) -> None:
    assert deployment(environment).endswith(f" sam deploy --config-env {environment}")


def test_an_environment_that_there_is_not_is_refused() -> None:
    ran = make("deploy-where", "ENV=production")
    assert ran.returncode != 0
    assert "ENV is local, dev or prod" in ran.stderr


@pytest.mark.parametrize("environment", ["local", "prod", "production"])
def test_only_your_own_stack_is_synced(environment: str) -> None:
    ran = make("sync-where", f"ENV={environment}")
    assert ran.returncode != 0
    assert "ENV=dev alone" in ran.stderr
    printed = make("-n", "sync", f"ENV={environment}").stdout
    assert printed.index("make sync is for ENV=dev alone") < printed.index("sam sync")
    assert printed.rstrip().endswith("--config-env dev")
