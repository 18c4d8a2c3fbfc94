"""Mode=observe with every option on: rotations and stale references are only reported, unused grants are left alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, policy_document, render
from pullguard.domain.role_item import GrantRecord
from pullguard.store.ledger import Ledger
from sandbox.demo.evidence import OWN_POLICY
from sandbox.demo.progress import Progress, insist
from sandbox.demo.scene import Scene, about, deploy
from sandbox.emulator import ACCOUNT, Call, Emulator
from sandbox.inbox import Letter
from sandbox.registry import PrivateRegistry
from tests.e2e.families import family, fresh
from tests.e2e.rotations import IMAGE, Dependents, dependents, deployments, logged
from tests.e2e.stacks import Used
from tests.registry.presence import require_registry

PARAMETERS = {
    "Mode": "observe",
    "MoveServices": "true",
    "RedeployOnRotation": "true",
    "RevokeUnusedGrants": "true",
    "RevokeGraceDays": "0",
    "VerifyCredentials": "true",
    "RolePath": "/platform/",  # which every role ARN in policies then has
}
WITHIN_S = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The functions' calls, and the letters about each scenario's family, under a stack that observes."""

    calls: tuple[Call, ...]
    stale: tuple[Letter, ...]
    rotated: tuple[Letter, ...]
    refused: tuple[Letter, ...]
    unused: tuple[Letter, ...]
    deployments: tuple[dict[str, str], dict[str, str]]
    policies: tuple[str, str]


@pytest.fixture(scope="module")
def watching(built: Path, used: Used) -> Iterator[Scene]:
    """A stack that may do nothing at all, whatever it is asked for."""
    require_registry()
    with Emulator() as aws:
        scene = deploy(aws, built, PARAMETERS, Progress(quiet=True))
        used.watch(scene)
        yield scene


@pytest.fixture(scope="module")
def watched(watching: Scene) -> Iterator[Watched]:
    """Everything that a stack which remediates would act on."""
    with PrivateRegistry({}) as registry:
        registry.push(IMAGE, "1.0")
        two = dependents(watching, registry, 2, desired=1)
        before = deployments(two)
        two.rotate_well()
        rotated = planned(two)
        two.rotate()
        watching.settle()
        already = len(watching.letters())
        two.rotate_badly()
        insist(lambda: two.letters(after=already), "an alert of the bad rotation", timeout_s=WITHIN_S)
        refused = two.letters(after=already)
        stale, gone = fresh("stale"), fresh("gone")
        watching.load(family(stale, stale=True))
        granted = _granted_before_and_unused(watching, gone)
        watching.settle()
        sweep = json.dumps({"sweep": fresh("sweep"), "token": None})
        watching.send("SweepQueue", sweep)
        insist(
            lambda: logged(watching, "PatchExecutionRoleFunction", "Withdrawn"),
            "the review that follows the sweep",
            timeout_s=WITHIN_S,
        )
        watching.settle()
        yield Watched(
            calls=watching.calls(),
            stale=about(watching.letters(), stale),
            rotated=rotated,
            refused=refused,
            unused=about(watching.letters(), gone),
            deployments=(before, deployments(two)),
            policies=(granted, _policy(watching, gone)),
        )


def planned(here: Dependents) -> tuple[Letter, ...]:
    """Return the letters about a rotation that the registry accepted."""
    insist(here.letters, "what would be redeployed", timeout_s=WITHIN_S)
    here.scene.settle()
    return here.letters()


def _granted_before_and_unused(scene: Scene, name: str) -> str:
    """Let a role have a grant from when the stack remediated, whose family is gone; return its policy."""
    scene.load(family(name))
    scene.settle()
    role = Arn.parse(f"arn:aws:iam::{ACCOUNT}:role/{name}-execution")
    grants = (Granted(secret=Arn.parse(scene.names[f"secret:registry/{name}"]), key=None),)
    scene.aws.client("iam").put_role_policy(
        RoleName=f"{name}-execution", PolicyName=OWN_POLICY, PolicyDocument=render(policy_document(grants))
    )
    ledger = Ledger(scene.aws.client("dynamodb"), scene.stack.resources["Ledger"])
    revision = scene.names[f"task-definition:{name}"]
    records = (
        GrantRecord(granted=each, task_definition=revision, granted_at=datetime.now(UTC), is_confirmed=True)
        for each in grants
    )
    item = ledger.roles.item(role)
    assert ledger.roles.replace(role, item, replace(item, grants=tuple(records)))
    scene.aws.client("ecs").deregister_task_definition(taskDefinition=f"{name}:1")
    return _policy(scene, name)


def _policy(scene: Scene, name: str) -> str:
    found = scene.aws.client("iam").get_role_policy(RoleName=f"{name}-execution", PolicyName=OWN_POLICY)
    return json.dumps(found["PolicyDocument"], sort_keys=True)


def test_no_function_asks_to_write_to_iam_or_ecs(watched: Watched) -> None:
    assert [call for call in watched.calls if call.service in {"iam", "ecs"} and not call.is_read] == []


def test_no_service_is_redeployed_and_no_policy_changed(watched: Watched) -> None:
    assert watched.deployments[0] == watched.deployments[1]
    assert watched.policies[0] == watched.policies[1]


@pytest.mark.parametrize(
    ("scenario", "would"),
    [
        ("stale", "planned: register"),
        ("stale", "planned: grant role"),
        ("rotated", "planned: redeploy service"),
    ],
)
def test_planned_remediation_is_reported(watched: Watched, scenario: str, would: str) -> None:
    letters: tuple[Letter, ...] = getattr(watched, scenario)
    subjects = [letter.subject for letter in letters if letter.attributes["kind"] == "Remediation Planned"]
    assert any(would in subject for subject in subjects), subjects


def test_a_grant_that_nothing_names_is_not_reported_as_revoked(watched: Watched) -> None:
    assert [letter.subject for letter in watched.unused if "revoke" in letter.subject] == []


def test_a_bad_rotation_is_reported_as_usual(watched: Watched) -> None:
    assert [letter.attributes["kind"] for letter in watched.refused] == ["Finding Opened"]


def test_nothing_is_reported_as_done(watched: Watched) -> None:
    letters = (*watched.stale, *watched.rotated, *watched.refused, *watched.unused)
    assert {each.attributes["kind"] for each in letters}.isdisjoint({"Remediation Completed", "Remediation Failed"})
