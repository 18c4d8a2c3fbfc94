"""events/ against pullguard.events: each branch has a sample, and each sample has its trigger."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pullguard.domain.errors import Rejected
from pullguard.events import (
    BRANCHES,
    EVENT_MAX_BYTES,
    KeyChanged,
    PolicyChanged,
    RoleChanged,
    RotationChanged,
    SecretChanged,
    ServiceChanged,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    parse_event_text,
)

MESSAGES = ("finding-opened", "validate-web", "validate-worker", "sweep-first-page", "sweep-is-due")
"""Input of the functions behind the first queue; tests/runtime sends it to them."""

FOLDER = Path(__file__).parents[2] / "events"
CATALOGUE = (FOLDER / "README.md").read_text(encoding="utf-8")

TRIGGERS: dict[str, tuple[type, dict[str, str | bool | None]]] = {
    "register-task-definition": (TaskDefinitionRegistered, {"family": "web"}),
    "register-task-definition-response-dropped": (TaskDefinitionRegistered, {"family": "web"}),
    "create-service": (ServiceChanged, {}),
    "update-service": (ServiceChanged, {}),
    "update-service-response-dropped": (ServiceChanged, {"family": "web"}),
    "update-service-by-family-response-dropped": (ServiceChanged, {"family": "web", "task_definition": None}),
    "key-deleted": (KeyChanged, {"change": "state"}),
    "key-material-expired": (KeyChanged, {"change": "state"}),
    "task-stopped-fargate": (TaskStopped, {"launch_type": "FARGATE", "platform_version": "1.4.0"}),
    "task-stopped-ec2": (TaskStopped, {"launch_type": "EC2"}),
    "task-stopped-without-stop-code": (TaskStopped, {"stop_code": ""}),
    "task-ran": (TaskStarted, {"ran": True}),
    "task-started": (TaskStarted, {"ran": True}),
    "secret-label-updated": (SecretChanged, {"change": "value", "label": "AWSCURRENT"}),
    "put-secret-value": (SecretChanged, {"change": "value", "label": "AWSCURRENT"}),
    "put-secret-value-pending": (SecretChanged, {"change": "value", "label": "AWSPENDING"}),
    "update-secret": (SecretChanged, {"change": "value", "label": "AWSCURRENT"}),
    "update-secret-description": (SecretChanged, {"change": "value"}),
    "update-secret-version-stage": (SecretChanged, {"change": "value", "label": "AWSCURRENT"}),
    "create-secret": (SecretChanged, {"change": "created", "name": "registry/ghcr"}),
    "create-secret-response-dropped": (SecretChanged, {"change": "created", "name": "registry/ghcr"}),
    "delete-secret": (SecretChanged, {"change": "deleted", "name": "registry/ghcr"}),
    "restore-secret": (SecretChanged, {"change": "restored"}),
    "put-resource-policy": (SecretChanged, {"change": "policy"}),
    "delete-resource-policy": (SecretChanged, {"change": "policy"}),
    "tag-secret": (SecretChanged, {"change": "tags"}),
    "untag-secret": (SecretChanged, {"change": "tags", "name": "registry/ghcr"}),
    "replicate-secret": (SecretChanged, {"change": "replicas"}),
    "remove-replica": (SecretChanged, {"change": "replicas"}),
    "stop-replication": (SecretChanged, {"change": "replicas"}),
    "rotate-secret": (SecretChanged, {"change": "rotation"}),
    "cancel-rotate-secret": (SecretChanged, {"change": "rotation"}),
    "rotation-started": (RotationChanged, {"outcome": "started"}),
    "rotation-succeeded": (RotationChanged, {"outcome": "succeeded"}),
    "rotation-succeeded-managed": (RotationChanged, {"outcome": "succeeded"}),
    "rotation-succeeded-as-api-call": (RotationChanged, {"outcome": "succeeded"}),
    "rotation-failed": (RotationChanged, {"outcome": "failed"}),
    "rotation-abandoned": (RotationChanged, {"outcome": "abandoned"}),
    "test-rotation-failed": (RotationChanged, {"outcome": "test-failed"}),
    "disable-key": (KeyChanged, {"change": "state"}),
    "enable-key": (KeyChanged, {"change": "state"}),
    "schedule-key-deletion": (KeyChanged, {"change": "state"}),
    "cancel-key-deletion": (KeyChanged, {"change": "state"}),
    "delete-imported-key-material": (KeyChanged, {"change": "state"}),
    "import-key-material": (KeyChanged, {"change": "state"}),
    "put-key-policy": (KeyChanged, {"change": "policy"}),
    "create-grant": (KeyChanged, {"change": "grants"}),
    "revoke-grant": (KeyChanged, {"change": "grants"}),
    "retire-grant": (KeyChanged, {"change": "grants"}),
    "put-role-policy": (RoleChanged, {"change": "policy", "role_name": "web-execution"}),
    "delete-role-policy": (RoleChanged, {"change": "policy"}),
    "attach-role-policy": (RoleChanged, {"change": "policy"}),
    "detach-role-policy": (RoleChanged, {"change": "policy"}),
    "put-role-permissions-boundary": (RoleChanged, {"change": "boundary"}),
    "delete-role-permissions-boundary": (RoleChanged, {"change": "boundary"}),
    "update-assume-role-policy": (RoleChanged, {"change": "trust"}),
    "tag-role": (RoleChanged, {"change": "tags"}),
    "untag-role": (RoleChanged, {"change": "tags"}),
    "create-policy-version": (PolicyChanged, {}),
    "set-default-policy-version": (PolicyChanged, {}),
    "create-role": (RoleChanged, {"change": "created"}),
    "delete-role": (RoleChanged, {"change": "deleted"}),
}

REASONS = {
    "not-json": "is not JSON",
    "not-an-object": "is not a JSON object",
    "no-detail": "lacks its source, detail-type or detail",
    "unknown-event": 'no trigger is known for "DeregisterTaskDefinition"',
    "bad-account": 'account "accountid" is not an account id',
    "bad-time": 'time "Nov 23, 2026 12:00:00 AM" is not a time with its zone',
    "other-account": "is not of the event's account, 111122223333",
    "other-accounts-policy": "is not of the event's account, 111122223333",
    "other-region": "is not of the event's Region, us-east-1",
    "wildcard-arn": "has a character in its resource that no resource name may have",
    "both-parts-dropped": "CloudTrail drops parts above 100 KB; the sweep validates it",
    "failed-call": 'the call failed, so nothing changed: "ClientException"',
    # The text around a colon may be a name and a password, so the error does not repeat it.
    "bad-secret-name": "a text of 15 characters, which is not shown, since it may hold a secret, has a wildcard in it",
    "contradicts-itself": 'detail.awsRegion "eu-west-1" is not the event\'s, us-east-1',
    "no-resources": "names no secret in resources",
    "rotation-of-nothing": "names no secret, neither in additionalEventData nor in serviceEventDetails",
    "key-by-alias": 'the key: ARN "alias/registry" is not an ARN',
    "bad-role-name": r'requestParameters.roleName "role\x00/x" is not a role name',
    "task-running": "the task is a service's, which is known from the service itself",
    "task-ended": 'the task stopped ("EssentialContainerExited"), but not for a pull that failed',
}


def _names(folder: str) -> set[str]:
    return {path.stem for path in (FOLDER / folder).glob("*.json")}


def _text(folder: str, name: str) -> str:
    return (FOLDER / folder / f"{name}.json").read_text(encoding="utf-8")


def _branch(name: str) -> tuple[str, str]:
    event: dict[str, Any] = json.loads(_text("eventbridge", name))
    return event["source"], event["detail"].get("eventName", event["detail-type"])


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_sample_becomes_its_trigger(name: str) -> None:
    kind, members = TRIGGERS[name]
    trigger = parse_event_text(_text("eventbridge", name))
    assert type(trigger) is kind
    assert {member: getattr(trigger, member) for member in members} == members
    assert trigger.provenance.kind == _branch(name)[1]
    assert (trigger.account, trigger.region) == ("111122223333", "us-east-1")


@pytest.mark.parametrize("name", REASONS)
def test_a_malformed_sample_is_rejected_with_its_reason(name: str) -> None:
    with pytest.raises(Rejected) as rejected:
        parse_event_text(_text("malformed", name))
    assert REASONS[name] in str(rejected.value)
    assert "\n" not in str(rejected.value)


def test_the_folders_hold_what_the_tables_name() -> None:
    assert _names("eventbridge") == set(TRIGGERS)
    assert _names("malformed") == set(REASONS)
    assert _names("messages") == set(MESSAGES)


def test_each_branch_has_a_sample_and_each_sample_a_branch() -> None:
    assert {_branch(name) for name in TRIGGERS} == BRANCHES


def test_the_readme_lists_every_sample_and_no_other() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in CATALOGUE.splitlines() if ".json |" in line]
    assert sorted(row[0] for row in rows) == sorted(f"{name}.json" for name in (*TRIGGERS, *REASONS, *MESSAGES))
    assert [row[0] for row in rows if not all(row)] == []  # each says what it shows


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.json")), ids=lambda path: path.stem)
def test_a_sample_fits_into_an_event_and_shows_no_real_account(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) <= EVENT_MAX_BYTES
    accounts = re.findall(r"""(?<=[:"])[0-9]{12}(?=[:".])""", text)
    assert set(accounts) <= {"111122223333", "444455556666"}
