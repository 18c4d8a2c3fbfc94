"""Remedies of findings that are unknown because AWS did not answer."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pullguard.checks.examine import examine, unread_task_definition
from pullguard.checks.gather import gather
from pullguard.checks.unread import how_to_read
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import NO_PERMISSION, Missing, Unreadable
from tests.fakes import NOW, World, container, key, revision_arn, role, secret, task_definition

if TYPE_CHECKING:
    from pullguard.domain.role import Simulated

GHCR = secret()
READ, KEY = "secretsmanager:GetSecretValue", "kms:DescribeKey"
DENIED = Unreadable(permission=READ, resource="s", reason="denied", detail="AccessDeniedException")


def refused(code: str, permission: str = READ) -> Unreadable:
    return Unreadable(permission=permission, resource=str(GHCR.arn), reason="refused", detail=code)


@pytest.mark.parametrize(
    ("unread", "text"),
    [
        ((DENIED,), f"Allow Pullguard (or the principal that runs the audit) {READ} on s."),
        (
            (DENIED, replace(DENIED, permission=KEY, resource="k")),
            f"Allow Pullguard (or the principal that runs the audit) {READ} on s and {KEY} on k.",
        ),
        (
            (replace(DENIED, reason="throttled"),),
            f"AWS did not answer {READ} on s; the next validation or sweep asks again.",
        ),
        (
            (replace(DENIED, reason="refused", detail="DecryptionFailure"),),
            f"AWS refused {READ} on s (DecryptionFailure), which no permission changes. "
            "Make the KMS key of the secret usable again (aws kms describe-key shows its state).",
        ),
        (
            (replace(DENIED, reason="refused", detail="SomethingNew"),),
            f"AWS refused {READ} on s (SomethingNew), which no permission changes. "
            "Run the call yourself: its error message says why.",
        ),
        (
            (Unreadable(permission=NO_PERMISSION, resource="ghcr.io", reason="refused", detail="KeyError in x.py:1"),),
            "Pullguard failed to ask ghcr.io; the next validation or sweep tries again.",
        ),
        (
            (replace(DENIED, reason="unreachable"), DENIED),
            f"Allow Pullguard (or the principal that runs the audit) {READ} on s. "
            f"AWS did not answer {READ} on s; the next validation or sweep asks again.",
        ),
        ((DENIED, DENIED), f"Allow Pullguard (or the principal that runs the audit) {READ} on s."),
    ],
    ids=["denied", "two denied", "throttled", "key", "other refusal", "registry", "two reasons", "twice the same"],
)
def test_each_reason_has_its_own_words(unread: tuple[Unreadable, ...], text: str) -> None:
    assert how_to_read(unread) == text


def findings(world: World, **facts: object) -> tuple[Finding, ...]:
    gathered = gather(str(revision_arn()), world, now=NOW)
    assert isinstance(gathered, Facts)
    return examine(replace(gathered, **facts)).findings  # type: ignore[arg-type]


REFUSED = {
    "value": World(
        (task_definition(container(GHCR)),),
        (role(reads=[GHCR]),),
        (replace(GHCR, value=refused("InvalidRequestException"), stages={"v1": ("AWSCURRENT",)}),),
    ),
    "resource policy": World(
        (task_definition(container(GHCR)),),
        (role(reads=[GHCR]),),
        (replace(GHCR, resource_policy=refused("InvalidRequestException", "secretsmanager:GetResourcePolicy")),),
    ),
    "key": World(
        (task_definition(container(GHCR)),),
        (role(reads=[GHCR]),),
        (replace(GHCR, key=refused("DecryptionFailure", "kms:DescribeKey")),),
    ),
    "key policy": World(
        (task_definition(container(GHCR)),),
        (role(reads=[GHCR]),),
        (replace(GHCR, key=replace(key(), policy=refused("InvalidArnException", "kms:GetKeyPolicy"))),),
    ),
}


@pytest.mark.parametrize("world", REFUSED.values(), ids=REFUSED)
def test_a_call_that_aws_refused_is_never_a_matter_of_permissions(world: World) -> None:
    found = [each for each in findings(world) if each.status == "unknown"]
    assert found
    for each in found:
        assert "AWS refused" in each.remedy.text
        assert "Allow" not in each.remedy.text


def test_a_value_that_is_not_found_after_its_secret_was_described_is_unknown() -> None:
    value = Missing(resource=str(GHCR.arn))
    world = replace(REFUSED["value"], secrets=(replace(GHCR, value=value, stages={"v1": ("AWSCURRENT",)}),))
    (found,) = findings(world)
    assert (found.check, found.status) == ("secret-value-malformed", "unknown")
    assert "although DescribeSecret had just named its current version" in found.evidence
    assert "Allow" not in found.remedy.text


def test_a_value_that_is_not_found_where_there_is_no_current_version_is_explained() -> None:
    secrets = (replace(GHCR, value=Missing(resource=str(GHCR.arn)), stages={}),)
    (found,) = findings(replace(REFUSED["value"], secrets=secrets))
    assert (found.check, found.status) == ("secret-no-current-version", "fail")


def test_the_simulator_that_refuses_is_no_matter_of_permissions() -> None:
    world = World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,))
    simulated: dict[str, tuple[Simulated, ...] | Unreadable] = {
        "app": refused("PolicyEvaluation", "iam:SimulatePrincipalPolicy")
    }
    (found,) = findings(world, simulations=simulated)
    assert found.remedy.text.endswith("Correct the policy of the role that AWS's policy simulator cannot evaluate.")


def test_a_task_definition_that_was_refused() -> None:
    arn = Arn.parse(str(revision_arn()))
    found = unread_task_definition(arn, refused("ServerException", "ecs:DescribeTaskDefinition"))
    assert "Allow" not in found.remedy.text
