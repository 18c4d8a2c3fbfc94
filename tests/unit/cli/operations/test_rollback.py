import json
import sys
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from pullguard.aws.iam import Iam
from pullguard.domain.arn import Arn
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_policy import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.stop import Stop
from tests.fakes import NOW
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack, create

ROLE = Arn.parse("arn:aws:iam::123456789012:role/web-execution")
ONE, TWO, THEIRS = (
    Granted(secret=Arn.parse(f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"), key=None)
    for name in ("one", "two", "theirs")
)
TASK_DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7"


def policy(*grants: Granted) -> str | None:
    return render(policy_document(grants)) if grants else None


@pytest.fixture
def stack(aws: None) -> Stack:
    """A role to which two grants were written, one after the other."""
    in_account("iam").create_role(RoleName="web-execution", AssumeRolePolicyDocument="{}")
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName="theirs", PolicyDocument=policy(THEIRS))
    stack = create()
    write(stack, 1, policy(), policy(ONE))
    write(stack, 2, policy(ONE), policy(ONE, TWO))
    return stack


def write(stack: Stack, minute: int, before: str | None, after: str | None, *granted: Granted) -> None:
    """Write a policy as the patcher does."""
    at = NOW.replace(minute=minute)
    cause = Provenance(kind="RegisterTaskDefinition", event_id=f"e-{minute}", at=at).to_dict()
    record = {"before": before, "after": after, "task_definition": TASK_DEFINITION, "cause": cause}
    stack.ledger.record_write(ROLE, write_id=f"m-{minute}", record={**record, "outcome": "written"}, now=at)
    if after is not None:
        put(after)
    grants = granted or tuple(each for each in (ONE, TWO) if str(each.secret) in (after or ""))
    stack.ledger.keep_grants(ROLE, grants, task_definition=TASK_DEFINITION)


def put(document: str | None) -> None:
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY_NAME, PolicyDocument=document)


_LATER = NOW.replace(minute=3)


def record_only(stack: Stack, before: str | None, after: str | None, outcome: str, at: datetime = _LATER) -> None:
    """Leave the record of a write and nothing else, as a run does that IAM refuses or that dies."""
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-3", at=at).to_dict()
    record = {"before": before, "after": after, "task_definition": TASK_DEFINITION, "cause": cause}
    stack.ledger.record_write(ROLE, write_id="m-3", record={**record, "outcome": outcome}, now=at)


def standing() -> str | None:
    client = in_account("iam")
    assert "theirs" in client.list_role_policies(RoleName="web-execution")["PolicyNames"]
    try:
        found = client.get_role_policy(RoleName="web-execution", PolicyName=POLICY_NAME)["PolicyDocument"]
    except client.exceptions.NoSuchEntityException:
        return None
    return render(found)


def versions(run: Run) -> list[str]:
    """The versions, the newest first."""
    return [each["version"] for each in json.loads(run("history", "web-execution").out)["writes"]]


# --- History -----------------------------------------------------------------------------------------------------


def test_the_history_tells_of_each_write_the_newest_first(run: Run, stack: Stack) -> None:
    reported = json.loads(run("history").out)
    newest, oldest = reported["writes"]
    assert reported["schema_version"] == 2
    assert (newest["role"], newest["at"]) == (str(ROLE), NOW.replace(minute=2).isoformat())
    assert (newest["cause"], newest["event_id"], newest["by"]) == ("RegisterTaskDefinition", "e-2", "pullguard")
    assert newest["task_definition"] == TASK_DEFINITION
    assert (newest["before"], newest["after"]) == (policy_document([ONE]), policy_document([ONE, TWO]))
    assert (oldest["before"], oldest["after"]) == (None, policy_document([ONE]))


def test_the_history_of_a_role_is_its_own(run: Run, stack: Stack) -> None:
    assert len(json.loads(run("history", "web-execution").out)["writes"]) == 2
    assert json.loads(run("history", "other").out)["writes"] == []
    assert "No writes to other are recorded" in run("history", "other", "--format", "text").out


def test_a_table_names_what_came_and_went(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO), policy(TWO))
    out = run("history", "--format", "text").out
    for text in ("+ one-AbCdEf", "- one-AbCdEf", "+ two-AbCdEf", "web-execution", "for web:7", *versions(run)):
        assert text in out


def test_a_role_is_told_with_the_diff_of_each_write(run: Run, stack: Stack) -> None:
    out = run("history", "web-execution", "--format", "text").out
    assert '+        "arn:aws:secretsmanager:us-east-1:123456789012:secret:two-AbCdEf"' in out
    assert f"--- {POLICY_NAME} (before)" in out


def test_the_ledger_can_be_named_without_a_stack(run: Run, stack: Stack) -> None:
    in_account("cloudformation").delete_stack(StackName="pullguard")
    assert run("history").code == 2
    assert len(json.loads(run("history", "--table", "ledger").out)["writes"]) == 2


# --- Rollback ----------------------------------------------------------------------------------------------------

