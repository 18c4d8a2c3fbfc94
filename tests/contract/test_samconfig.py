"""samconfig.toml: environments, with nothing in them that the template does not know, and where `make` lets them go."""

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
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
def test_no_environment_remediates_by_default(environment: str) -> None:
    """Not even ``local``: sam takes it to an account where nothing says that it is the embedded AWS."""
    assert {"Mode": PARAMETERS["Mode"]["Default"], **overrides(environment, "deploy")}["Mode"] == "observe"
    assert overrides(environment, "deploy").keys() <= {"Mode", "LogLevel"}


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_an_upgrade_resets_no_parameter(environment: str) -> None:
    """samconfig.toml sets its values at each deployment and overrides earlier ones; only dev may be reset."""
    assert overrides(environment, "deploy") == {}


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


@pytest.mark.parametrize("target", ["deploy-where", "remove-where"])
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
def test_local_is_refused_where_it_is_not_this_machine(variables: dict[str, str], target: str) -> None:
    ran = make(target, "ENV=local", **variables)
    assert ran.returncode != 0
    assert "make demo KEEP=1" in ran.stderr


@pytest.mark.parametrize("target", ["deploy-where", "remove-where"])
@pytest.mark.parametrize("endpoint", [EMBEDDED, "http://localhost:4566/", "http://[::1]:4566"])
def test_local_is_let_through_on_this_machine(endpoint: str, target: str) -> None:
    ran = make(target, "ENV=local", AWS_ENDPOINT_URL=endpoint)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a target with a SAM CLI that prints the keys that it is given and its arguments; return the last line."""
    sam = tmp_path / "prints"
    sam.write_text(
        '#!/bin/bash\necho "${AWS_ACCESS_KEY_ID:-} ${AWS_PROFILE:-} ${AWS_IGNORE_CONFIGURED_ENDPOINT_URLS:-}"\n'
        "printf '<%s>' \"$@\"\necho\n",
        encoding="utf-8",
    )
    sam.chmod(0o755)

    def ask(*arguments: str, **variables: str) -> list[str]:
        where = {"AWS_ENDPOINT_URL": EMBEDDED, "AWS_PROFILE": "mine", **variables}
        ran = make("-o", "build", *arguments, f"SAM_CLI={sam}", **where)
        assert ran.returncode == 0, ran.stderr
        keys, command = [line for line in ran.stdout.splitlines() if "<list>" not in line][:2]
        return [" ".join(keys.split()), *command[1:-1].split("><")]

    return ask


def test_local_goes_out_with_the_embedded_aws_key_and_into_the_demos_stack(asked: Callable[..., list[str]]) -> None:
    demo = ["--stack-name", "pullguard", "--no-confirm-changeset", "--parameter-overrides"]
    assert asked("deploy", "ENV=local") == [
        "test false",
        *("deploy", "--no-fail-on-empty-changeset", "--config-env", "local"),
        *demo,
        "Mode=remediate MoveServices=true",
    ]
    assert asked("deploy", "ENV=local", "PARAMETERS=Mode=observe")[-2:] == ["--parameter-overrides", "Mode=observe"]


def test_local_is_removed_with_the_embedded_aws_key(asked: Callable[..., list[str]]) -> None:
    command = ["delete", "--config-env", "local", "--stack-name", "pullguard", "--no-prompts"]
    assert asked("remove", "ENV=local") == ["test false", *command]


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize(
    ("target", "command"), [("deploy", ["deploy", "--no-fail-on-empty-changeset"]), ("remove", ["delete"])]
)
def test_an_account_is_given_the_environments_own_settings_alone(
    asked: Callable[..., list[str]], environment: str, target: str, command: list[str]
) -> None:
    assert asked(target, f"ENV={environment}") == ["mine", *command, "--config-env", environment]


@pytest.mark.parametrize("target", ["deploy-where", "remove-where"])
def test_an_environment_that_there_is_not_is_refused(target: str) -> None:
    ran = make(target, "ENV=production")
    assert ran.returncode != 0
    assert "ENV is local, dev or prod" in ran.stderr


def test_parameters_reach_sam_as_they_were_given(asked: Callable[..., list[str]]) -> None:
    given = 'Mode=remediate ManagedRolePattern=*-execution SweepSchedule="rate(1 hour)" LogLevel=`false`; false'
    command = ["deploy", "--no-fail-on-empty-changeset", "--config-env", "prod", "--parameter-overrides"]
    assert asked("deploy", "ENV=prod", f"PARAMETERS={given}")[1:] == [*command, given]


# --- without ENV: a first deployment asks, and what it was answered is remembered beside samconfig.toml ---

SAM = """#!/bin/bash
# A stand-in for the SAM CLI: what it is told to answer, and what it would write.
echo "$@" >> "$LOG"
answers=$(echo "$*" | sed -n 's/.*--config-file \\([^ ]*\\).*/\\1/p')
case "$1" in
  list) grep -qx there "$STACK" && printf '[\n  {\n    "OutputKey": "LedgerTable"\n  }%s\n]' "$MORE";;
  delete) [ "$SAYS" = no ] || echo gone > "$STACK";;
  deploy) [ "$SAYS" = abort ] && exit 1
    [[ "$*" != *--guided* ]] \\
      || printf '%s = "%s"\\n' stack_name own region eu-west-1 parameter_overrides Mode=remediate >> "$answers"
    [ "$SAYS" = no ] || echo there > "$STACK";;
