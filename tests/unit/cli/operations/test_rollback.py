"""A rollback: the policy, the record, the hold and the grant records."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pullguard.aws.iam import Iam
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, read_own
from pullguard.domain.role_item import RUN_MAX, SHOWS_AFTER
from pullguard.domain.role_policy import STRANGER, Need, Needs, RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState, own_grants
from pullguard.domain.stop import Stop
from pullguard.store.roles import RoleStore
from tests.fakes import NOW
from tests.unit.cli.conftest import Run
from tests.unit.cli.deployed import Stack, create_stack
from tests.unit.cli.writes import (
    ONE,
    OWN_POLICY,
    ROLE,
    TASK_DEFINITION,
    THEIRS,
    THREE,
    TWO,
    policy,
    put,
    record,
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
    grant_records = stack.ledger.roles.item(ROLE).grants
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


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a rollback made, none of which takes any time."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_a_run_that_may_still_write_is_waited_for(
    run: Run, stack: Stack, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "planned", at=datetime.now(UTC))

    def end(seconds: float) -> None:
        """Make and close the write, as its run does."""
        slept.append(seconds)
        put(policy(ONE, TWO, THREE))
        item = stack.ledger.roles.item(ROLE)
        writes = tuple(replace(each, outcome="done") if each.outcome == "planned" else each for each in item.writes)
        grants = (*item.grants, record(THREE))
        assert stack.ledger.roles.replace(ROLE, item, replace(item, writes=writes, grants=grants))

    monkeypatch.setattr(time, "sleep", end)
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing(), len(slept)) == (0, policy(ONE), 1)
    assert "A run may still write to the role" in ran.out
    assert stack.ledger.roles.writes(ROLE)[-1].before == policy(ONE, TWO, THREE)
    assert stack.ledger.roles.granted(ROLE) == (ONE,)
    assert stack.ledger.roles.hold(ROLE) is not None


def test_a_run_that_died_is_waited_for_no_longer_than_it_can_write(run: Run, stack: Stack, slept: list[float]) -> None:
    at = datetime.now(UTC) - RUN_MAX
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "planned", at=at)
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing(), slept) == (0, policy(ONE), [])
    assert [each.outcome for each in stack.ledger.roles.item(ROLE).writes if each.id == "m-3"] == ["planned"]


def test_a_run_that_changes_the_item_meanwhile_is_reported_and_nothing_is_written(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = RoleStore.replace
    monkeypatch.setattr(
        RoleStore, "replace", lambda self, role, known, new: not new.writes[2:] and replaced(self, role, known, new)
    )
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert "Another run changed what the ledger keeps" in " ".join(ran.err.split())
    assert stack.ledger.roles.hold(ROLE) is not None


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling"])
def test_the_outcome_of_a_write_that_iam_does_not_take_is_recorded(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    error: Exception = Denied("iam:PutRolePolicy", str(ROLE), code) if code == "AccessDenied" else NotNow(code)

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Iam, "put_role_policy", refuse)
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert code in ran.err
    made = stack.ledger.roles.item(ROLE).writes[-1]
    assert (made.outcome, made.after) == ("refused" if code == "AccessDenied" else "planned", (ONE,))
    assert set(stack.ledger.roles.granted(ROLE)) == {ONE, TWO}


def test_statements_of_others_in_our_policy_stay(run: Run, stack: Stack) -> None:
    theirs = {"Sid": "Theirs", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = policy_document([ONE, TWO])
    put(json.dumps({**document, "Statement": [*document["Statement"], theirs]}))
    ran = run("rollback", "web-execution", "--yes", "--to", "none")
    left = standing()
    assert ran.code == 0
    assert left is not None
    assert json.loads(left)["Statement"] == [theirs]
    assert "Stays, because Pullguard did not write it" in ran.out


def test_a_policy_of_our_name_that_is_not_ours_is_left_alone(run: Run, stack: Stack) -> None:
    put(json.dumps({**policy_document([ONE]), "Id": "theirs"}))
    before = standing()
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing(), stack.ledger.roles.hold(ROLE)) == (2, before, None)
    assert "is not a policy that Pullguard writes" in " ".join(ran.err.split())


def test_a_rollback_waits_until_the_grants_have_left_the_policy_of_the_former_name(run: Run, stack: Stack) -> None:
    put(policy(ONE, THEIRS), POLICY_NAME)
    ran = run("rollback", "web-execution", "--yes", "--to", "none")
    assert (ran.code, standing(), stack.ledger.roles.hold(ROLE)) == (2, policy(ONE, TWO), None)
    assert f"{POLICY_NAME} on {ROLE} still has grants of this stack" in " ".join(ran.err.split())
    put(policy(THEIRS), POLICY_NAME)  # what another stack has there is not ours to wait for
    assert run("rollback", "web-execution", "--yes", "--to", "none").code == 0


def test_a_stack_of_another_name_has_a_policy_of_its_own(run: Run, stack: Stack) -> None:
    create_stack("prod")
    ran = run("rollback", "web-execution", "--yes", "--stack", "prod", "--to", "none")
    assert (ran.code, standing()) == (0, policy(ONE, TWO))
    assert f"{OWN_POLICY}-prod on web-execution already matches" in " ".join(ran.out.split())


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
    item = stack.ledger.roles.item(ROLE)
    stack.ledger.roles.replace(ROLE, item, replace(item, grants=(*item.grants, record(TWO))))  # as if it had died
    assert run("rollback", "web-execution", "--yes", "--to", first).code == 0
    assert stack.ledger.roles.granted(ROLE) == (ONE,)


def test_a_grant_of_another_stack_is_restored_without_a_record(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO, THEIRS), policy(ONE))
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO, THEIRS)
    assert set(stack.ledger.roles.granted(ROLE)) == {ONE, TWO}


def later(stack: Stack) -> tuple[set[Granted], RolePolicyChange]:
    """Return the grants that are the stack's own once IAM shows the rollback, and what the stack then changes."""
    item, now = stack.ledger.roles.item(ROLE), datetime.now(UTC) + SHOWS_AFTER
    state = RoleState(
        created_at=NOW - timedelta(days=90),
        policy=OWN_POLICY,
        own=read_own(OWN_POLICY, standing()),
        grants=item.grants,
        writes=item.writes,
    )
    refused = Need(has_consent=False, is_named=False, why_not="an owner does not consent")
    needs = Needs(secrets={THEIRS.secret: refused}, is_complete=True)
    rules = RevocationRules(unneeded=True, without_consent=True, grace=timedelta())
    own = {each.granted for each in own_grants(state, now).values() if each.granted in state.own.grants}
    return own, role_policy_change(state, needs, rules, now)


