"""A rollback: the policy, the record, the hold and the grant records."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pullguard.aws.iam import Iam
from pullguard.domain.policy_document import Granted
from pullguard.domain.stop import Stop
from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import Stack
from tests.unit.cli.writes import (
    ONE,
    ROLE,
    TASK_DEFINITION,
    THEIRS,
    THREE,
    TWO,
    policy,
    record_only,
    standing,
    versions,
    write,
    written,
)


@pytest.fixture
def stack(aws: None) -> Stack:
    return written()


BACK_TO: dict[str, tuple[Any, str | None, tuple[Granted, ...]]] = {
    "before-the-newest": (lambda _: (), policy(ONE), (ONE,)),
    "the-first-version": (lambda known: ("--to", known[1]), policy(ONE), (ONE,)),
    "no-policy": (lambda _: ("--to", "none"), None, ()),
}


@pytest.mark.parametrize(("options", "after", "granted"), BACK_TO.values(), ids=BACK_TO)
def test_the_policy_and_the_grant_records_are_restored(
    run: Run, stack: Stack, options: Any, after: str | None, granted: tuple[Granted, ...]
) -> None:
    ran = run("rollback", "web-execution", "--yes", *options(versions(run)))
    assert (ran.code, ran.err, standing()) == (0, "", after)
    assert stack.ledger.roles.granted(ROLE) == granted
    written = stack.ledger.roles.writes(ROLE)[-1]
    assert (written.cause, written.before, written.after) == ("Rollback", policy(ONE, TWO), after)
    assert written.by.startswith("arn:aws:")


def test_a_rollback_can_be_rolled_back(run: Run, stack: Stack) -> None:
    run("rollback", "web-execution", "--yes", "--to", "none")
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO)
    grant_records = stack.ledger.roles.grant_records(ROLE)
    assert {each.granted for each in grant_records} == {ONE, TWO}
    assert {each.task_definition for each in grant_records} == {TASK_DEFINITION}


def test_a_rollback_holds_the_role(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution", "--yes", "--reason", "too wide")
    hold = stack.ledger.roles.hold(ROLE)
    assert isinstance(hold, Stop)
    assert hold.reason == "too wide"
    assert "pullguard resume web-execution" in ran.out
    (reported,) = json.loads(run("history").out)["holds"]
    assert (reported["role"], reported["reason"]) == (str(ROLE), "too wide")
    assert run("resume", "web-execution", "--yes").code == 0
    assert stack.ledger.roles.hold(ROLE) is None


def test_an_existing_hold_is_kept(run: Run, stack: Stack) -> None:
    before = Stop(by="ada", at="yesterday", reason="hers")
    stack.ledger.roles.save_hold(ROLE, before)
    run("rollback", "web-execution", "--yes")
    assert stack.ledger.roles.hold(ROLE) == before


def test_an_unchanged_policy_is_not_written_but_held(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[0])
    assert ran.code == 0
    assert "already matches" in ran.out
    assert len(stack.ledger.roles.writes(ROLE)) == 2
    assert stack.ledger.roles.hold(ROLE) is not None


def test_a_concurrent_write_is_reported(run: Run, stack: Stack) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "unknown", at=datetime.now(UTC))
    ran = run("rollback", "web-execution", "--yes")
    assert ran.code == 2
    assert "or still runs" in ran.err
    assert stack.ledger.roles.hold(ROLE) is not None


def test_a_policy_that_differs_after_the_write_is_reported(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Iam, "put_role_policy", lambda *_: None)  # as if another writer overwrote it
    ran = run("rollback", "web-execution", "--yes")
    assert ran.code == 2
    assert "IAM returns another one" in " ".join(ran.err.split())


def test_the_next_rollback_completes_an_interrupted_one(run: Run, stack: Stack) -> None:
    first = versions(run)[1]
    run("rollback", "web-execution", "--yes", "--to", first)
    stack.ledger.roles.keep_grants(ROLE, (TWO,), task_definition=TASK_DEFINITION)  # as if it had died just before
    assert run("rollback", "web-execution", "--yes", "--to", first).code == 0
    assert stack.ledger.roles.granted(ROLE) == (ONE,)


def test_a_grant_of_another_stack_is_restored_without_a_record(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO, THEIRS), policy(ONE), ONE)
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO, THEIRS)
    assert set(stack.ledger.roles.granted(ROLE)) == {ONE, TWO}