esac
"""


class Directory:
    """A directory for deployments without ENV, with a fake SAM CLI that returns prepared answers."""

    def __init__(self, path: Path) -> None:
        self.answers, self._stack, self._log, self._sam = (path / each for each in ("a.toml", "stack", "log", "sam"))
        self._sam.write_text(SAM, encoding="utf-8")
        self._sam.chmod(0o755)
        self._stack.write_text("", encoding="utf-8")

    def make(self, target: str, *, says: str = "yes", outputs: str = "") -> "subprocess.CompletedProcess[str]":
        variables = {"LOG": str(self._log), "STACK": str(self._stack), "SAYS": says, "MORE": outputs}
        return make("-o", "build", target, f"ANSWERS={self.answers}", f"SAM_CLI={self._sam}", **variables)

    @property
    def kept(self) -> list[str]:
        return [line.partition(" = ")[0] for line in self.answers.read_text(encoding="utf-8").splitlines()]

    @property
    def asked(self) -> list[str]:
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith("list")]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def test_a_first_deployment_says_so_asks_and_keeps_the_answers_but_for_the_parameters(directory: Directory) -> None:
    ran = directory.make("deploy")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (0, 1)
    assert ran.stderr.startswith("A first deployment: ")
    assert "--guided" in directory.asked[0]
    assert directory.kept == ["version", "stack_name", "region"]
    assert list(directory.answers.parent.glob("a.toml.*")) == []


def test_the_next_one_asks_for_nothing_and_names_no_parameter(directory: Directory) -> None:
    directory.make("deploy")
    ran = directory.make("deploy")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert directory.asked[1:] == [f"deploy --no-fail-on-empty-changeset --config-file {directory.answers}"]


def test_a_stack_that_remediates_with_open_patterns_is_deployed_with_a_warning(directory: Directory) -> None:
    outputs = ',\n {"OutputKey": "OpenPatterns",\n  "OutputValue": "ManagedRolePattern AnotherPattern ",\n  "x": "y"}'
    for first in (True, False):
        ran = directory.make("deploy", outputs=outputs)
        *before, warning = ran.stderr.splitlines()
        assert (ran.returncode, len(before)) == (0, first)
        assert warning.startswith("Warning: Mode=remediate with patterns of * (any): ")
        assert ": ManagedRolePattern AnotherPattern. Narrow them" in warning


def test_answers_that_were_given_up_are_not_kept(directory: Directory) -> None:
    assert directory.make("deploy", says="abort").returncode != 0
    assert not directory.answers.exists()


def test_parameters_are_kept_until_the_stack_has_them(directory: Directory) -> None:
    directory.make("deploy", says="no")  # to the change set
    assert "parameter_overrides" in directory.kept
    directory.make("deploy")
    assert "parameter_overrides" not in directory.kept


def test_a_stack_deployed_without_env_is_removed_without_env(directory: Directory) -> None:
    directory.make("deploy")
    directory.make("remove", says="no")
    assert directory.answers.exists()
    assert directory.make("remove").returncode == 0
    assert directory.asked[-1] == f"delete --config-file {directory.answers} --stack-name own"
    assert not directory.answers.exists()


def test_without_a_deployment_without_env_nothing_is_removed(directory: Directory) -> None:
    ran = directory.make("remove")
    assert ran.returncode != 0
    assert "make remove ENV=prod" in ran.stderr


def test_the_answers_leave_the_tree_clean() -> None:
    assert "/samconfig.guided.toml" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "ANSWERS := $(CURDIR)/samconfig.guided.toml" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("environment", ["local", "production"])
def test_only_the_logs_of_an_account_are_followed(environment: str) -> None:
    ran = make("logs-where", f"ENV={environment}")
    assert ran.returncode != 0
    assert "ENV is dev or prod" in ran.stderr


@pytest.mark.parametrize("environment", ["", "dev", "prod"])
def test_logs_are_those_of_the_environment(asked: Callable[..., list[str]], environment: str) -> None:
    command = ["logs", "--tail", "--config-env", environment or "dev"]
    assert asked("logs", f"ENV={environment}")[1:] == command
    assert asked("logs", f"ENV={environment}", "NAME=ResolveChangeFunction")[1:] == [
        *command,
        "--name",
        "ResolveChangeFunction",
    ]


@pytest.mark.parametrize("environment", ["local", "prod", "production"])
@pytest.mark.parametrize("target", ["sync", "sync-where"])
def test_only_your_own_stack_is_synced(environment: str, target: str) -> None:
    ran = make(target, f"ENV={environment}")
    assert ran.returncode != 0
    assert "ENV=dev alone" in ran.stderr


def test_your_own_stack_is_synced_as_you_save(asked: Callable[..., list[str]]) -> None:
    assert asked("sync")[1:] == asked("sync", "ENV=dev")[1:] == ["sync", "--watch", "--config-env", "dev"]
