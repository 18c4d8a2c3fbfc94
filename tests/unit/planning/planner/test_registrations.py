"""Registrations of a corrected revision: when one helps, who consents, and what owns the task definition."""

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, Plan, Reregister
from pullguard.domain.role import NamedPolicy
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules, make_plan, next_actions
from tests.fakes import container, denied, role, secret, service
from tests.unit.planning.planner.scene import (
    GHCR,
    KEYED,
    NEW,
    OLD,
    Case,
    check_plan,
    check_refusals,
    grant,
    plan,
    reregister,
    world,
)

ARN = str(GHCR.arn)
CASES = {
    "a-stale-arn": Case(world(container(OLD), secrets=(NEW,), role=role(reads=[NEW])), (reregister((str(OLD), NEW)),)),
    "a-stale-arn-whose-replacement-the-role-cannot-read": Case(
        world(container(OLD), secrets=(NEW,)), (grant(NEW), reregister((str(OLD), NEW)))
    ),
    "a-replacement-that-is-not-opted-in": Case(
        world(container(OLD), secrets=(secret(suffix="NewNew", registry=None),)),
        refused=(("grant", "is not opted in"), ("reregister", "is not opted in")),
    ),
    "a-replacement-that-is-for-other-roles": Case(
        world(
            container(OLD),
            secrets=(secret(suffix="NewNew", tags={"pullguard:registry": "ghcr.io", "pullguard:roles": "api-*"}),),
            role=role(reads=[NEW]),
        ),
        refused=(("reregister", "does not name the role web-execution"),),
    ),
    "a-replacement-under-a-role-that-is-not-opted-in": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW], managed=False)),
        refused=(("reregister", "the role web-execution is not opted in"),),
    ),
    "a-replacement-is-not-granted-where-access-to-it-cannot-be-told": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(attached_policies=denied("iam:ListAttachedRolePolicies")),
        ),
        (reregister((str(OLD), NEW)),),
    ),
    "a-suffix-that-ecs-does-not-read": Case(
        world(container(f"{ARN}:password::"), secrets=(GHCR,), role=role(reads=[GHCR])),
        (reregister((f"{ARN}:password::", GHCR)),),
    ),
    "credentials-on-an-ecr-image-are-taken-away": Case(
        world(
            container(GHCR, image="111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"),
            secrets=(GHCR,),
            role=role(reads=[GHCR]),
        ),
        (reregister((ARN, None)),),
    ),
    "cloudformation-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"aws:cloudformation:stack-name": "prod"}),
        refused=(("reregister", "belongs to CloudFormation (tag aws:cloudformation:stack-name)"),),
    ),
    "aws-batch-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"AWSBatchServiceTag": "batch"}),
        refused=(("reregister", "AWS Batch registered the task definition for its jobs"),),
    ),
    "aws-batch-owns-it-and-a-template-is-named-too": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            tags={"AWSBatchServiceTag": "batch", "aws:cloudformation:stack-name": "prod"},
        ),
        refused=(("reregister", "AWS Batch registered"),),
    ),
    "aws-batch-owns-it-and-a-newer-revision-exists": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            tags={"AWSBatchServiceTag": "batch"},
            running=Usage(newest=False),
        ),
        refused=(("reregister", "AWS Batch registered"),),
    ),
    "aws-batch-does-not-own-the-role": Case(
        world(container(GHCR), secrets=(GHCR,), tags={"AWSBatchServiceTag": "batch"}), (grant(GHCR),)
    ),
    "a-tag-key-of-the-parameter-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"team-iac": "x"}),
        refused=(("reregister", "(tag team-iac)"),),
        rules={"infrastructure_tags": ("team-iac",)},
    ),
    "infrastructure-as-code-does-not-own-the-role": Case(
        world(container(GHCR), secrets=(GHCR,), tags={"aws:cloudformation:stack-name": "prod"}), (grant(GHCR),)
    ),
    "a-newer-revision-exists": Case(
        world(
            container(OLD), secrets=(NEW,), role=role(reads=[NEW]), running=Usage(newest=False, services=(service(),))
        ),
        refused=(("reregister", "a newer revision of the family exists"),),
    ),
    "it-cannot-be-read-whether-a-newer-one-exists": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), unreadable={"usage": denied()}),
        refused=(("reregister", "could not be read whether this is the newest"),),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_plan(case: Case) -> None:
    check_plan(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_refusal_says_what_its_owner_would_do(name: str) -> None:
    check_refusals(CASES[name])


def test_an_action_names_the_findings_that_it_fixes() -> None:
    facts = CASES["a-stale-arn-whose-replacement-the-role-cannot-read"].world.facts()
    findings = examine(facts).findings
    (stale,) = (each for each in findings if each.check == "reference-stale")
    actions = make_plan(facts, findings, Rules()).actions
    assert [getattr(each, "findings", None) for each in actions] == [(stale.id,), (stale.id,)]


def test_grants_come_first_and_alone() -> None:
    both = plan(CASES["a-stale-arn-whose-replacement-the-role-cannot-read"].world)
    assert [type(each) for each in both.actions] == [Grant, Reregister]
    assert next_actions(both) == both.actions[:1]


def test_without_grants_everything_comes_next() -> None:
    made = plan(CASES["a-stale-arn"].world)
    assert next_actions(made) == made.actions
    assert next_actions(Plan()) == ()


ENDPOINT = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}

READS = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(KEYED.arn)}


def test_no_revision_names_a_secret_that_the_role_cannot_read_and_no_grant_lets_in() -> None:
    narrow = NamedPolicy(
        name="own", document={"Version": "2012-10-17", "Statement": [{**READS, "Condition": ENDPOINT}]}
    )
    stale = f"{str(KEYED.arn)[:-6]}Gone12"
    made = plan(world(container(stale), secrets=(KEYED,), role=role(inline_policies=(narrow,))))
    assert made.actions == ()
    (refusal,) = made.refusals
    assert (refusal.kind, "could not pull either" in refusal.why) == ("reregister", True)
