"""The planned write to a role's policy, with and without the ledger of a stack."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.iam.models import iam_backends

from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role_item import GrantRecord
from pullguard.domain.role_policy import RevocationRules
from pullguard.store.entries import Entry
from pullguard_cli.role_plan import revocation_rules
from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import POLICY, ROLE, create

HEALTHY = Arn.parse("arn:aws:iam::123456789012:role/healthy-execution")

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
    assert (f"Pullguard granted {granted.secret.resource_name}: since" in text) is bool(unneeded)


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
