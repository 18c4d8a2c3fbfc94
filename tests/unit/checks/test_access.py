"""May the role read the secret and decrypt it: each gate's answer, and the finding that speaks for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.access import access_of
from pullguard.domain.facts import Facts
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Secret
from tests.fakes import NOW, World, container, denied, key, role, secret, task_definition
from tests.unit.checks.answers import failed, said

OWN = secret()
UNDER_KEY = secret(key=key())
READ, DECRYPT = "secretsmanager:GetSecretValue", "kms:Decrypt"


def policy(*statements: dict[str, Any]) -> NamedPolicy:
    return NamedPolicy(name="registry", document={"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str = "Allow", action: str = READ, resource: str = str(OWN.arn), **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def facts(who: Role | None = None, own: Secret = OWN, **changes: Any) -> Facts:
    reads = role(reads=[own]) if who is None else who
    return replace(World((task_definition(container(own)),), (reads,), (own,)).facts(), **changes)


def role_with(*statements: dict[str, Any], **changes: Any) -> Role:
    return role(inline_policies=(policy(*statements),), **changes)


ALLOWED = statement()
BOUNDARY = policy(statement(action="s3:*", resource="*"))
MISSING, FORBIDDEN = "secret-access-missing", "secret-access-denied"
ANSWERS: dict[str, tuple[str, Facts, list[str]]] = {
    "may-read": (MISSING, facts(), ["Passed"]),
    "no-policy": (MISSING, facts(role()), ["Failed"]),
    "no-policy-is-no-deny": (FORBIDDEN, facts(role()), ["Inapplicable"]),
    "a-deny": (FORBIDDEN, facts(role_with(ALLOWED, statement("Deny"))), ["Failed"]),
    "a-deny-is-not-a-missing-allow": (MISSING, facts(role_with(ALLOWED, statement("Deny"))), ["Inapplicable"]),
    "policies-not-read": (MISSING, facts(role(inline_policies=denied("iam:ListRolePolicies"))), ["Unsure"]),
    "role-not-read": (MISSING, replace(facts(), role=denied()), []),
    "managed-external": (MISSING, facts(role(), secret(type="SalesforceClientSecret")), ["Inapplicable"]),
    "outside-the-boundary": (
        "secret-access-blocked-by-boundary",
        facts(role_with(ALLOWED, boundary=BOUNDARY)),
        ["Failed"],
    ),
    "without-a-boundary": ("secret-access-blocked-by-boundary", facts(), ["Passed"]),
    "everything": ("secret-access-too-broad", facts(role_with(statement(action="*", resource="*"))), ["Failed"]),
    "one-secret": ("secret-access-too-broad", facts(), ["Passed"]),
    "may-decrypt": ("decrypt-access-missing", facts(own=UNDER_KEY), ["Passed"]),
    "may-not-decrypt": ("decrypt-access-missing", facts(role_with(ALLOWED), UNDER_KEY), ["Failed"]),
    "under-the-managed-key": ("decrypt-access-missing", facts(), ["Passed"]),
    "a-disabled-key": ("key-unusable", facts(own=secret(key=key(state="Disabled"))), ["Failed"]),
    "an-enabled-key": ("key-unusable", facts(own=UNDER_KEY), ["Passed"]),
    "room-for-a-grant": ("inline-policy-quota", facts(role()), ["Passed"]),
    "nothing-to-grant": ("inline-policy-quota", facts(), ["Inapplicable"]),
}


@pytest.mark.parametrize(("check", "given", "kinds"), ANSWERS.values(), ids=ANSWERS)
def test_a_check_of_access_answers(check: str, given: Facts, kinds: list[str]) -> None:
    assert said(check, given) == [(kind, "app") for kind in kinds]


def test_without_room_for_a_grant_the_quota_speaks_for_what_is_missing() -> None:
    full = NamedPolicy(
        name="full",
        document={
            "Version": "2012-10-17",
            "Statement": [statement(Sid="x" * 10_100, resource="arn:aws:s3:::a", action="s3:*")],
        },
    )
    given = facts(role(inline_policies=(full,)))
    assert said(MISSING, given) == []
    assert "have no room for a grant" in failed("inline-policy-quota", given).cause


TRUST: dict[str, tuple[Role, list[str]]] = {
    "ecs-tasks": (role(), ["Passed"]),
    "another-service": (
        role(
            trust_policy={
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
        ["Failed"],
    ),
    "malformed": (role(trust_policy="{"), ["Unsure"]),
}


@pytest.mark.parametrize(("who", "kinds"), TRUST.values(), ids=TRUST)
def test_the_trust_policy_is_judged_once_for_the_task_definition(who: Role, kinds: list[str]) -> None:
    assert said("execution-role-not-assumable", facts(who)) == [(kind, None) for kind in kinds]


def simulated(decision: str, organization: bool | None) -> dict[str, Any]:
    answer = Simulated(action=READ, resource=str(OWN.arn), decision=decision, organization_allows=organization)
    return {"simulations": {"app": (answer,)}}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({}, "Passed", id="not-asked"),
        pytest.param(simulated("allowed", True), "Passed", id="agrees"),
        pytest.param(simulated("implicitDeny", False), "Failed", id="the-organization-denies"),
        pytest.param(simulated("implicitDeny", True), "Unsure", id="denies-for-another-reason"),
        pytest.param({"simulations": {"app": denied("iam:SimulatePrincipalPolicy")}}, "Unsure", id="denied"),
    ],
)
def test_the_simulator_gives_a_second_opinion(changes: dict[str, Any], kind: str) -> None:
    assert said("secret-access-blocked-by-organization", facts(**changes)) == [(kind, "app")]


def test_a_secret_is_read_under_the_reference_as_it_is_written() -> None:
    by_name = role_with(statement(Condition={"StringEquals": {"secretsmanager:SecretId": "registry/ghcr"}}))
    given = facts(by_name)
    assert access_of(given, by_name, OWN, "registry/ghcr").state == "pass"
    assert access_of(given, by_name, OWN, str(OWN.arn)).state == "fail"


def test_a_condition_on_the_time_is_decided_by_the_time_of_the_facts() -> None:
    until = {"DateLessThan": {"aws:CurrentTime": (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")}}
    given = facts(role_with(statement(Condition=until)))
    assert said(MISSING, given) == [("Passed", "app")]
    assert said(MISSING, replace(given, now=NOW + timedelta(hours=2))) == [("Failed", "app")]
