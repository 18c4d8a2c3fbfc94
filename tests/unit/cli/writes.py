"""Writes to a role's policy, as the patcher makes and records them, for the tests of history and rollback."""

import json
from datetime import datetime

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.provenance import Provenance
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


def write(stack: Stack, minute: int, before: str | None, after: str | None, *granted: Granted) -> None:
    """Write and record a policy as the patcher does."""
    at = NOW.replace(minute=minute)
    cause = Provenance(kind="RegisterTaskDefinition", event_id=f"e-{minute}", at=at).to_dict()
    record = {"before": before, "after": after, "task_definition": TASK_DEFINITION, "cause": cause}
    stack.ledger.roles.record_write(ROLE, write_id=f"m-{minute}", record={**record, "outcome": "written"}, now=at)
    if after is not None:
        put(after)
    grants = granted or tuple(each for each in (ONE, TWO) if str(each.secret) in (after or ""))
    stack.ledger.roles.keep_grants(ROLE, grants, task_definition=TASK_DEFINITION)


def put(document: str | None) -> None:
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY_NAME, PolicyDocument=document)


_LATER = NOW.replace(minute=3)


def record_only(stack: Stack, before: str | None, after: str | None, outcome: str, at: datetime = _LATER) -> None:
    """Record a write without making it, as after a refusal by IAM or a crash."""
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-3", at=at).to_dict()
    record = {"before": before, "after": after, "task_definition": TASK_DEFINITION, "cause": cause}
    stack.ledger.roles.record_write(ROLE, write_id="m-3", record={**record, "outcome": outcome}, now=at)


def standing() -> str | None:
    client = in_account("iam")
    assert "theirs" in client.list_role_policies(RoleName="web-execution")["PolicyNames"]
    try:
        found = client.get_role_policy(RoleName="web-execution", PolicyName=POLICY_NAME)["PolicyDocument"]
    except client.exceptions.NoSuchEntityException:
        return None
    return render(found)


def versions(run: Run) -> list[str]:
    """Return the recorded versions, newest first."""
    return [each["version"] for each in json.loads(run("history", "web-execution").out)["writes"]]


THREE = Granted(secret=Arn.parse("arn:aws:secretsmanager:us-east-1:123456789012:secret:three-AbCdEf"), key=None)


def written() -> Stack:
    """Return a stack and a role to which two grants were written, one after the other."""
    in_account("iam").create_role(RoleName="web-execution", AssumeRolePolicyDocument="{}")
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName="theirs", PolicyDocument=policy(THEIRS))
    stack = create()
    write(stack, 1, policy(), policy(ONE))
    write(stack, 2, policy(ONE), policy(ONE, TWO))
    return stack