BACK_TO: dict[str, tuple[Any, str | None, tuple[Granted, ...]]] = {
    "before-the-newest": (lambda _: (), policy(ONE), (ONE,)),
    "the-first-version": (lambda known: ("--to", known[1]), policy(ONE), (ONE,)),
    "no-policy": (lambda _: ("--to", "none"), None, ()),
}


@pytest.mark.parametrize(("options", "after", "granted"), BACK_TO.values(), ids=BACK_TO)
def test_the_policy_is_what_it_was_and_the_ledger_agrees(
    run: Run, stack: Stack, options: Any, after: str | None, granted: tuple[Granted, ...]
) -> None:
    ran = run("rollback", "web-execution", "--yes", *options(versions(run)))
    assert (ran.code, ran.err, standing()) == (0, "", after)
    assert stack.ledger.granted(ROLE) == granted
    written = stack.ledger.writes(ROLE)[-1]
    assert (written.cause, written.before, written.after) == ("Rollback", policy(ONE, TWO), after)
    assert written.by.startswith("arn:aws:")


def test_a_rollback_is_itself_rolled_back(run: Run, stack: Stack) -> None:
    run("rollback", "web-execution", "--yes", "--to", "none")
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO)
    grant_records = stack.ledger.grant_records(ROLE)
    assert {each.granted for each in grant_records} == {ONE, TWO}
    assert {each.task_definition for each in grant_records} == {TASK_DEFINITION}


def test_the_role_is_held_from_then_on_and_the_history_says_so(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution", "--yes", "--reason", "too wide")
    hold = stack.ledger.hold(ROLE)
    assert isinstance(hold, Stop)
    assert hold.reason == "too wide"
    assert "pullguard resume web-execution" in ran.out
    (reported,) = json.loads(run("history").out)["holds"]
    assert (reported["role"], reported["reason"]) == (str(ROLE), "too wide")
    assert run("resume", "web-execution", "--yes").code == 0
    assert stack.ledger.hold(ROLE) is None


def test_somebody_elses_hold_stays(run: Run, stack: Stack) -> None:
    before = Stop(by="ada", at="yesterday", reason="hers")
    stack.ledger.save_hold(ROLE, before)
    run("rollback", "web-execution", "--yes")
    assert stack.ledger.hold(ROLE) == before


def test_the_diff_is_shown_before_anybody_agrees(run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = StringIO("n\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    ran = run("rollback", "web-execution")
    assert ran.code == 1
    assert '-        "arn:aws:secretsmanager:us-east-1:123456789012:secret:two-AbCdEf"' in ran.out
    assert standing() == policy(ONE, TWO)
    assert (stack.ledger.hold(ROLE), len(stack.ledger.writes(ROLE))) == (None, 2)


def test_without_a_terminal_and_a_yes_nothing_is_written(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert "--yes" in ran.err
    assert stack.ledger.hold(ROLE) is None


def test_what_is_so_already_is_not_written_again_and_held_all_the_same(run: Run, stack: Stack) -> None:
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[0])
    assert ran.code == 0
    assert "already matches" in ran.out
    assert len(stack.ledger.writes(ROLE)) == 2
    assert stack.ledger.hold(ROLE) is not None


# --- Writes that never came about ----------------------------------------------------------------------------------

THREE = Granted(secret=Arn.parse("arn:aws:secretsmanager:us-east-1:123456789012:secret:three-AbCdEf"), key=None)


@pytest.mark.parametrize("outcome", ["refused", "unknown"])
def test_a_write_that_never_came_about_is_not_what_is_undone(run: Run, stack: Stack, outcome: str) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), outcome)
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing()) == (0, policy(ONE))
    assert stack.ledger.hold(ROLE) is not None


@pytest.mark.parametrize(
    ("outcome", "said"), [("refused", "refused by AWS, nothing was"), ("unknown", "outcome unknown")]
)
def test_the_history_says_what_became_of_a_write(run: Run, stack: Stack, outcome: str, said: str) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), outcome)
    assert [each["outcome"] for each in json.loads(run("history").out)["writes"]] == [outcome, "written", "written"]
    for options in ((), ("web-execution",)):
        assert said in " ".join(run("history", *options, "--format", "text").out.split())


def test_nobody_goes_back_to_what_was_refused(run: Run, stack: Stack) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "refused")
    ran = run("rollback", "web-execution", "--yes", "--to", versions(run)[0])
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert "it changed nothing" in ran.err


def test_what_no_write_made_is_rolled_back_to_a_named_version_only(run: Run, stack: Stack) -> None:
    put(policy(THREE))
    ran = run("rollback", "web-execution", "--yes")
    assert (ran.code, standing(), stack.ledger.hold(ROLE)) == (2, policy(THREE), None)
    for choice in ("--to none", *versions(run)):
        assert choice in " ".join(ran.err.split())
    assert run("rollback", "web-execution", "--yes", "--to", versions(run)[1]).code == 0
    assert standing() == policy(ONE)


# --- The owners, and what stands afterwards ------------------------------------------------------------------------


