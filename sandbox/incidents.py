"""Incidents in an account: a rotation that writes a value, and one that fails."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox import cloudtrail
from sandbox.emulator import Emulator


def rotate(aws: Emulator, secret_arn: str, value: Mapping[str, Any] | str) -> None:
    """Simulate a rotation that writes a value: the new current version, and then the event of its success."""
    text = value if isinstance(value, str) else json.dumps(dict(value))
    aws.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=text)
    aws.emit([_rotation(aws, "RotationSucceeded", secret_arn)])


SAID = "Error when executing lambda arn:aws:lambda:us-east-1:111122223333:function:rotate during setSecret step"


def fail_rotation(aws: Emulator, secret_arn: str, error: str = SAID) -> None:
    """Simulate a failed rotation: the value stays unchanged."""
    aws.emit([_rotation(aws, "RotationFailed", secret_arn, error)])


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
