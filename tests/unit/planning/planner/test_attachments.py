"""Credentials for a container that names none: proof, one candidate, and the consent of three owners."""

import pytest

from pullguard.domain.findings import Remedy
from pullguard.domain.usage import Usage
from pullguard.planning.planner import distinct
from tests.fakes import container, denied, revision_arn, role, secret
from tests.unit.planning.planner.scene import (
    ATTACH,
    GHCR,
    MEANT,
    NEW_QUAY,
    OLD,
    PROVED,
    REFUSED_START,
    Case,
    check_plan,
    check_refusals,
    grant,
    plan,
    reregister,
    world,
)
from tests.worlds.commands import piped

CASES = {
    "missing-credentials-with-one-candidate": Case(
        world(container(), secrets=(MEANT,), role=role(reads=[MEANT]), tags=ATTACH, **PROVED),
        (reregister((None, MEANT)),),
    ),
    "missing-credentials-with-one-candidate-that-the-role-cannot-read": Case(
        world(container(), secrets=(MEANT,), tags=ATTACH, **PROVED), (grant(MEANT), reregister((None, MEANT)))
    ),
    "missing-credentials-that-the-task-definitions-owner-did-not-ask-for": Case(
        world(container(), secrets=(MEANT,), **PROVED),
        refused=(("reregister", "names no secret, and has no tag pullguard:attach=true"),),
    ),
    "missing-credentials-and-another-word-in-the-tag": Case(
        world(container(), secrets=(MEANT,), tags={"pullguard:attach": "True"}, **PROVED),
        refused=(("reregister", "no tag pullguard:attach=true"),),
    ),
    **{
        f"missing-credentials-of-a-secret-for-{name}": Case(
            world(container(), secrets=(secret(tags=tags),), tags=ATTACH, **PROVED),
            refused=(("reregister", words),),
        )
        for name, tags, words in (
            ("no-roles", {}, "a pattern of wildcards only names no role"),
            ("every-role", {"pullguard:roles": "*"}, "a pattern of wildcards only names no role"),
            ("every-role-in-other-words", {"pullguard:roles": "?* ** *"}, "wildcards only names no role"),
            ("every-role-and-another", {"pullguard:roles": "* api-*"}, "wildcards only names no role"),
            ("another-role", {"pullguard:roles": "api-*"}, "does not name the role"),
        )
    },
    "missing-credentials-and-a-role-that-is-not-managed": Case(
        world(container(), secrets=(MEANT,), role=role(managed=False), tags=ATTACH, **PROVED),
        refused=(("reregister", "has no tag pullguard:managed"),),
    ),
    "missing-credentials-and-a-stale-reference-beside-it": Case(
        world(
            container(),
            container(OLD, name="side", image="quay.io/a/b"),
            secrets=(MEANT, NEW_QUAY),
            role=role(reads=[NEW_QUAY]),
            **PROVED,
        ),
        (reregister((str(OLD), NEW_QUAY), name="side"),),
        refused=(("reregister", "has no tag pullguard:attach"),),
    ),
    "missing-credentials-with-two-candidates": Case(
        world(
            container(),
            secrets=(MEANT, secret("other", "ZzZzZz", tags=MEANT.tags)),
            role=role(reads=[MEANT]),
            tags=ATTACH,
            **PROVED,
        )
    ),
    "missing-credentials-that-nobody-has-proved": Case(
        world(container(), secrets=(MEANT,), role=role(reads=[MEANT]), tags=ATTACH)
    ),
    "missing-credentials-that-only-a-failed-start-speaks-of": Case(
        world(
            container(),
            secrets=(MEANT,),
            role=role(reads=[MEANT]),
            tags=ATTACH,
            running=Usage(newest=True, failed_starts=(REFUSED_START,)),
        )
    ),
    "missing-credentials-where-the-candidates-cannot-be-listed": Case(
        world(container(), secrets=(GHCR,), unreadable={"registry-secrets": denied()})
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_plan(case: Case) -> None:
    check_plan(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_refusal_says_what_its_owner_would_do(name: str) -> None:
    check_refusals(CASES[name])


def test_an_unrequested_change_is_in_the_plan_and_in_no_alert() -> None:
    refusals = plan(CASES["missing-credentials-that-the-task-definitions-owner-did-not-ask-for"].world).refusals
    assert [each.snippet for each in refusals] == [
        f"aws ecs tag-resource --region us-east-1 --resource-arn {revision_arn()} "
        "--tags key=pullguard:attach,value=true"
    ]
    assert distinct(refusals) == ()
    asked_for = plan(CASES["missing-credentials-of-a-secret-for-every-role"].world).refusals
    assert distinct(asked_for) == asked_for
    present = {"Tags": [{"Key": "pullguard:roles", "Value": "*"}]}
    (named,) = piped(Remedy(snippet=asked_for[0].snippet), present)
    assert named == {"Key": "pullguard:roles", "Value": "* web-execution"}
