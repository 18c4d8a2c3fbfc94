"""After a rotation that the registry took: which services start their tasks anew, one by one, and which do not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.actions import Redeploy, Refusal
from pullguard.domain.facts import Facts
from pullguard.domain.provenance import Provenance
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Verification, Verified
from pullguard.planning.redeployment import REDEPLOYED_WITHIN, redeployments, verified
from pullguard.store.ledger import Ledger
from tests.fakes import (
    ACCOUNT,
    GOOD_VALUE,
    NOW,
    World,
    container,
    denied,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.unit.planning.rotation_scene import GHCR, IMAGE, ROTATION, arn_of, running, world


def steps(facts: Facts, cause: Provenance = ROTATION) -> list[str]:
    return [
        step.service if isinstance(step, Redeploy) else f"refused {step.target}"
        for step in redeployments(facts, verified(facts), cause)
    ]


# --- The need ----------------------------------------------------------------------------------------------------

NEEDED: dict[str, tuple[World, list[str]]] = {
    "a service that was deployed before": (world(), [arn_of()]),
    "two, in order": (world(running("b"), running("a")), [arn_of("a"), arn_of("b")]),
    "one that was deployed since": (world(running(ago=timedelta(seconds=29))), []),
    "one that runs nothing": (world(running(count=0)), []),
    "one whose deployment is not known": (world(replace(running(), deployed_at=None)), []),
    "one of CodeDeploy": (world(running(controller="CODE_DEPLOY")), [f"refused {arn_of()}"]),
    "no service": (world(running=Usage(newest=True)), []),
    "no verification": (world(verifications={}), []),
    **{
        f"the registry says {answer}": (world(verifications={IMAGE: Verification(answer=answer)}), [])
        for answer in ("rejected", "no-such-image", "rate-limited", "unreachable", "anonymous-ok")
    },
    "one of two containers is not verified": (
        world(
            task_definitions=(
                task_definition(container(GHCR), container(GHCR, name="side", image="ghcr.io/acme/side:1")),
            )
        ),
        [],
    ),
    "a container without credentials does not matter": (
        world(task_definitions=(task_definition(container(GHCR), container(name="side", image="quay.io/a/b:1")),)),
        [arn_of()],
    ),
    "an old version": (
        world(its=replace(GHCR, value=replace(GOOD_VALUE, version_id="v2", created_at=NOW - timedelta(hours=1)))),
        [],
    ),
    "the version that was verified is no longer the current one": (
        world(its=replace(GHCR, stages={"v3": ("AWSCURRENT",), "v2": ("AWSPREVIOUS",)})),
        [],
    ),
}


def owned(*, tags: dict[str, str] | None = None, registry: str | None = "ghcr.io", **changes: Any) -> World:
    """The world whose owners say this of the secret, by its tags, and of the role, by ``changes``."""
    its = secret(
        registry=registry, tags=tags or {}, value=GHCR.value, stages=GHCR.stages, outside=changes.pop("outside", "")
    )
    return world(its=its, roles=(role(reads=[its], **changes),))


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/required"
AS_TASK_ROLE = task_definition(container(GHCR), task_role=str(role_arn()))
OTHER = replace(secret("other", registry=None), value=GHCR.value, stages=GHCR.stages)
# The owners who consent, and the reason of the refusal; None without a refusal.
CONSENT: dict[str, tuple[World, str | None]] = {
    "both": (owned(), None),
    "the secret's owner, who names the role": (owned(tags={"pullguard:roles": "api-* web-*"}), None),
    "not the role's owner": (owned(managed=False), "has no tag pullguard:managed=true"),
    "a role without the boundary": (owned(required_boundary=BOUNDARY), "lacks the permissions boundary"),
    "the secret's owner, for other roles": (owned(tags={"pullguard:roles": "api-*"}), "does not name the role"),
    "not the secret's owner": (owned(registry=None), "is not opted in"),
    "the secret's owner, in a tag that does not parse": (owned(registry="ghcr.io evil_host!"), "is not opted in"),
    "the secret's owner, for another registry": (owned(registry="quay.io"), "the image is on ghcr.io"),
    "a secret outside of the deployment's pattern": (
        owned(outside="prod/*"),
        "does not match the deployment's pattern",
    ),
    "a task role that nobody named": (world(task_definitions=(AS_TASK_ROLE,)), "is also the task role"),
    "one secret's owner, and not the other's": (
        world(
            task_definitions=(task_definition(container(GHCR), container(OTHER, name="side")),),
            secrets=(GHCR, OTHER),
            roles=(role(reads=[GHCR, OTHER]),),
        ),
        "the secret other is not opted in",
    ),
}


@pytest.mark.parametrize(("here", "why"), CONSENT.values(), ids=CONSENT)
def test_a_redeployment_needs_every_owners_consent(here: World, why: str | None) -> None:
    (step,) = redeployments(here.facts(), verified(here.facts()), ROTATION)
    assert isinstance(step, Redeploy) is (why is None)
    assert why is None or (isinstance(step, Refusal) and why in step.why and step.target == arn_of())


def test_an_unreadable_role_has_no_consent() -> None:
    facts = replace(world().facts(), role=denied())
    (step,) = redeployments(facts, verified(facts), ROTATION)
    assert isinstance(step, Refusal)


@pytest.mark.parametrize(("here", "expected"), NEEDED.values(), ids=NEEDED)
def test_who_is_redeployed(here: World, expected: list[str]) -> None:
    assert steps(here.facts()) == expected


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("Secret Label Updated", True),
        ("PutSecretValue", True),
        ("UpdateSecret", True),
        ("UpdateSecretVersionStage", True),
        ("RotationSucceeded", True),
        ("RotationStarted", False),
        ("RotationFailed", False),
        ("Sweep", False),
        ("RegisterTaskDefinition", False),
        ("ECS Task State Change", False),
        ("TagResource", False),
    ],
)
def test_only_a_rotation_is_a_reason(kind: str, is_one: bool) -> None:
    assert bool(steps(world().facts(), replace(ROTATION, kind=kind))) is is_one


@pytest.mark.parametrize(
    ("ago", "is_one"), [(REDEPLOYED_WITHIN, True), (REDEPLOYED_WITHIN + timedelta(seconds=1), False)]
)
def test_only_a_recent_rotation_leads_to_a_redeployment(ago: timedelta, is_one: bool) -> None:
    old = replace(GHCR, value=replace(GOOD_VALUE, version_id="v2", created_at=NOW - ago))
    assert bool(steps(world(its=old).facts(), replace(ROTATION, at=NOW - ago))) is is_one


@pytest.mark.parametrize("change", [{"image": "ghcr.io/acme/web:2"}, {"version": "v1"}, {"secret": secret("x").arn}])
def test_a_proof_of_something_else_redeploys_nothing(change: dict[str, Any]) -> None:
    facts = world().facts()
    proofs = tuple(replace(proof, **change) for proof in verified(facts))
    assert redeployments(facts, proofs, ROTATION) == ()


def test_a_proof_comes_back_from_the_ledger(ledger: Ledger) -> None:
    proofs = verified(world().facts())
    ledger.entries.keep_verified(revision_arn(), proofs, now=NOW)
    assert ledger.entries.get(revision_arn()).verified == proofs
    assert [type(proof) for proof in proofs] == [Verified]
