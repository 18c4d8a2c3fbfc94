"""Triggers: which events report one change, which a sequence of changes, and which a rotation."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.provenance import Provenance
from pullguard.domain.usage import Reason
from pullguard.events.parser import BRANCHES
from pullguard.events.triggers import (
    KeyChanged,
    RoleChanged,
    RotationChanged,
    SecretChange,
    SecretChanged,
    ServiceChanged,
    StoppedContainer,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    Trigger,
    begins_rotation,
    current_value_of,
    debounced_resource,
    deduplication_key,
    is_of_service,
    is_rotation,
    sequence,
)
from tests.unit.events.samples import KEY, REVISION, SAMPLES, SECRET, VERSION, read, words_of

SAME_CHANGE = ("secret-label-updated", "put-secret-value", "update-secret", "update-secret-version-stage")


@pytest.mark.parametrize("name", SAME_CHANGE)
def test_a_label_that_moves_is_the_same_change_however_it_is_reported(name: str) -> None:
    assert deduplication_key(read(name)) == f"label {SECRET} {VERSION} AWSCURRENT"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("put-secret-value-pending", {}),
        ("put-secret-value", {"detail.requestParameters.clientRequestToken": VERSION.replace("4", "5")}),
        ("put-secret-value", {"detail.requestParameters.versionStages": ["AWSCURRENT", "blue"]}),
        ("put-secret-value", {"detail.requestParameters.versionStages": [["AWSCURRENT"]]}),
        ("put-secret-value", {"detail.requestParameters.clientRequestToken": "short"}),
        ("update-secret-version-stage", {"detail.requestParameters.moveToVersionId": None}),
        ("update-secret-description", {}),
        ("create-secret-response-dropped", {}),
        ("rotation-succeeded", {}),
        ("delete-secret", {}),
    ],
    ids=words_of,
)
def test_a_change_that_is_not_proved_to_be_the_same_is_another(name: str, changes: dict[str, Any]) -> None:
    assert deduplication_key(read(name, changes)) != deduplication_key(read("secret-label-updated"))


def test_a_task_that_goes_on_stopping_is_one_failure_for_each_kind_of_reason() -> None:
    first, again = read("task-stopped-fargate"), read("task-stopped-fargate", {"id": "again", "detail.version": 4})
    assert deduplication_key(first) == deduplication_key(again)
    other = {"detail.stoppedReason": "CannotPullContainerError: toomanyrequests", "detail.containers": []}
    assert deduplication_key(first) != deduplication_key(read("task-stopped-fargate", other))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        *((name, True) for name in (*SAME_CHANGE, "update-secret-description", "create-secret")),
        *((name, False) for name in ("tag-secret", "delete-secret", "put-resource-policy", "rotation-succeeded")),
        ("put-secret-value-pending", False),
    ],
)
def test_all_that_can_move_the_current_value_is_one_sequence(name: str, same: bool) -> None:
    assert (sequence(read(name)) == f"labels of {SECRET}") is same


BEGINS = ("rotate-secret", "rotation-started", "put-secret-value-pending")


@pytest.mark.parametrize("name", BEGINS)
def test_all_events_of_a_rotation_before_its_value_is_current_are_one_change(name: str) -> None:
    assert begins_rotation(read(name))
    assert deduplication_key(read(name)) == sequence(read(name)) == f"begin of a rotation of {SECRET}"


def test_nothing_else_begins_a_rotation() -> None:
    begins = {path.stem for path in SAMPLES.glob("*.json") if begins_rotation(read(path.stem))}
    assert begins == set(BEGINS)


ROLE, POLICY = "role 111122223333 web-execution", "policy arn:aws:iam::111122223333:policy/registry-secrets"
# Every event name, with the resource whose later changes may share one validation; None: at once.
DEBOUNCED: dict[str, str | None] = {
    "RegisterTaskDefinition": None,
    "CreateService": None,
    "UpdateService": None,
    "ECS Task State Change": None,
    "Secret Label Updated": None,
    "CreateSecret": None,
    "PutSecretValue": None,
    "UpdateSecret": None,
    "UpdateSecretVersionStage": None,
    "DeleteSecret": None,
    "RestoreSecret": None,
    "RotateSecret": None,
    "CancelRotateSecret": None,
    "RotationStarted": None,
    "RotationSucceeded": None,
    "RotationFailed": None,
    "RotationAbandoned": None,
    "TestRotationFailed": None,
    "ReplicateSecretToRegions": None,
    "RemoveRegionsFromReplication": None,
    "StopReplicationToReplica": None,
    "PutResourcePolicy": f"secret {SECRET}",
    "DeleteResourcePolicy": f"secret {SECRET}",
    "TagResource": f"secret {SECRET}",
    "UntagResource": "secret registry/ghcr",  # the caller named it so
    "DisableKey": None,
    "EnableKey": None,
    "ScheduleKeyDeletion": None,
    "CancelKeyDeletion": None,
    "DeleteImportedKeyMaterial": None,
    "ImportKeyMaterial": None,
    "KMS CMK Deletion": None,
    "KMS Imported Key Material Expiration": None,
    "PutKeyPolicy": f"key {KEY}",
    "CreateGrant": f"key {KEY}",
    "RevokeGrant": f"key {KEY}",
    "RetireGrant": f"key {KEY}",
    "CreateRole": None,
    "DeleteRole": None,
    "PutRolePolicy": ROLE,
    "DeleteRolePolicy": ROLE,
    "AttachRolePolicy": ROLE,
    "DetachRolePolicy": ROLE,
    "PutRolePermissionsBoundary": ROLE,
    "DeleteRolePermissionsBoundary": ROLE,
    "UpdateAssumeRolePolicy": ROLE,
    "TagRole": ROLE,
    "UntagRole": ROLE,
    "CreatePolicyVersion": POLICY,
    "SetDefaultPolicyVersion": POLICY,
}


def test_the_table_has_every_event_of_the_rules() -> None:
    assert DEBOUNCED.keys() == {name for _, name in BRANCHES}


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_permission_and_tag_changes_of_one_resource_are_debounced_and_no_others(name: str) -> None:
    trigger = read(name)
    assert debounced_resource(trigger) == DEBOUNCED[trigger.provenance.kind]


# --- Records --------------------------------------------------------------------------------------------------------

ORIGIN = {
    "provenance": Provenance(kind="PutRolePolicy", event_id="event-1", at=datetime(2026, 11, 23, tzinfo=UTC)),
    "account": "111122223333",
    "region": "us-east-1",
}
ROTATED = Provenance(kind="RotateSecret", event_id="event-2", at=datetime(2026, 11, 23, tzinfo=UTC))

CLUSTER = Arn.parse("arn:aws:ecs:us-east-1:111122223333:cluster/main")


def origin(**changes: Any) -> dict[str, Any]:
    return {**ORIGIN, **changes}


def stopped(reason: str = "", *containers: StoppedContainer, group: str = "") -> TaskStopped:
    return TaskStopped(
        **origin(),
        task_definition=Arn.parse(REVISION),
        task=Arn.parse("arn:aws:ecs:us-east-1:111122223333:task/main/1"),
        cluster=CLUSTER,
        stopped_reason=reason,
        containers=containers,
        group=group,
    )


def changed(change: SecretChange = "value", **members: Any) -> SecretChanged:
    return SecretChanged(
        **{**origin(), "secret": Arn.parse(SECRET), "name": "registry/ghcr", "change": change, **members}
    )


KEYS: dict[str, tuple[Trigger, str]] = {
    "revision": (
        TaskDefinitionRegistered(**origin(), task_definition=Arn.parse(REVISION), family="web"),
        f"registered {REVISION}",
    ),
    "family-alone": (TaskDefinitionRegistered(**origin(), task_definition=None, family="web"), "event event-1"),
    "label": (changed(version_id="v1", label="AWSCURRENT"), f"label {SECRET} v1 AWSCURRENT"),
    "another-label": (changed(version_id="v1", label="blue"), f"begin of a rotation of {SECRET}"),
    "label-of-a-secret-known-by-its-name": (changed(secret=None, version_id="v1", label="AWSCURRENT"), "event event-1"),
    "version-without-a-label": (changed(version_id="v1"), "event event-1"),
    "rotation-requested": (changed("rotation", provenance=ROTATED), f"begin of a rotation of {SECRET}"),
    "rotation-configured": (changed("rotation"), "event event-1"),
    "rotation-failed": (
        RotationChanged(**origin(), secret=Arn.parse(SECRET), outcome="failed", step="setSecret"),
        "event event-1",
    ),
    "key": (KeyChanged(**origin(), key=Arn.parse(KEY), change="state"), "event event-1"),
    "role": (RoleChanged(**origin(), role_name="web-execution", change="policy"), "event event-1"),
    "stop": (stopped(), f"stop of {REVISION} unknown"),
    "start": (
        TaskStarted(**origin(), task_definition=Arn.parse(REVISION), cluster=CLUSTER, ran=True),
        "event event-1",
    ),
    "service": (
        ServiceChanged(**origin(), service=None, task_definition=Arn.parse(REVISION), family="web"),
        "event event-1",
    ),
}


@pytest.mark.parametrize(("trigger", "key"), KEYS.values(), ids=KEYS)
def test_the_deduplication_key_names_the_change(trigger: Trigger, key: str) -> None:
    assert deduplication_key(trigger) == key


def test_the_reasons_of_a_stop_begin_with_the_tasks_own_and_leave_out_empty_ones() -> None:
    app = StoppedContainer(name="app", image="ghcr.io/acme/web:1", reason="CannotPullContainerError: denied")
    quiet, nameless = (
        StoppedContainer(name="side", image="", reason=""),
        StoppedContainer(name="", image="", reason="x"),
    )
    assert stopped("Task failed to start", app, quiet, nameless).reasons == (
        Reason(text="Task failed to start"),
        Reason(text="CannotPullContainerError: denied", image="ghcr.io/acme/web:1", container="app"),
        Reason(text="x"),
    )
    assert stopped("").reasons == ()


@pytest.mark.parametrize(
    ("group", "of_service"),
    [("service:web", True), ("family:web", False), ("", False), ("services:web", False), ("my service:web", False)],
)
def test_a_task_of_a_service_is_known_by_its_group(group: str, of_service: bool) -> None:
    assert is_of_service(group) is of_service
    assert stopped(group=group).of_service is of_service


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Secret Label Updated", True),
        ("PutSecretValue", True),
        ("RotationSucceeded", True),
        ("RotationFailed", False),
        ("RotateSecret", False),
        ("PutRolePolicy", False),
        ("", False),
    ],
)
def test_only_a_new_value_is_a_rotation(kind: str, expected: bool) -> None:
    assert is_rotation(replace(ROTATED, kind=kind)) is expected


def test_changes_of_the_current_value_are_a_sequence_and_others_are_alone() -> None:
    assert sequence(changed(version_id="v1", label="AWSCURRENT")) == current_value_of(Arn.parse(SECRET))
    assert sequence(changed("created")) == current_value_of(Arn.parse(SECRET))
    assert sequence(changed("tags")) == "event event-1"
    assert sequence(changed(secret=None)) == "event event-1"
