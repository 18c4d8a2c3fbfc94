"""Grants: who gets one, which consent each needs, and that none widens what an owner has narrowed."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, Plan, Refusal
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import World, container, denied, key, role, secret, task_definition
from tests.unit.planning.planner.scene import (
    AWS_KEYED,
    GHCR,
    KEYED,
    Case,
    check_plan,
    check_refusals,
    grant,
    plan,
    world,
)

ARN = str(GHCR.arn)
CASES = {
    "nothing-is-wrong": Case(world(container(GHCR), secrets=(GHCR,), role=role(reads=[GHCR]))),
    "a-bare-name-works-and-is-only-warned-of": Case(
        world(container("registry/ghcr"), secrets=(GHCR,), role=role(reads=[GHCR]))
    ),
    "a-role-that-is-gone-gets-nothing": Case(World((task_definition(container(GHCR)),), (), (GHCR,))),
    "a-role-that-cannot-be-read-gets-nothing": Case(
        world(container(GHCR), secrets=(GHCR,), unreadable={str(role().arn): denied()})
    ),
    "a-secret-that-cannot-be-read-is-not-granted": Case(
        world(container(GHCR), secrets=(GHCR,), unreadable={ARN: denied()})
    ),
    "a-secret-that-is-nowhere-is-told-of-only": Case(world(container(GHCR), secrets=())),
    "policies-that-cannot-be-read-prove-no-need": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(inline_policies=denied()))
    ),
    "a-grant": Case(world(container(GHCR), secrets=(GHCR,)), (grant(GHCR),)),
    "a-grant-with-its-customer-managed-key": Case(world(container(KEYED), secrets=(KEYED,)), (grant(KEYED),)),
    "only-decrypt-is-missing": Case(
        world(container(KEYED), secrets=(KEYED,), role=role(reads=[replace(KEYED, key=None)])), (grant(KEYED),)
    ),
    "aws-s-own-key-is-not-granted": Case(world(container(AWS_KEYED), secrets=(AWS_KEYED,)), (grant(AWS_KEYED),)),
    "one-grant-for-two-containers-of-a-secret": Case(
        world(container(GHCR, name="a"), container(GHCR, name="b"), secrets=(GHCR,)), (grant(GHCR),)
    ),
    "a-bare-name-that-is-denied-is-granted-by-its-arn": Case(
        world(container("registry/ghcr"), secrets=(GHCR,)), (grant(GHCR),)
    ),
    "a-secret-that-is-not-opted-in": Case(
        world(container(secret(registry=None)), secrets=(secret(registry=None),)),
        refused=(("grant", "registry/ghcr is not opted in"),),
    ),
    "a-tag-that-cannot-be-understood-opens-nothing": Case(
        world(container(GHCR), secrets=(secret(registry="ghcr.io http://x"),)), refused=(("grant", "not opted in"),)
    ),
    "a-secret-for-another-registry": Case(
        world(container(GHCR), secrets=(secret(registry="docker.io"),)),
        refused=(("grant", "is for docker.io, the image is on ghcr.io"),),
    ),
    "an-image-on-an-evil-host-gets-nobodys-credentials": Case(
        world(container(GHCR, image="evil.example/acme/web:1"), secrets=(GHCR,)),
        refused=(("grant", "the image is on evil.example"),),
    ),
    "a-secret-for-other-roles": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": "api-*"}),)),
        refused=(("grant", "does not name the role web-execution"),),
    ),
    "a-secret-for-this-role": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": "api-* web-*"}),)), (grant(GHCR),)
    ),
    "an-empty-list-of-roles-names-none": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": " "}),)),
        refused=(("grant", "does not name the role"),),
    ),
    "a-role-that-is-not-opted-in": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(managed=False)),
        refused=(("grant", "the role web-execution is not opted in"),),
    ),
    "a-role-whose-tag-says-something-else": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(tags={"pullguard:managed": "True"})),
        refused=(("grant", "the role web-execution is not opted in"),),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_plan(case: Case) -> None:
    check_plan(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_refusal_says_what_its_owner_would_do(name: str) -> None:
    check_refusals(CASES[name])


def test_warnings_and_unknowns_are_never_acted_on() -> None:
    facts = CASES["a-grant"].world.facts()
    findings = examine(facts).findings
    assert make_plan(facts, findings, Rules()).actions
    warned = [replace(each, severity="warning") for each in findings]
    unsure = [replace(each, status="unknown") for each in findings]
    assert make_plan(facts, warned, Rules()) == Plan()
    assert make_plan(facts, unsure, Rules()) == Plan()


def test_a_snippet_of_a_refusal_is_about_described_things() -> None:
    (refusal,) = plan(CASES["a-role-that-is-not-opted-in"].world).refusals
    assert isinstance(refusal, Refusal)
    assert refusal.snippet == ("aws iam tag-role --role-name web-execution --tags Key=pullguard:managed,Value=true")
    assert isinstance(CASES["a-role-that-is-not-opted-in"].world.roles[0], Role)


HARNESS = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}

ENDPOINT = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}

READS = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(KEYED.arn)}

DECRYPTS = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": str(key().arn)}

NARROWED: dict[str, tuple[Secret, list[dict[str, Any]]]] = {
    "to-a-stage": (GHCR, [{**READS, "Resource": str(GHCR.arn), "Condition": HARNESS}]),
    "to-a-stage-and-no-decrypt": (KEYED, [{**READS, "Condition": HARNESS}]),
    "to-an-endpoint-and-no-decrypt": (KEYED, [{**READS, "Condition": ENDPOINT}]),
    "decrypt-to-an-endpoint-and-no-read": (KEYED, [{**DECRYPTS, "Condition": ENDPOINT}]),
    "to-the-present-stage-and-no-decrypt": (
        KEYED,
        [{**READS, "Condition": {"StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"}}}],
    ),
    **{
        f"to-another-stage-{harness}": (
            KEYED,
            [{**READS, "Condition": {"StringEquals": {"secretsmanager:VersionStage": harness}}}],
        )
        for harness in ("AWSPREVIOUS", "AWSPENDING", "blue")
    },
    "until-a-date-and-no-decrypt": (
        KEYED,
        [{**READS, "Condition": {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}}}],
    ),
    "decrypt-until-a-date-and-no-read": (
        KEYED,
        [{**DECRYPTS, "Condition": {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}}}],
    ),
    "by-a-member-that-is-given-twice": (KEYED, ['{"Effect":"Allow","Action":"s3:*","Action":"kms:*","Resource":"*"}']),  # type: ignore[list-item]
}


@pytest.mark.parametrize(("its", "statements"), NARROWED.values(), ids=NARROWED)
def test_a_grant_never_widens_what_an_owner_may_have_narrowed(its: Secret, statements: list[Any]) -> None:
    texts = ",".join(each if isinstance(each, str) else json.dumps(each) for each in statements)
    narrow = NamedPolicy(name="own", document=f'{{"Version":"2012-10-17","Statement":[{texts}]}}')
    here = world(container(its), secrets=(its,), role=role(inline_policies=(narrow,)))
    assert plan(here).actions == ()
    findings = examine(here.facts()).findings
    assert {each.remedy.action for each in findings} == {"none"}
    allowed = [action for action in ("GetSecretValue", "kms:Decrypt") if f'{action}"' in texts]
    assert not [each for each in findings for action in allowed if action in (each.remedy.snippet or "")]


BOTH_ACTIONS = ("secretsmanager:GetSecretValue", "kms:Decrypt")

GRANTED: dict[str, tuple[list[dict[str, Any]], tuple[str, ...]]] = {
    "neither": ([], BOTH_ACTIONS),
    "read": ([READS], BOTH_ACTIONS[1:]),
    "read-twice-once-narrowed": ([READS, {**READS, "Condition": HARNESS}], BOTH_ACTIONS[1:]),
    "decrypt": ([DECRYPTS], BOTH_ACTIONS[:1]),
    "decrypt-through-secrets-manager": (
        [{**DECRYPTS, "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}}],
        BOTH_ACTIONS[:1],
    ),
}


@pytest.mark.parametrize(("statements", "lacks"), GRANTED.values(), ids=GRANTED)
def test_the_access_that_a_role_lacks_is_granted_and_a_command_grants_no_more(
    statements: list[dict[str, Any]], lacks: tuple[str, ...]
) -> None:
    policies = (NamedPolicy(name="own", document={"Version": "2012-10-17", "Statement": statements}),)
    here = world(container(KEYED), secrets=(KEYED,), role=role(inline_policies=policies if statements else ()))
    assert [type(each) for each in plan(here).actions] == [Grant]
    for finding in examine(here.facts()).findings:
        assert finding.remedy.action == "grant"
        assert tuple(action for action in BOTH_ACTIONS if action in (finding.remedy.snippet or "")) == lacks
