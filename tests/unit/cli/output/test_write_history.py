"""The history as text."""

import json

import pytest

from pullguard.domain.policy_document import POLICY_NAME
from pullguard.domain.role_item import WriteOutcome
from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import Stack
from tests.unit.cli.writes import (
    ONE,
    OWN_POLICY,
    THREE,
    TWO,
    policy,
    record_as_before,
    record_only,
    versions,
    write,
    written,
)


@pytest.fixture
def stack(aws: None) -> Stack:
    return written()


def test_a_table_names_granted_and_revoked_secrets(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO), policy(TWO))
    out = run("history", "--format", "text").out
    for text in ("+ one-AbCdEf", "- one-AbCdEf", "+ two-AbCdEf", "web-execution", "for web:7", *versions(run)):
        assert text in out


def test_a_role_is_shown_with_the_diff_of_each_write(run: Run, stack: Stack) -> None:
    out = run("history", "web-execution", "--format", "text").out
    assert '+        "arn:aws:secretsmanager:us-east-1:123456789012:secret:two-AbCdEf"' in out
    assert f"--- {OWN_POLICY} (before)" in out
    assert f"--- {POLICY_NAME} (before)" not in out


def test_a_write_of_an_earlier_version_is_shown_with_the_name_that_the_policy_had(run: Run, stack: Stack) -> None:
    record_as_before(policy(ONE), policy(TWO))
    assert f"--- {POLICY_NAME} (before)" in run("history", "web-execution", "--format", "text").out
    names = [each["policy"] for each in json.loads(run("history", "web-execution").out)["writes"]]
    assert names == [POLICY_NAME, OWN_POLICY, OWN_POLICY]


@pytest.mark.parametrize(
    ("outcome", "shown", "said"),
    [
        ("refused", "refused", "refused by AWS, nothing was"),
        ("lost", "unknown", "outcome unknown"),
        ("planned", "unknown", "outcome unknown"),
    ],
)
def test_the_history_shows_the_outcome_of_a_write(
    run: Run, stack: Stack, outcome: WriteOutcome, shown: str, said: str
) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), outcome)
    assert [each["outcome"] for each in json.loads(run("history").out)["writes"]] == [shown, "written", "written"]
    for options in ((), ("web-execution",)):
        assert said in " ".join(run("history", *options, "--format", "text").out.split())
