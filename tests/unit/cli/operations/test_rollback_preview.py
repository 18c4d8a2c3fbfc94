"""The changes that would follow a rollback once its hold ends."""

import json
from datetime import UTC, datetime

import pytest

from pullguard.aws.ecs import Ecs
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role_item import GrantRecord, PolicyWrite
from pullguard.workflows.role_reader import DependentsReader
from sandbox.world import World
from tests.fakes import denied
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import POLICY, ROLE, Stack, create

AFTER = "After `pullguard resume web-execution`, Pullguard would"


def web() -> tuple[Granted, str]:
    """The secret of the family web, as a grant, and its task definition."""
    secret = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-web")["ARN"]
    newest = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    return Granted(secret=Arn.parse(secret), key=None), newest["taskDefinitionArn"]


def granted_to_web(mode: str = "remediate") -> Stack:
    """A stack that has granted the secret to the role, and nothing since."""
    stack, (granted, user) = create(Mode=mode), web()
    document = json.dumps(policy_document([granted]))
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY, PolicyDocument=document)
    record = GrantRecord(granted=granted, task_definition=user, granted_at=datetime.now(UTC))
    stack.keep(ROLE, grants=(record,))
    return stack


def rolled_back(run: Run, *options: str) -> str:
    ran = run("rollback", "web-execution", "--yes", *options)
    assert (ran.code, ran.err) == (0, "")
    return " ".join(ran.out.split())


def test_a_grant_that_is_still_needed_would_be_made_again(run: Run, broken: World) -> None:
    granted_to_web()
    assert f"{AFTER} grant {web()[0].secret.resource_name} again: web:1 needs it." in rolled_back(run, "--to", "none")


def test_a_grant_without_consent_would_be_revoked_again(run: Run, broken: World) -> None:
    stack, (granted, user) = create(Mode="remediate"), web()
    in_account("secretsmanager").untag_resource(SecretId=str(granted.secret), TagKeys=["pullguard:registry"])
    versions: tuple[tuple[Granted, ...], ...] = ((), (granted,), ())
    writes = tuple(
        PolicyWrite(
            id=f"w-{number}",
            policy=POLICY,
            at=datetime.now(UTC),
            before=versions[number],
            after=versions[number + 1],
            users={str(granted.secret): user},
            outcome="done",
        )
        for number in range(2)
    )
    stack.keep(ROLE, writes=writes)
    assert f"{AFTER} revoke {granted.secret.resource_name}: " in rolled_back(run)


def test_a_grant_that_nothing_needs_any_more_is_not_mentioned(run: Run, broken: World) -> None:
    granted_to_web().complete_sweep()
    in_account("ecs").deregister_task_definition(taskDefinition=web()[1])
    assert AFTER not in rolled_back(run, "--to", "none")


def test_a_stack_that_only_observes_would_change_nothing(run: Run, broken: World) -> None:
    granted_to_web("observe")
    assert AFTER not in rolled_back(run, "--to", "none")


def test_a_task_definition_that_cannot_be_read_is_named(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted_to_web()
    monkeypatch.setattr(Ecs, "describe", lambda *_: denied("ecs:DescribeTaskDefinition"))
    said = rolled_back(run, "--to", "none")
    assert "It is not known what Pullguard would grant for web:1: " in said
    assert AFTER not in said


def test_a_failure_to_find_out_does_not_keep_a_rollback_back(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NotNow("IAM still shows another role")

    granted_to_web()
    monkeypatch.setattr(DependentsReader, "read", fail)
    said = rolled_back(run, "--to", "none")
    assert "It is not known what Pullguard would change after the hold: IAM still shows another role" in said
    assert "is back to no policy" in said
