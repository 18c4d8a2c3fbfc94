"""Commands to copy: each value reaches the AWS CLI as it is (tests/remedies/test_values.py asks the real one)."""

import json
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.checks.examine import examine
from pullguard.checks.older_revision import instead_of_a_copy
from pullguard.domain.aws_cli import command, in_order, on_secret, redeploying, tags_option
from pullguard.domain.findings import Remedy
from pullguard.domain.lookup import NotAsked
from pullguard.domain.usage import ScheduleUse, Usage
from pullguard.planning.schedules import pins
from tests.fakes import World, container, revision_arn, role, secret, service, task_definition

SHORTHAND = {
    "a-host": "ghcr.io",
    "a-port": "registry.example.com:5000",
    "two-hosts": "ghcr.io quay.io",
    "true": "true",
}
JSON = {
    "patterns-with-a-comma": "api-*,web-* web-execution",
    "an-equals-sign": "a,b=c",
    "an-address": "[::1]:5000",
    "braces": "{a}",
    "quotes": 'it\'s "so"',
    "a-tab": "a\tb",
    "a-backslash": "a\\b",
    "an-at-sign": "web@example.com",
    "nothing": "",
    "beyond-ascii": "r\u00f4le",
}


@pytest.mark.parametrize("value", SHORTHAND.values(), ids=SHORTHAND)
def test_values_that_the_shorthand_accepts_are_written_in_it(value: str) -> None:
    assert tags_option({"pullguard:roles": value}) == ("--tags", f"Key=pullguard:roles,Value={value}")


@pytest.mark.parametrize("value", JSON.values(), ids=JSON)
def test_values_that_have_a_meaning_in_the_shorthand_are_written_as_json(value: str) -> None:
    option, *texts = tags_option({"pullguard:registry": "ghcr.io", "pullguard:roles": value})
    assert option == "--tags"
    assert [json.loads(text) for text in texts] == [
        [{"Key": "pullguard:registry", "Value": "ghcr.io"}, {"Key": "pullguard:roles", "Value": value}]
    ]


def test_a_value_that_begins_with_a_hyphen_is_joined_to_its_option() -> None:
    assert shlex.split(command("iam", "get-role", ("--role-name", "--help"))) == [
        *("aws", "iam", "get-role", "--role-name=--help")
    ]
    assert " --version-id=-1 " in f"{on_secret(secret(), 'get-secret-value', ('--version-id', '-1'))} "
    assert " --service=-web " in redeploying("us-east-1", "main", "-web")


def test_an_older_revisions_service_may_begin_with_a_hyphen() -> None:
    usage = Usage(newest=False, latest=revision_arn("web", 8), services=(service("-web"),))
    facts = World((task_definition(container(secret())),), running=usage).facts()
    moved = instead_of_a_copy(Remedy(action="reregister", text="x"), facts)
    assert " --service=-web " in str(moved.snippet)


PINNED = revision_arn("web", 7)
RULES = {
    "rule": (
        ScheduleUse(kind="rule", name="-nightly", within="1", task_definition=PINNED),
        ("--rule=-nightly",),
    ),
    "schedule": (
        ScheduleUse(kind="schedule", name="-a", within="-b", task_definition=PINNED),
        ("--name=-a", "--group-name=-b"),
    ),
}


@pytest.mark.parametrize(("use", "options"), RULES.values(), ids=RULES)
def test_a_rule_and_a_schedule_may_begin_with_a_hyphen(use: ScheduleUse, options: tuple[str, ...]) -> None:
    (refusal,) = pins((use,), revision_arn("web", 7), revision_arn("web", 8))
    assert all(f" {option} " in str(refusal.snippet) for option in options)


def test_an_offline_reference_may_begin_with_a_hyphen() -> None:
    facts = World((task_definition(container("--help")),), (role(),)).facts()
    (found,) = (
        each
        for each in examine(replace(facts, secrets={"--help": NotAsked(why="offline", switch="go online")})).findings
        if each.check == "reference-not-full-arn"
    )
    assert " --secret-id=--help " in str(found.remedy.snippet)


# --- Whatever a name is ------------------------------------------------------------------------------------------

NAMES = st.text("abz019/_+=.@-!,", min_size=1, max_size=20)


@given(NAMES)
def test_a_legal_name_stays_one_argument(name: str) -> None:
    words = shlex.split(command("iam", "get-role", ("--role-name", name)))
    assert words in (["aws", "iam", "get-role", "--role-name", name], ["aws", "iam", "get-role", f"--role-name={name}"])
    assert not words[-1].startswith("-") or words[-1].startswith("--role-name=")


@pytest.mark.parametrize(
    ("commands", "text"),
    [((), ""), (("a", "b"), "a &&\nb"), (("a", None, "", "b"), "a &&\nb"), (("a",), "a")],
)
def test_commands_run_in_order(commands: tuple[str | None, ...], text: str) -> None:
    assert in_order(*commands) == text