STRANGERS: dict[str, tuple[str | None, str | None]] = {
    "it-stayed": (policy(ONE, TWO, THEIRS), policy(ONE, TWO, THREE, THEIRS)),
    "it-is-put-back": (policy(ONE, TWO, THEIRS), policy(ONE)),
}


@pytest.mark.parametrize("ends", ["closed", "died"])
@pytest.mark.parametrize("texts", STRANGERS.values(), ids=STRANGERS)
def test_a_grant_of_others_is_not_adopted_by_a_rollback(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch, texts: tuple[str | None, str | None], ends: str
) -> None:
    write(stack, 3, *texts)
    put_role_policy = Iam.put_role_policy

    def put_and_die(*parameters: Any) -> None:
        put_role_policy(*parameters)
        raise NotNow("IAM does not answer")

    if ends == "died":
        monkeypatch.setattr(Iam, "put_role_policy", put_and_die)
    assert run("rollback", "web-execution", "--yes").code == (2 if ends == "died" else 0)
    made = stack.ledger.roles.item(ROLE).writes[-1]
    assert made.outcome == ("planned" if ends == "died" else "done")
    assert made.strangers == (THEIRS.secret,)
    assert made.users == dict.fromkeys((str(ONE.secret), str(TWO.secret)), TASK_DEFINITION)
    assert standing() == texts[0]
    own, change = later(stack)
    assert own == {ONE, TWO}
    assert (change.kind, change.reported) == ("nothing", {THEIRS.secret: STRANGER})


def test_a_grant_of_others_that_a_rollback_put_back_is_not_adopted_by_the_next_one(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO, THEIRS), policy(ONE))
    run("rollback", "web-execution", "--yes")
    restored = versions(run)[0]
    assert "already matches" in run("rollback", "web-execution", "--yes", "--to", restored).out
    assert set(stack.ledger.roles.granted(ROLE)) == {ONE, TWO}
    run("rollback", "web-execution", "--yes", "--to", "none")
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO, THEIRS)
    own, _ = later(stack)
    assert own == set(stack.ledger.roles.granted(ROLE)) == {ONE, TWO}
