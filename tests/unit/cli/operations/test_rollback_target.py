"""The version that a rollback restores, and objections to it."""

import json
from datetime import timedelta

import pytest

from pullguard.domain.policy_document import POLICY_NAME, policy_document
from pullguard.domain.role_item import WriteOutcome
from tests.fakes import NOW
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack
from tests.unit.cli.writes import (
    ONE,
    OWN_POLICY,
    ROLE,
    THEIRS,
    THREE,
    TWO,
    created,
    policy,
    put,
    record_as_before,
    record_only,
    standing,
    versions,
    written,
)


@pytest.fixture
def stack(aws: None) -> Stack:
    return written()


@pytest.mark.parametrize("outcome", ["refused", "lost", "planned"])
def test_writes_without_effect_are_skipped(run: Run, stack: Stack, outcome: WriteOutcome) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), outcome)
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing()) == (0, policy(ONE))
    assert stack.ledger.roles.hold(ROLE) is not None


def test_a_refused_version_cannot_be_restored(run: Run, stack: Stack) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "refused")
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[0])
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert "it changed nothing" in ran.err


def test_an_unrecorded_policy_needs_a_named_version(run: Run, stack: Stack) -> None:
    put(policy(THREE))
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing(), stack.ledger.roles.hold(ROLE)) == (2, policy(THREE), None)
    for choice in ("--to none", *versions(run)):
        assert choice in " ".join(ran.err.split())
    assert run("rollback", "web-execution", "--yes", "--to", versions(run)[1]).code == 0
    assert standing() == policy(ONE)


def test_missing_consent_is_shown_before_a_grant_is_restored(run: Run, stack: Stack) -> None:
    out = " ".join(run("rollback", "web-execution", "--yes").out.split())
    assert "would not grant this now: the role web-execution is not opted in" in out
    in_account("iam").tag_role(RoleName="web-execution", Tags=[{"Key": "pullguard:managed", "Value": "true"}])
    in_account("secretsmanager").create_secret(Name="one", SecretString="{}")
    out = " ".join(run("rollback", "web-execution", "--yes", "--to", versions(run)[1]).out.split())
    assert "the secret one-AbCdEf no longer exists" in out
    assert "the secret two-AbCdEf no longer exists" in out


def test_grants_of_a_deleted_role_of_the_same_name_are_shown(run: Run, stack: Stack) -> None:
    created(NOW.replace(minute=2) + timedelta(days=1))
    oldest = versions(run)[-1]
    out = " ".join(run("rollback", "web-execution", "--yes", "--to", oldest).out.split())
    assert "to an earlier role named web-execution" in out


def test_grants_of_this_role_are_distinct_from_those_of_an_earlier_one(run: Run, stack: Stack) -> None:
    created(NOW.replace(minute=1))
    out = " ".join(run("rollback", "web-execution", "--yes", "--to", versions(run)[-1]).out.split())
    assert "to an earlier role" not in out


def test_foreign_statements_in_a_record_are_never_written(run: Run, stack: Stack) -> None:
    admin = {"Sid": "X", "Effect": "Allow", "Action": "*", "Resource": "*"}
    document = policy_document([ONE])
    planted = json.dumps({**document, "Statement": [*document["Statement"], admin]})
    record_as_before(None, planted, at=NOW)
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[-1])
    assert standing() == policy(ONE)
    assert "Not restored" in ran.out


def test_a_write_to_the_policy_of_the_former_name_is_not_a_version_of_ours(run: Run, stack: Stack) -> None:
    record_only(stack, policy(ONE, THEIRS), policy(THEIRS), "done", policy_name=POLICY_NAME)
    in_account("iam").delete_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[0])
    assert (ran.code, standing()) == (2, None)
    assert f"is a write to {POLICY_NAME}" in " ".join(ran.err.split())
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing()) == (2, None)
    assert "was not made by any recorded write" in " ".join(ran.err.split())


def test_a_version_from_before_the_policy_had_this_name_can_be_restored(run: Run, stack: Stack) -> None:
    record_as_before(None, policy(THREE), at=NOW)
    assert run("rollback", "web-execution", "--yes", "--to", versions(run)[-1]).code == 0
    assert standing() == policy(THREE)
