"""The changes that would follow a rollback once its hold ends."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends

from pullguard.aws.ecs import Ecs
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role_item import GrantRecord, PolicyWrite
from pullguard.workflows.role_reader import DependentsReader
from pullguard_cli.operations import rollback
from sandbox.world import World
from tests.fakes import denied
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import POLICY, ROLE, Stack, create

THEN = "Once the hold ends, Pullguard would"
NOT_KNOWN = "It is not known whether Pullguard would change this once the hold ends: "


def web() -> tuple[Granted, str]:
    """The secret of the family web, as a grant, and its newest task definition."""
    secret = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-web")["ARN"]
    newest = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    return Granted(secret=Arn.parse(secret), key=None), newest["taskDefinitionArn"]


def deployed(*users: str, **parameters: str) -> Stack:
    """A stack with a complete sweep, which knows the users of the role."""
    stack = create(**{"Mode": "remediate", **parameters})
    stack.complete_sweep()
    stack.uses(ROLE, *users)
    return stack


def granted_to_web(**parameters: str) -> Stack:
    """A stack that has granted the secret to the role, and nothing since."""
    stack, (granted, user) = deployed(web()[1], **parameters), web()
    document = json.dumps(policy_document([granted]))
    in_account("iam").put_role_policy(RoleName="web-execution", PolicyName=POLICY, PolicyDocument=document)
    record = GrantRecord(granted=granted, task_definition=user, granted_at=datetime.now(UTC))
    stack.keep(ROLE, grants=(record,))
    return stack


def revoked_from_web(age: timedelta, *users: str, **parameters: str) -> None:
    """A stack that has granted the secret to the role and revoked it since."""
    stack, (granted, user) = deployed(*users, **parameters), web()
    iam_backends["123456789012"]["aws"].get_role("web-execution").create_date -= timedelta(days=90)
    versions: tuple[tuple[Granted, ...], ...] = ((), (granted,), ())
    for number in range(2):
        write = PolicyWrite(
            id=f"w-{number}",
            policy=POLICY,
            at=datetime.now(UTC) - age,
            before=versions[number],
            after=versions[number + 1],
            users={str(granted.secret): user},
            outcome="done",
        )
        stack.keep(ROLE, writes=(write,))
    stack.keep(ROLE, writes=())  # the history keeps them


def rolled_back(run: Run, *options: str) -> str:
    ran = run("rollback", "web-execution", "--yes", *options)
    assert (ran.code, ran.err) == (0, "")
    return " ".join(ran.out.split())


def test_a_grant_that_is_still_needed_would_be_made_again(run: Run, broken: World) -> None:
    granted_to_web()
    assert f"{THEN} grant {web()[0].secret.resource_name}: web:1 needs it." in rolled_back(run, "--to", "none")


def test_a_newer_revision_than_that_of_the_grant_needs_it_too(run: Run, broken: World) -> None:
    stack, ecs = granted_to_web(), in_account("ecs")
    first = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    members = {each: first[each] for each in ("executionRoleArn", "containerDefinitions")}
    ecs.register_task_definition(family="web", **members)
    stack.uses(ROLE, web()[1])
    assert f"{THEN} grant {web()[0].secret.resource_name}: web:2 needs it." in rolled_back(run, "--to", "none")


@pytest.mark.parametrize("age", [timedelta(), timedelta(days=1)], ids=["now", "yesterday"])
def test_a_grant_without_consent_would_be_revoked_again(run: Run, broken: World, age: timedelta) -> None:
    revoked_from_web(age, web()[1])
    granted = web()[0]
    in_account("secretsmanager").untag_resource(SecretId=str(granted.secret), TagKeys=["pullguard:registry"])
    assert f"{THEN} revoke {granted.secret.resource_name}: " in rolled_back(run)


@pytest.mark.parametrize(
    ("days", "words"), [("0", "no task definition in use names it."), ("14", "14 days later: grant-unneeded.")]
)
def test_a_grant_that_nothing_needs_would_be_revoked_again(run: Run, broken: World, days: str, words: str) -> None:
    revoked_from_web(timedelta(days=1), RevokeUnusedGrants="true", RevokeGraceDays=days)
    in_account("ecs").deregister_task_definition(taskDefinition=web()[1])
    printed = rolled_back(run)
    assert f"{THEN} revoke {web()[0].secret.resource_name}" in printed
    assert words in printed


def test_a_grant_that_nothing_needs_any_more_would_not_be_made_again(run: Run, broken: World) -> None:
    granted_to_web()
    in_account("ecs").deregister_task_definition(taskDefinition=web()[1])
    assert THEN not in rolled_back(run, "--to", "none")


def test_a_stack_that_only_observes_would_change_nothing(run: Run, broken: World) -> None:
    granted_to_web(Mode="observe")
    printed = rolled_back(run, "--to", "none")
    assert THEN not in printed
    assert NOT_KNOWN not in printed


def test_a_secret_that_cannot_be_read_is_named(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch) -> None:
    granted_to_web()
    unread = denied("secretsmanager:DescribeSecret")
    monkeypatch.setattr("pullguard.aws.secrets_manager.SecretsManager.describe", lambda *_: unread)
    assert f"{NOT_KNOWN}the secret {web()[0].secret.resource_name}: {unread}." in rolled_back(run, "--to", "none")


def test_a_task_definition_that_cannot_be_read_is_named(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted_to_web()
    monkeypatch.setattr(Ecs, "describe", lambda *_: denied("ecs:DescribeTaskDefinition"))
    printed = rolled_back(run, "--to", "none")
    assert NOT_KNOWN in printed
    assert "web:1 uses arn:aws:iam::123456789012:role/web-execution" in printed
    assert THEN not in printed


def test_without_a_complete_sweep_or_the_stack_it_is_not_known(run: Run, broken: World) -> None:
    create(Mode="remediate")
    assert f"{NOT_KNOWN}the stack has no complete sweep." in rolled_back(run, "--to", "none")


def fails(error: Exception) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [NotNow("IAM still shows another role"), KeyError("Statement")], ids=["late", "unforeseen"]
)
def test_a_failure_to_find_out_keeps_no_rollback_back(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stack = granted_to_web()
    monkeypatch.setattr(DependentsReader, "read", fails(error))
    printed = rolled_back(run, "--to", "none")
    assert NOT_KNOWN in printed
    assert "is back to no policy" in printed
    assert stack.ledger.roles.hold(ROLE) is not None


def test_it_takes_a_limited_time(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch) -> None:
    granted_to_web()
    monkeypatch.setattr(rollback, "_PREVIEW_S", -1.0)
    printed = rolled_back(run, "--to", "none")
    assert f"{NOT_KNOWN}reading took longer than" in printed
    assert "is back to no policy" in printed