def test_a_grant_to_which_an_owner_does_not_agree_is_named_before_it_comes_back(run: Run, stack: Stack) -> None:
    out = " ".join(run("rollback", "web-execution", "--yes").out.split())
    assert "would not grant this now: the role web-execution is not opted in" in out
    in_account("iam").tag_role(RoleName="web-execution", Tags=[{"Key": "pullguard:managed", "Value": "true"}])
    in_account("secretsmanager").create_secret(Name="one", SecretString="{}")
    out = " ".join(run("rollback", "web-execution", "--yes", "--to", versions(run)[1]).out.split())
    assert "the secret one-AbCdEf no longer exists" in out
    assert "the secret two-AbCdEf no longer exists" in out


def test_what_an_earlier_role_of_the_name_was_granted_is_named_before_it_comes_back(run: Run, stack: Stack) -> None:
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-0", at=NOW).to_dict()
    record = {"before": None, "after": policy(ONE), "task_definition": TASK_DEFINITION, "cause": cause}
    stack.ledger.record_write(
        ROLE, write_id="m-0", record={**record, "role_id": "AROAEARLIER", "outcome": "written"}, now=NOW
    )
    oldest = versions(run)[-1]
    out = " ".join(run("rollback", "web-execution", "--yes", "--to", oldest).out.split())
    assert "to an earlier role named web-execution" in out


def test_a_write_that_may_still_come_about_is_told(run: Run, stack: Stack) -> None:
    record_only(stack, policy(ONE, TWO), policy(ONE, TWO, THREE), "unknown", at=datetime.now(UTC))
    ran = run("rollback", "web-execution", "--yes")
    assert ran.code == 2
    assert "or still runs" in ran.err
    assert stack.ledger.hold(ROLE) is not None


def test_a_policy_that_does_not_stand_after_the_write_is_told(
    run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Iam, "put_role_policy", lambda *_: None)  # as where somebody else writes right after it
    ran = run("rollback", "web-execution", "--yes")
    assert ran.code == 2
    assert "IAM returns another one" in " ".join(ran.err.split())


# --- Writes to ECS -------------------------------------------------------------------------------------------------


def test_the_history_holds_what_was_written_to_ecs(run: Run, stack: Stack) -> None:
    new = TASK_DEFINITION.replace("web:7", "web:8")
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-9", at=NOW).to_dict()
    record = {
        "kind": "reregister",
        "target": TASK_DEFINITION,
        "before": TASK_DEFINITION,
        "after": new,
        "task_definition": TASK_DEFINITION,
        "cause": cause,
        "outcome": "written",
    }
    stack.ledger.record_ecs_write("web", write_id="m-9", record=record, now=NOW.replace(minute=9))
    reported = json.loads(run("history", "--family", "web").out)
    (write,) = reported["ecs_writes"]
    assert reported["writes"] == []
    assert (write["before"], write["after"], write["outcome"]) == (TASK_DEFINITION, new, "written")
    assert (write["cause"], write["event_id"], write["at"][:16]) == (
        "RegisterTaskDefinition",
        "e-9",
        "2026-11-23T12:09",
    )
    assert "registered web:8 from web:7" in " ".join(run("history", "--family", "web", "--format", "text").out.split())
    every = json.loads(run("history").out)
    assert (len(every["writes"]), len(every["ecs_writes"])) == (2, 1)
    assert json.loads(run("history", "web-execution").out)["ecs_writes"] == []
    assert "family web" in " ".join(run("history", "--format", "text").out.split())


def test_a_rollback_that_died_before_the_ledger_is_finished_by_the_next(run: Run, stack: Stack) -> None:
    first = versions(run)[1]
    run("rollback", "web-execution", "--yes", "--to", first)
    stack.ledger.keep_grants(ROLE, (TWO,), task_definition=TASK_DEFINITION)  # as if it had died just before
    assert run("rollback", "web-execution", "--yes", "--to", first).code == 0
    assert stack.ledger.granted(ROLE) == (ONE,)


def test_what_is_not_ours_in_a_record_is_never_written(run: Run, stack: Stack) -> None:
    admin = {"Sid": "X", "Effect": "Allow", "Action": "*", "Resource": "*"}
    document = policy_document([ONE])
    planted = json.dumps({**document, "Statement": [*document["Statement"], admin]})
    write(stack, 3, planted, policy(TWO))
    ran = run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE)
    assert "Not restored" in ran.out


def test_another_stacks_grant_comes_back_without_becoming_ours(run: Run, stack: Stack) -> None:
    write(stack, 3, policy(ONE, TWO, THEIRS), policy(ONE), ONE)
    run("rollback", "web-execution", "--yes")
    assert standing() == policy(ONE, TWO, THEIRS)
    assert set(stack.ledger.granted(ROLE)) == {ONE, TWO}


CANNOT: dict[str, tuple[tuple[str, ...], str]] = {
    "no-such-version": (("web-execution", "--to", "ffffffff"), "has no version"),
    "no-such-role": (("web-executoin",), "There is no role"),
    "a-role-never-written": (("other",), "has no write"),
}


@pytest.mark.parametrize(("arguments", "words"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_rolled_back_is_said_in_one_line(
    run: Run, stack: Stack, arguments: tuple[str, ...], words: str
) -> None:
    in_account("iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")
    ran = run("rollback", *arguments, "--yes")
    assert (ran.code, standing()) == (2, policy(ONE, TWO))
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
