"""Rotations, end to end: a real registry, the deployed stack, and the alerts about good and bad rotations."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.provenance import Provenance
from pullguard.domain.stop import GO_ON, Stop, switch_text
from sandbox import incidents
from sandbox.capacity import WORKERS_AT_ONCE
from sandbox.demo.progress import Progress, wait_until
from sandbox.demo.scene import Scene, deploy
from sandbox.emulator import Emulator
from sandbox.inbox import Letter
from sandbox.registry import PrivateRegistry
from sandbox.token_service import Account
from tests.e2e.families import family, fresh
from tests.e2e.rotations import (
    IMAGE,
    OTHER_IMAGE,
    PROMPT_S,
    REREGISTER,
    RESOLVE,
    VALIDATE,
    Dependents,
    counted,
    dependents,
    deployments,
    logged,
    validated_for_events,
    wait_for_letter,
)
from tests.e2e.stacks import Used
from tests.registry.presence import require_registry

PARAMETERS = {"Mode": "remediate", "VerifyCredentials": "true", "RedeployOnRotation": "true"}
MANY = 300
BEFORE, AFTER = ("RotateSecret", "RotationStarted"), ("RotationSucceeded",)
WITHIN_S = 120
LONG_S = 600
log = logging.getLogger(__name__)  # shown by: -o log_cli=true --log-cli-level=INFO


@pytest.fixture(scope="module")
def stack(built: Path, used: Used) -> Iterator[Scene]:
    """A stack that verifies credentials, and whose functions have all run once: a cold start is not what is timed."""
    require_registry()
    with Emulator() as aws:
        scene = deploy(aws, built, PARAMETERS, Progress(quiet=True))
        used.watch(scene)
        scene.load(family(fresh("warm"), readable=True, opted_in=False, stale=True))
        wait_until(scene.letters, timeout_s=WITHIN_S)
        scene.settle()
        yield scene


@pytest.fixture(scope="module", params=["basic", "bearer"])
def registry(request: pytest.FixtureRequest) -> Iterator[PrivateRegistry]:
    """A real registry with an image, that asks for a password itself or sends to a token service."""
    require_registry()
    with PrivateRegistry({}, bearer=request.param == "bearer") as running:
        running.push(IMAGE, "1.0")
        yield running


@pytest.fixture(scope="module")
def plain() -> Iterator[PrivateRegistry]:
    """A real registry with an image, that asks for a password itself."""
    require_registry()
    with PrivateRegistry({}) as running:
        running.push(IMAGE, "1.0")
        yield running


@pytest.fixture(scope="module")
def four(stack: Scene, registry: PrivateRegistry) -> Dependents:
    """Four services that pull with one secret, all well."""
    made = dependents(stack, registry, 4)
    assert made.letters() == ()
    return made


def reported(here: Dependents, *, after: int) -> Letter:
    """Return the one alert that came about the families."""
    here.scene.settle()
    (letter,) = here.letters(after=after)
    return letter


def test_a_good_rotation_is_verified_and_silent(four: Dependents) -> None:
    since, read = time.time(), values_read(four.scene)
    four.rotate_well()
    four.scene.settle()
    assert four.letters() == ()
    assert len(validated_for_events(four.scene, since_epoch_s=since)) == len(four.families)
    assert values_read(four.scene) > read


def values_read(scene: Scene) -> int:
    return counted(scene, scene.calls())[VALIDATE]["secretsmanager:GetSecretValue"]


def test_a_bad_rotation_is_one_alert_that_names_every_service_and_its_fix_one_resolution(
    four: Dependents,
) -> None:
    already = len(four.scene.letters())
    right = four.rotate_badly()
    assert wait_for_letter(four, after=already) < PROMPT_S
    alert = reported(four, after=already)
    assert (alert.attributes["kind"], alert.attributes["check"]) == ("Finding Opened", "credentials-rejected")
    assert [name for name in four.families if name not in alert.text] == []

    already = len(four.scene.letters())
    four.store(right)
    wait_for_letter(four, after=already)
    assert reported(four, after=already).attributes["kind"] == "Finding Resolved"


def test_one_change_reported_natively_by_cloudtrail_and_twice_is_one_round_and_one_alert(
    stack: Scene, plain: PrivateRegistry
) -> None:
    here = dependents(stack, plain, 2)
    already, since = len(stack.letters()), time.time()
    here.rotate_badly()
    copies = [native(here), through_cloudtrail(stack)]
    stack.aws.emit(copies)
    wait_for_letter(here, after=already)
    assert reported(here, after=already).attributes["kind"] == "Finding Opened"

    events = logged(stack, RESOLVE, "Resolved", since_epoch_s=since)
    assert sorted(each["kind"] for each in events) == ["PutSecretValue"] * 2 + ["Secret Label Updated"] * 2
    assert [each["copy"] for each in events].count(False) == 1
    assert len(validated_for_events(stack, since_epoch_s=since)) == len(here.families)
    here.rotate_well()
    stack.settle()


def test_an_unreadable_repository_is_reported_alone_and_mutes_no_outage(stack: Scene) -> None:
    with PrivateRegistry({}, bearer=True) as registry:
        registry.push(IMAGE, "1.0")
        registry.push(OTHER_IMAGE, "1.0")
        here = dependents(stack, registry, 3)
        password = here.password()
        registry.admit(here.account, Account(password=password, repositories=(IMAGE,)))
        here.store(password)
        stack.settle()
        assert here.letters() == ()

        already = len(stack.letters())
        odd = here.one_more(OTHER_IMAGE)
        wait_for_letter(here, after=already)
        alert = reported(here, after=already)
        assert (alert.attributes["kind"], alert.attributes["family"]) == ("Finding Opened", odd)

        already = len(stack.letters())
        right = here.password()
        registry.admit(here.account, Account(password=right, repositories=(IMAGE,)))
        here.store(here.password())
        assert wait_for_letter(here, after=already) < PROMPT_S
        alert = reported(here, after=already)
        assert alert.attributes["kind"] == "Finding Opened"
        assert [name for name in here.families if name not in alert.text] == []

        already = len(stack.letters())
        here.store(right)
        wait_for_letter(here, after=already)
        assert reported(here, after=already).attributes["kind"] == "Finding Resolved"


def native(here: Dependents) -> dict[str, Any]:
    described = here.scene.aws.client("secretsmanager").describe_secret(SecretId=here.arn)
    (version,) = (v for v, labels in described["VersionIdsToStages"].items() if "AWSCURRENT" in labels)
    detail = {"name": here.secret, "labelUpdated": "AWSCURRENT", "versionId": version}
    return {
        "source": "aws.secretsmanager",
        "detail-type": "Secret Label Updated",
        "resources": [here.arn],
        "detail": detail,
    }


def through_cloudtrail(scene: Scene) -> dict[str, Any]:
    event = [each for each in scene.aws.events() if '"PutSecretValue"' in each["Detail"]][-1]
    return {
        "source": event["Source"],
        "detail-type": event["DetailType"],
        "resources": [],
        "detail": json.loads(event["Detail"]),
    }


def test_a_rotation_that_failed_is_one_alert_until_the_next_one_succeeds(stack: Scene, plain: PrivateRegistry) -> None:
    here = dependents(stack, plain, 2)
    here.rotate()
    stack.settle()
    assert here.letters() == ()

    already = len(stack.letters())
    incidents.fail_rotation(stack.aws, here.arn)
    wait_for_letter(here, after=already)
    alert = reported(here, after=already)
    assert alert.attributes["check"] == "secret-rotation-failed"
    assert [name for name in here.families if name not in alert.text] == []
    assert "pulls when" in alert.text

    already = len(stack.letters())
    here.rotate()
    wait_for_letter(here, after=already)
    assert reported(here, after=already).attributes["kind"] == "Finding Resolved"


def test_services_are_redeployed_after_a_rotation_that_was_verified_and_after_no_other(
    stack: Scene, plain: PrivateRegistry
) -> None:
    here = dependents(stack, plain, 2, desired=1)
    before = deployments(here)
    already = len(stack.letters())
    here.rotate_well()
    wait_until(lambda: set(deployments(here).values()).isdisjoint(before.values()), timeout_s=WITHIN_S)
    stack.settle()
    after = deployments(here)
    assert set(after.values()).isdisjoint(before.values())
    letters = here.letters(after=already)
    assert [letter.attributes["kind"] for letter in letters] == ["Remediation Completed"] * 2
    moves = logged(stack, REREGISTER, "Reregistered")
    assert sum(bool(each.get("redeployed")) for each in moves) == 2

    right = here.rotate_badly()
    stack.settle()
    assert deployments(here) == after
    here.store(right)
    stack.settle()


def _untag_role(here: Dependents) -> None:
    here.scene.aws.client("iam").untag_role(RoleName=f"{here.account}-execution", TagKeys=["pullguard:managed"])


def _name_other_roles(here: Dependents) -> None:
    tags = [{"Key": "pullguard:roles", "Value": "api-*"}]
    here.scene.aws.client("secretsmanager").tag_resource(SecretId=here.arn, Tags=tags)


@pytest.mark.parametrize(
    ("revoke", "why"),
    [(_untag_role, "has no tag pullguard:managed=true"), (_name_other_roles, "does not name the role")],
    ids=["the-role's-owner", "the-secret's-owner"],
)
def test_without_an_owners_consent_nothing_is_redeployed(
    stack: Scene, plain: PrivateRegistry, revoke: Callable[[Dependents], None], why: str
) -> None:
    here = dependents(stack, plain, 1, desired=1)
    revoke(here)
    stack.settle()
    before, already = deployments(here), len(stack.letters())
    here.rotate_well()
    wait_for_letter(here, after=already)
    letter = reported(here, after=already)
    assert letter.attributes["kind"] == "Remediation Refused"
    assert why in letter.text
    assert deployments(here) == before


def test_a_rotation_that_comes_back_after_days_redeploys_nothing(stack: Scene, plain: PrivateRegistry) -> None:
    here = dependents(stack, plain, 1, desired=1)
    before = deployments(here)
    switch = stack.aws.client("ssm"), stack.stack.outputs["StopParameter"]
    stop = Stop(by="a test", at="now", reason="a rotation during an incident")
    switch[0].put_parameter(Name=switch[1], Value=switch_text(stop), Type="String", Overwrite=True)
    here.rotate_well()
    stack.settle()
    switch[0].put_parameter(Name=switch[1], Value=GO_ON, Type="String", Overwrite=True)
    assert deployments(here) == before

    revision = Arn.parse(stack.names[f"task-definition:{here.families[0]}"])
    for event_id, at in (
        ("e-1970", datetime(1970, 1, 1, tzinfo=UTC)),
        ("e-old", datetime.now(UTC) - timedelta(days=3)),
    ):
        request = ValidationRequest(
            task_definition=revision, provenance=Provenance(kind="RotationSucceeded", event_id=event_id, at=at)
        )
        stack.send("ValidationQueue", request.to_json())
        stack.send("ReregisterQueue", request.to_json())
    stack.settle()
    assert deployments(here) == before

    request = ValidationRequest(
        task_definition=revision,
        provenance=Provenance(kind="RotationSucceeded", event_id="e-now", at=datetime.now(UTC)),
    )
    stack.send("ReregisterQueue", request.to_json())
    assert wait_until(lambda: deployments(here) != before, timeout_s=WITHIN_S)
    stack.settle()


def test_every_dependent_of_a_secret_that_was_deleted_and_created_again_gets_the_new_arn(
    stack: Scene, plain: PrivateRegistry
) -> None:
    here = dependents(stack, plain, 3)
    old, manager = here.arn, stack.aws.client("secretsmanager")
    manager.delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    stack.settle()
    value = json.dumps({"username": here.account, "password": here.password()})
    plain.set_password(here.account, json.loads(value)["password"])
    tags = [{"Key": "pullguard:registry", "Value": plain.host}]
    new = manager.create_secret(Name=here.secret, SecretString=value, Tags=tags)["ARN"]
    assert new != old
    wait_until(lambda: set(references(here)) == {new}, timeout_s=WITHIN_S)
    stack.settle()
    assert references(here) == [new] * len(here.families)


def references(here: Dependents) -> list[str]:
    """Return what the newest revision of each family names."""
    client = here.scene.aws.client("ecs")
    described = [client.describe_task_definition(taskDefinition=name)["taskDefinition"] for name in here.families]
    return [each["containerDefinitions"][0]["repositoryCredentials"]["credentialsParameter"] for each in described]


@pytest.mark.timeout(2 * LONG_S)
def test_a_rotation_of_three_hundred_dependents_is_one_validation_each_and_one_alert(
    stack: Scene, plain: PrivateRegistry
) -> None:
    here = dependents(stack, plain, MANY, desired=None, timeout_s=LONG_S)
    already, since = len(stack.letters()), time.time()
    plain.set_password(here.account, here.password())
    here.rotate()
    first_s = wait_for_letter(here, after=already)
    stack.settle(timeout_s=LONG_S)
    alert = reported(here, after=already)
    assert alert.attributes["check"] == "credentials-rejected"

    every_validation = logged(stack, VALIDATE, "Validated", since_epoch_s=since)
    requests = validated_for_events(stack, since_epoch_s=since)
    events = logged(stack, RESOLVE, "Resolved", since_epoch_s=since)
    assert {each["kind"] for each in events} == {*BEFORE, *AFTER, "Secret Label Updated"}
    assert [len(requests), len({each["task_definition"] for each in requests})] == [MANY + 2, MANY]
    assert at_once(requests) <= WORKERS_AT_ONCE
    counts = counted(stack, stack.calls(since_epoch_s=since))
    log.info("%s dependents, the alert after %.1f s", MANY, first_s)
    for function, its in sorted(counts.items()):
        log.info("%s: %s", function, ", ".join(f"{action} {count}" for action, count in its.most_common()))
    assert counts[RESOLVE]["dynamodb:Query"] <= len(events)
    assert not any(action.startswith("ecs:") for action in counts[RESOLVE])
    assert counts[VALIDATE]["ecs:DescribeTaskDefinition"] <= 2 * len(every_validation)
    assert counts[VALIDATE]["secretsmanager:GetSecretValue"] <= len(every_validation)


def at_once(requests: list[dict[str, Any]]) -> int:
    """Return how many invocations wrote these log lines at the same time, at most."""
    spans: dict[str, list[datetime]] = {}
    for each in requests:
        spans.setdefault(each["function_request_id"], []).append(datetime.fromisoformat(each["timestamp"]))
    starts = [(min(its), max(its)) for its in spans.values()]
    return max(sum(start <= moment <= end for start, end in starts) for moment, _ in starts)
