"""Is the secret alive, and is its value what the ECS agent takes?"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.secret import live_secrets, shapes
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Missing, NotAsked
from pullguard.domain.secret import CrossAccountPrimary, Replica, Rotation, RotationEnd, ValueShape
from tests.fakes import GOOD_VALUE, NOW, REGION, World, container, denied, role, secret, secret_arn, task_definition
from tests.unit.checks.answers import failed, said

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def facts(ends: RotationEnd | None = None, **changes: Any) -> Facts:
    own = secret(**changes)
    found = World((task_definition(container(own)),), (role(reads=[own]),), (own,)).facts()
    return found if ends is None else found.with_rotation_ends({own.arn: ends})


def value(**changes: Any) -> ValueShape:
    return replace(GOOD_VALUE, **changes)


ROTATES = Rotation(enabled=True, interval_days=30, last_rotated_at=NOW - 10 * DAY)
PENDING = {"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)}


def rotated(ago: timedelta) -> Rotation:
    return replace(ROTATES, last_rotated_at=NOW - ago)


ANSWERS: dict[str, tuple[str, Facts, str | None]] = {
    # the check, the facts, the kind of its only answer
    "alive": ("secret-scheduled-for-deletion", facts(), "Passed"),
    "to-be-deleted": ("secret-scheduled-for-deletion", facts(deleted_at=NOW + DAY), "Failed"),
    "of-no-type": ("secret-type-unusable", facts(), "Passed"),
    "managed-external": ("secret-type-unusable", facts(type="SalesforceClientSecret"), "Failed"),
    "managed-external-and-to-be-deleted": (
        "secret-type-unusable",
        facts(type="SalesforceClientSecret", deleted_at=NOW + DAY),
        None,
    ),
    "a-current-version": ("secret-no-current-version", facts(), "Passed"),
    "no-version": ("secret-no-current-version", facts(stages={}), "Failed"),
    "pending-only": ("secret-no-current-version", facts(stages={"v1": ("AWSPENDING",)}), "Failed"),
    "text": ("secret-value-binary", facts(), "Passed"),
    "binary": ("secret-value-binary", facts(value=value(form="binary")), "Failed"),
    "binary-unread": ("secret-value-binary", facts(value=denied()), None),
    "usable": ("secret-value-malformed", facts(), "Passed"),
    "empty": ("secret-value-malformed", facts(value=value(form="empty")), "Failed"),
    "not-json": ("secret-value-malformed", facts(value=value(form="not-json")), "Failed"),
    "a-list": ("secret-value-malformed", facts(value=value(form="not-an-object")), "Failed"),
    "a-number": ("secret-value-malformed", facts(value=value(password="not-a-string")), "Failed"),
    "binary-is-reported-elsewhere": ("secret-value-malformed", facts(value=value(form="binary")), None),
    "value-denied": ("secret-value-malformed", facts(value=denied()), "Unsure"),
    "value-denied-without-a-current-version": ("secret-value-malformed", facts(value=denied(), stages={}), None),
    "value-vanished": ("secret-value-malformed", facts(value=Missing(resource="x")), "Unsure"),
    "value-not-asked": ("secret-value-malformed", facts(value=NotAsked(why="off", switch="--on")), "Skipped"),
    "both-fields": ("secret-value-empty-field", facts(), "Passed"),
    "no-username": ("secret-value-empty-field", facts(value=value(username="missing")), "Failed"),
    "empty-password": ("secret-value-empty-field", facts(value=value(password="empty")), "Failed"),
    "malformed-is-reported-elsewhere": ("secret-value-empty-field", facts(value=value(username="not-a-string")), None),
    "lower-case": ("secret-value-key-case", facts(), "Passed"),
    "capitals": ("secret-value-key-case", facts(value=value(miscased=("Username",))), "Failed"),
    "no-rotation": ("secret-rotation-failed", facts(), "Inapplicable"),
    "rotated-in-time": ("secret-rotation-failed", facts(rotation=ROTATES), "Passed"),
    "due-yesterday": ("secret-rotation-failed", facts(rotation=rotated(31 * DAY)), "Passed"),
    "overdue": ("secret-rotation-failed", facts(rotation=rotated(31 * DAY + HOUR)), "Failed"),
    "the-schedule-counts": (
        "secret-rotation-failed",
        facts(rotation=replace(rotated(40 * DAY), next_rotation_at=NOW + DAY)),
        "Passed",
    ),
    "pending-for-hours": (
        "secret-rotation-failed",
        facts(rotation=ROTATES, stages=PENDING, last_changed_at=NOW - HOUR),
        "Passed",
    ),
    "pending-for-days": (
        "secret-rotation-failed",
        facts(rotation=ROTATES, stages=PENDING, last_changed_at=NOW - 2 * DAY),
        "Failed",
    ),
    "an-event-said-that-it-failed": (
        "secret-rotation-failed",
        facts(RotationEnd(outcome="failed", at=NOW - HOUR), rotation=ROTATES),
        "Failed",
    ),
    "it-succeeded-since": (
        "secret-rotation-failed",
        facts(RotationEnd(outcome="failed", at=NOW - 11 * DAY), rotation=ROTATES),
        "Passed",
    ),
    "no-replica": ("secret-replica-failed", facts(), "Inapplicable"),
    "replica-in-sync": ("secret-replica-failed", facts(replicas=(Replica(region=REGION, status="InSync"),)), "Passed"),
    "replica-failed": ("secret-replica-failed", facts(replicas=(Replica(region=REGION, status="Failed"),)), "Failed"),
    "replica-elsewhere": (
        "secret-replica-failed",
        facts(replicas=(Replica(region="eu-west-1", status="Failed"),)),
        "Inapplicable",
    ),
    "replica-under-way": (
        "secret-replica-failed",
        facts(replicas=(Replica(region=REGION, status="InProgress"),), last_changed_at=NOW),
        None,
    ),
    "replica-under-way-for-hours": (
        "secret-replica-failed",
        facts(replicas=(Replica(region=REGION, status="InProgress"),), last_changed_at=NOW - 2 * HOUR),
        "Failed",
    ),
    "fed-from-another-account": (
        "secret-replica-failed",
        facts(cross_account_primary=CrossAccountPrimary(arn=str(secret_arn(account="444455556666")), status="InSync")),
        "Passed",
    ),
    "detached-from-another-account": (
        "secret-replica-failed",
        facts(
            cross_account_primary=CrossAccountPrimary(arn=str(secret_arn(account="444455556666")), status="Detached")
        ),
        "Failed",
    ),
}


@pytest.mark.parametrize(("check", "given", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_a_check_of_a_secret_answers(check: str, given: Facts, kind: str | None) -> None:
    assert said(check, given) == ([] if kind is None else [(kind, "app")])


VALUE_CHECKS = ("secret-value-binary", "secret-value-malformed", "secret-value-empty-field", "secret-value-key-case")


@pytest.mark.parametrize("check", [*VALUE_CHECKS, "secret-no-current-version"])
def test_nothing_else_is_said_of_a_managed_external_secret(check: str) -> None:
    given = facts(type="SalesforceClientSecret", stages={}, value=value(form="empty"))
    assert said(check, given) == [("Inapplicable", "app")]


@pytest.mark.parametrize("check", [*VALUE_CHECKS, "secret-no-current-version", "secret-rotation-failed"])
def test_a_secret_that_is_to_be_deleted_has_that_finding_alone(check: str) -> None:
    assert said(check, facts(deleted_at=NOW + DAY, stages={}, rotation=rotated(99 * DAY))) == []


EVIDENCE: dict[str, tuple[str, Facts, str]] = {
    "deletion": (
        "secret-scheduled-for-deletion",
        facts(deleted_at=NOW + DAY),
        "DescribeSecret: DeletedDate 2026-11-24 12:00 UTC",
    ),
    "versions": (
        "secret-no-current-version",
        facts(stages={"v1": ("blue",)}),
        "DescribeSecret: 1 version(s), none labelled AWSCURRENT",
    ),
    "fields": (
        "secret-value-empty-field",
        facts(value=value(username="missing", password="empty")),
        "GetSecretValue of version v1: username is missing, password is empty",
    ),
    "keys": (
        "secret-value-key-case",
        facts(value=value(miscased=("Username", "PASSWORD"))),
        "keys of the value: Username, PASSWORD",
    ),
    "replica": (
        "secret-replica-failed",
        facts(replicas=(Replica(region=REGION, status="Failed", status_message="in the way"),)),
        "ReplicationStatus: Failed in the way",
    ),
}


@pytest.mark.parametrize(("check", "given", "evidence"), EVIDENCE.values(), ids=EVIDENCE)
def test_the_evidence_is_what_aws_said(check: str, given: Facts, evidence: str) -> None:
    assert failed(check, given).evidence == evidence


def test_a_rotation_that_hangs_is_begun_anew_without_its_label() -> None:
    hangs = facts(rotation=ROTATES, stages=PENDING, last_changed_at=NOW - 2 * DAY)
    command = failed("secret-rotation-failed", hangs).remedy.snippet or ""
    first, _, second = command.partition(" && ")
    assert "update-secret-version-stage" in first
    assert first.endswith("--version-stage AWSPENDING --remove-from-version-id v2")
    assert "rotate-secret" in second


def test_a_failed_step_of_a_rotation_is_named() -> None:
    end = RotationEnd(outcome="failed", at=NOW, step="setSecret")
    evidence = failed("secret-rotation-failed", facts(end, rotation=ROTATES)).evidence
    assert evidence.startswith("the rotation failed at 2026-11-23 12:00:00 UTC, in the setSecret step of its function.")


def test_only_live_secrets_with_a_value_have_a_shape() -> None:
    assert [each.name for each, _ in live_secrets(facts())] == ["app"]
    assert list(live_secrets(facts(deleted_at=NOW))) == []
    assert [shape for _, _, shape in shapes(facts())] == [GOOD_VALUE]
    assert list(shapes(facts(value=denied()))) == []
