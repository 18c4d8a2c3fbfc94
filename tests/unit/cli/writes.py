"""Writes to a role's policy, as the patcher makes and records them, for the tests of history and rollback."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

from moto.iam.models import iam_backends

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, own_policy_name, parse_own, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import GrantRecord, PolicyWrite, WriteOutcome
from tests.fakes import NOW
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack, create

ROLE = Arn.parse("arn:aws:iam::123456789012:role/web-execution")
OWN_POLICY = own_policy_name("us-east-1", "pullguard")


ONE, TWO, THEIRS = (
    Granted(secret=Arn.parse(f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"), key=None)
    for name in ("one", "two", "theirs")
)


TASK_DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7"


def policy(*grants: Granted) -> str | None:
    return render(policy_document(grants)) if grants else None


def write(stack: Stack, minute: int, before: str | None, after: str | None) -> None:
    """Write and record a policy as the patcher does; what is THEIRS stands in it without a record."""
    at = NOW.replace(minute=minute)
    record_only(stack, before, after, "done", at=at, write_id=f"m-{minute}")
    put(after)
    item = stack.ledger.roles.item(ROLE)
    known = {each.granted: each for each in item.grants}
    grants = tuple(known.get(each) or record(each, at) for each in grants_of(after) if each != THEIRS)
    assert stack.ledger.roles.replace(ROLE, item, replace(item, grants=grants))


def record(granted: Granted, at: datetime = NOW) -> GrantRecord:
    return GrantRecord(granted=granted, task_definition=TASK_DEFINITION, granted_at=at, is_confirmed=True)


def grants_of(document: str | None) -> tuple[Granted, ...]:
    return parse_own(document)[0] if document else ()


def put(document: str | None, name: str = OWN_POLICY) -> None:
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=name, PolicyDocument=document)


_LATER = NOW.replace(minute=3)


def record_only(
    stack: Stack,
    before: str | None,
    after: str | None,
    outcome: WriteOutcome,
    *,
    at: datetime = _LATER,
    write_id: str = "m-3",
    policy_name: str = OWN_POLICY,
) -> None:
    """Record a write without making it, as after a refusal by IAM or a crash."""
    item = stack.ledger.roles.item(ROLE)
    made = PolicyWrite(
        id=write_id,
        policy=policy_name,
        at=at,
        before=grants_of(before),
        after=grants_of(after),
        users={str(each.secret): TASK_DEFINITION for each in grants_of(after)},
        strangers=(THEIRS.secret,) if THEIRS in grants_of(after) else (),
        provenance=Provenance(kind="RegisterTaskDefinition", event_id=f"e-{write_id[2:]}", at=at),
        outcome=outcome,
    )
    assert stack.ledger.roles.replace(ROLE, item, replace(item, writes=(*item.writes, made)))


def record_as_before(before: str | None, after: str | None, *, at: datetime = _LATER, write_id: str = "m-3") -> None:
    """Record a write as earlier versions did: of the policy of the former name, in its own words."""
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-3", at=at).to_dict()
    record = {"before": before, "after": after, "task_definition": TASK_DEFINITION, "cause": cause}
    item = {
        "pk": {"S": f"ROLE#{ROLE}"},
        "sk": {"S": f"WRITE#{at.isoformat()}#{write_id}"},
        "data": {"S": json.dumps({**record, "outcome": "written"})},
    }
    in_account("dynamodb").put_item(TableName="ledger", Item=item)


def standing() -> str | None:
    client = in_account("iam")
    assert "theirs" in client.list_role_policies(RoleName="web-execution")["PolicyNames"]
    try:
        found = client.get_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)["PolicyDocument"]
    except client.exceptions.NoSuchEntityException:
        return None
    return render(found)


def versions(run: Run) -> list[str]:
    """Return the recorded versions, newest first."""
    return [each["version"] for each in json.loads(run("history", "web-execution").out)["writes"]]


def created(at: datetime) -> None:
    """Give the role another CreateDate."""
    iam_backends["123456789012"]["aws"].get_role("web-execution").create_date = at.replace(tzinfo=None)


THREE = Granted(secret=Arn.parse("arn:aws:secretsmanager:us-east-1:123456789012:secret:three-AbCdEf"), key=None)


def written() -> Stack:
    """Return a stack and a role to which two grants were written, one after the other."""
    in_account("iam").create_role(RoleName="web-execution", AssumeRolePolicyDocument="{}")
    created(NOW - timedelta(days=90))
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName="theirs", PolicyDocument=policy(THEIRS))
    stack = create()
    write(stack, 1, policy(), policy(ONE))
    write(stack, 2, policy(ONE), policy(ONE, TWO))
    return stack
