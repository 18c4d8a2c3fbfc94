"""Things that happen to an account: a rotation that writes a value, one that fails, a task that cannot start."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox import cloudtrail
from sandbox.emulator import Emulator


def rotate(aws: Emulator, secret_arn: str, value: Mapping[str, Any] | str) -> None:
    """Let a rotation write a value: the new current version, and then the event that the rotation succeeded."""
    text = value if isinstance(value, str) else json.dumps(dict(value))
    aws.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=text)
    aws.emit([_rotation(aws, "RotationSucceeded", secret_arn)])


def fail_rotation(aws: Emulator, secret_arn: str, error: str = "Error when executing lambda during setSecret") -> None:
    """Let a rotation fail: the value stays as it is."""
    aws.emit([_rotation(aws, "RotationFailed", secret_arn, error)])


def stop_task(aws: Emulator, task_definition_arn: str, reason: str, *, service: str, cluster: str = "default") -> None:
    """Let a service's task stop before it started, for ``reason`` (ECS Task State Change, TaskFailedToStart)."""
    aws.emit([task_stopped(task_definition_arn, reason, service=service, cluster=cluster)])


def task_stopped(task_definition_arn: str, reason: str, *, service: str, cluster: str) -> dict[str, Any]:
    """Return the event of a Fargate task that failed to start.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    prefix = task_definition_arn.partition(":task-definition/")[0]
    task = f"{prefix}:task/{cluster}/{uuid.uuid4().hex}"
    family = task_definition_arn.rpartition("/")[2].partition(":")[0]
    detail = {
        "clusterArn": f"{prefix}:cluster/{cluster}",
        "containers": [{"name": family, "lastStatus": "STOPPED", "taskArn": task}],
        "desiredStatus": "STOPPED",
        "group": f"service:{service}",
        "lastStatus": "STOPPED",
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "stopCode": "TaskFailedToStart",
        "stoppedReason": reason,
        "taskArn": task,
        "taskDefinitionArn": task_definition_arn,
        "version": 3,
    }
    return {"source": "aws.ecs", "detail-type": "ECS Task State Change", "resources": [task], "detail": detail}


def _rotation(aws: Emulator, name: str, secret_arn: str, error: str | None = None) -> dict[str, Any]:
    return cloudtrail.rotation_event(
        name,
        secret_arn,
        account=aws.account_id,
        region=aws.region,
        at=datetime.now(UTC),
        event_id=str(uuid.uuid4()),
        error=error,
    )
