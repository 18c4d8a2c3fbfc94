"""The planned write to a role's policy, with and without the ledger of a stack."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends

from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role_item import GrantRecord, PolicyWrite
from pullguard.domain.role_policy import RevocationRules
from pullguard.store.entries import Entry
from pullguard_cli.role_plan import revocation_rules
from sandbox.world import World
from tests.fakes import denied
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import PARAMETER, POLICY, ROLE, Stack, create

HEALTHY = Arn.parse("arn:aws:iam::123456789012:role/healthy-execution")
STATEMENT = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]

# What the stack's parameters say, for how many days nothing has named the secret, whether its owner consents, the calls
# that are planned, and what is listed as unneeded: the finding, and in how many days it will be revoked.
UNNEEDED: dict[str, tuple[dict[str, str], int, bool, list[tuple[str, str]], list[tuple[str, int | None]]]] = {
    "not-revoked": ({}, 20, True, [], [("grant-unneeded", None)]),
    "not-yet": ({"RevokeUnusedGrants": "true"}, 4, True, [], [("grant-unneeded", 10)]),
    "due": ({"RevokeUnusedGrants": "true"}, 20, True, [("DeleteRolePolicy", POLICY)], []),
    "another-grace": ({"RevokeUnusedGrants": "true", "RevokeGraceDays": "30"}, 20, True, [], [("grant-unneeded", 10)]),
    "consent-not-revoked": ({}, 20, False, [], [("grant-without-consent", None)]),
    "consent-due": ({"RevokeWithoutConsent": "true"}, 20, False, [("DeleteRolePolicy", POLICY)], []),
}


@pytest.mark.parametrize("case", UNNEEDED.values(), ids=UNNEEDED)
def test_a_plan_shows_which_confirmed_grants_the_stack_will_revoke(
    run: Run, broken: World, case: tuple[dict[str, str], int, bool, list[tuple[str, str]], list[tuple[str, int | None]]]
) -> None:
    parameters, days, consents, calls, unneeded = case
    stack, now = create(**parameters), datetime.now(UTC)
    stack.complete_sweep()
    iam_backends["123456789012"]["aws"].get_role("healthy-execution").create_date -= timedelta(days=90)
    other = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-batch")["ARN"]
    granted = Granted(secret=Arn.parse(other), key=None)
    document = json.dumps(policy_document([granted]))
    in_account("iam").put_role_policy(RoleName="healthy-execution", PolicyName=POLICY, PolicyDocument=document)
    if not consents:
        in_account("secretsmanager").untag_resource(SecretId=other, TagKeys=["pullguard:registry"])
    record = GrantRecord(
        granted=granted,
        task_definition="",
        granted_at=now - timedelta(days=60),
        is_confirmed=True,
        unneeded_since=now - timedelta(days=days),
    )
    stack.keep(HEALTHY, grants=(record,))
    reported = json.loads(run("plan", "healthy", "--stack", "pullguard", "--format", "json").out)
    assert [(each["operation"], each["parameters"]["PolicyName"]) for each in reported["calls"]] == calls
    assert [list(each["revoked"]) for each in reported["calls"]] == [[other]] * len(calls)
    listed = [(each["finding"], _days_from_now(each["revoked_after"])) for each in reported["unneeded_grants"]]
    assert listed == unneeded
    text = " ".join(run("plan", "healthy", "--stack", "pullguard", "--format", "text").out.split())
    assert (f"revokes {granted.secret.resource_name}" in text) is bool(calls)
    assert (f"Pullguard granted {granted.secret.resource_name}, unneeded since" in text) is bool(unneeded)


def _days_from_now(at: str | None) -> int | None:
    return None if at is None else round((datetime.fromisoformat(at) - datetime.now(UTC)) / timedelta(days=1))


def test_a_plan_shows_what_an_open_circuit_breaker_holds_back(run: Run, broken: World) -> None:
    stack, now = create(WritesPerHour="2"), datetime.now(UTC)
    secret = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-web")["ARN"]

    def planned(writes_before: int) -> tuple[list[str], list[dict[str, Any]]]:
        stack.keep(ROLE, hour=f"{now:%Y-%m-%dT%H}", counts={secret: writes_before})
        reported = json.loads(run("plan", "web", "--stack", "pullguard", "--format", "json").out)
        return [call["operation"] for call in reported["calls"]], reported["refusals"]

    assert planned(1) == (["PutRolePolicy"], [])
    operations, (refusal,) = planned(2)
    assert operations == []
    assert f"the grant of {secret}" in refusal["why"]
    assert "WritesPerHour" in refusal["remedy"]
    assert refusal["findings"]


def test_a_plan_holds_what_other_validations_have_asked_for(run: Run, broken: World) -> None:
    stack, ecs = create(), in_account("ecs")
    batch = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-batch")["ARN"]
    newest = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    container = {**newest["containerDefinitions"][0], "repositoryCredentials": {"credentialsParameter": batch}}
    other = ecs.register_task_definition(
        family="other", executionRoleArn=newest["executionRoleArn"], containerDefinitions=[container]
    )["taskDefinition"]["taskDefinitionArn"]
    grant = Grant(task_definition=Arn.parse(other), role=ROLE, secret=Arn.parse(batch), key=None, findings=())
    stack.ledger.entries.keep_references(Arn.parse(other), Entry(seen=True), frozenset(), {grant: datetime.now(UTC)})
    for options, granted in (((), 1), (("--stack", "pullguard"), 2)):
        (call,) = json.loads(run("plan", "web", *options, "--format", "json").out)["calls"]
        (statement,) = json.loads(call["parameters"]["PolicyDocument"])["Statement"]
        assert len(statement["Resource"]) == granted


def test_the_rules_are_those_of_the_stacks_parameters() -> None:
    assert revocation_rules({}) == RevocationRules()
    given = {"RevokeUnusedGrants": "true", "RevokeWithoutConsent": "true", "RevokeGraceDays": "3"}
    expected = RevocationRules(unneeded=True, without_consent=True, grace=timedelta(days=3))
    assert revocation_rules(given) == expected


# --- What the stack would do otherwise, or not at all ---


def granted_to_healthy(stack: Stack, family: str = "batch", **record: Any) -> Granted:
    """Let the stack have granted the secret of another family to the role of healthy."""
    secret = in_account("secretsmanager").describe_secret(SecretId=f"registry/dockerhub-{family}")["ARN"]
    granted = Granted(secret=Arn.parse(secret), key=None)
    document = json.dumps(policy_document([granted]))
    in_account("iam").put_role_policy(RoleName="healthy-execution", PolicyName=POLICY, PolicyDocument=document)
    at = {"granted_at": datetime.now(UTC), **record}
    stack.keep(HEALTHY, grants=(GrantRecord(granted=granted, task_definition="", **at),))
    return granted


def unneeded_for(days: int) -> dict[str, Any]:
    iam_backends["123456789012"]["aws"].get_role("healthy-execution").create_date -= timedelta(days=90)
    now = datetime.now(UTC)
    times = {"granted_at": now - timedelta(days=60), "unneeded_since": now - timedelta(days=days)}
    return {"is_confirmed": True, **times}


def reported(run: Run, family: str, *options: str) -> tuple[int, Any]:
    ran = run("plan", family, "--stack", "pullguard", "--format", "json", *options)
    return ran.code, json.loads(ran.out)


def test_a_secret_that_cannot_be_read_leaves_the_plan_incomplete(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = create()
    stack.complete_sweep()
    granted, describe = granted_to_healthy(stack), SecretsManager.describe

    def refuse(gateway: SecretsManager, secret_id: str) -> Any:
        refused = denied("secretsmanager:DescribeSecret")
        return refused if secret_id == str(granted.secret) else describe(gateway, secret_id)

    monkeypatch.setattr(SecretsManager, "describe", refuse)
    code, plan = reported(run, "healthy")
    assert (code, plan["revocations_checked"]) == (2, False)
    assert [granted.secret.resource_name in why for why in plan["unknown"]] == [True]
    text = " ".join(run("plan", "healthy", "--stack", "pullguard", "--format", "text").out.split())
    assert f"The stack may write something else: the secret {granted.secret.resource_name}: " in text


def test_too_many_dependents_leave_a_due_revocation_unknown(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pullguard.workflows.role_reader.DEPENDENTS_MAX", 0)
    stack = create(RevokeUnusedGrants="true")
    stack.complete_sweep()
    granted_to_healthy(stack, **unneeded_for(20))
    newest = in_account("ecs").describe_task_definition(taskDefinition="healthy")["taskDefinition"]
    stack.uses(HEALTHY, newest["taskDefinitionArn"])
    code, plan = reported(run, "healthy")
    assert (code, plan["calls"], plan["revocations_checked"]) == (2, [], False)
    assert ["too many to describe at once" in why for why in plan["unknown"]] == [True]


def test_a_grant_on_a_role_that_is_not_opted_in_any_more_stays(run: Run, broken: World) -> None:
    stack = create(RevokeUnusedGrants="true", RevokeWithoutConsent="true", Mode="observe")
    stack.complete_sweep()
    granted_to_healthy(stack, **unneeded_for(20))
    in_account("iam").untag_role(RoleName="healthy-execution", TagKeys=["pullguard:managed"])
    (grant,) = reported(run, "healthy")[1]["unneeded_grants"]
    assert (grant["revoked_after"], grant["stays_because"]) == (None, "the role is not opted in any more")
    text = " ".join(run("plan", "healthy", "--stack", "pullguard", "--format", "text").out.split())
    assert "it stays: the role is not opted in any more." in text
    assert "The stack pullguard only reports (Mode=observe)." in text


def test_a_revision_that_a_rule_starts_is_planned_for(run: Run, broken: World) -> None:
    stack, ecs = create(), in_account("ecs")
    stack.complete_sweep()
    first = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    members = {each: first[each] for each in ("executionRoleArn", "containerDefinitions")}
    ecs.register_task_definition(family="web", **members)
    assert reported(run, "web:1")[1]["calls"] == []
    stack.starts(first["taskDefinitionArn"])
    assert [call["operation"] for call in reported(run, "web:1")[1]["calls"]] == ["PutRolePolicy"]


@pytest.mark.parametrize("is_readable", [True, False], ids=["open-write", "a-policy-that-is-not-ours"])
def test_nothing_is_checked_while_no_grant_is_judged(run: Run, broken: World, *, is_readable: bool) -> None:
    stack = create()
    stack.complete_sweep()
    if is_readable:
        write = PolicyWrite(id="w", policy=POLICY, at=datetime.now(UTC), before=(), after=())
        stack.keep(HEALTHY, writes=(write,))
    else:
        document = json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": STATEMENT})
        in_account("iam").put_role_policy(RoleName="healthy-execution", PolicyName=POLICY, PolicyDocument=document)
    code, plan = reported(run, "healthy")
    assert (code, plan["revocations_checked"], len(plan["refusals"])) == (1, False, 1)


def test_a_grant_that_iam_does_not_show_yet_is_not_left_to_people(run: Run, broken: World) -> None:
    stack, now = create(), datetime.now(UTC)
    secret = Arn.parse(in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-web")["ARN"])
    granted = Granted(secret=secret, key=None)
    write = PolicyWrite(id="w", policy=POLICY, at=now, before=(), after=(granted,), outcome="done")
    stack.keep(ROLE, writes=(write,), grants=(GrantRecord(granted=granted, task_definition="", granted_at=now),))
    code, plan = reported(run, "web")
    assert (code, plan["calls"]) == (1, [])
    assert ["IAM does not show it yet" in each["why"] for each in plan["refusals"]] == [True]


def test_a_role_outside_the_stacks_pattern_is_refused(run: Run, broken: World) -> None:
    create(ManagedRolePattern="other-*")
    code, plan = reported(run, "web")
    assert (code, plan["calls"]) == (1, [])
    (refusal,) = plan["refusals"]
    assert "does not match the stack's ManagedRolePattern other-*" in refusal["why"]


def test_a_stack_may_be_named_by_its_arn(run: Run, broken: World) -> None:
    create("prod")
    arn = in_account("cloudformation").describe_stacks(StackName="prod")["Stacks"][0]["StackId"]
    plan = json.loads(run("plan", "web", "--stack", arn, "--format", "json").out)
    assert plan["stack"] == "prod"
    assert [call["parameters"]["PolicyName"] for call in plan["calls"]] == [f"{POLICY}-prod"]


def test_an_unreadable_stop_leaves_the_plan_incomplete(run: Run, broken: World) -> None:
    create(Mode="remediate")
    in_account("ssm").delete_parameter(Name=PARAMETER)
    code, plan = reported(run, "web")
    assert (code, plan["stop"]["stopped"]) == (2, None)
    text = run("plan", "web", "--stack", "pullguard", "--format", "text").out
    assert "Nothing is held." not in text
    assert "makes no calls as long as it is held back" in " ".join(text.split())
