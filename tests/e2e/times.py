"""Expired events and messages of authorized senders: each becomes a dead letter with that reason."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.attack import Mount, attack, request
from tests.e2e.ground import Ground

FAILED, SUCCEEDED = "rotation-failed", "rotation-succeeded"
_EVENTS = Path(__file__).parents[2] / "events" / "eventbridge"


def rotation(sample: str, secret: str, event_id: str, *, at: datetime | None = None, error: str | None = None) -> str:
    """An event of a rotation of ``secret``, now if nothing else is said, as a rule delivers it."""
    event: dict[str, Any] = json.loads((_EVENTS / f"{sample}.json").read_text(encoding="utf-8"))
    event |= {"id": event_id, "time": f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    event["detail"]["additionalEventData"] = {"SecretId": secret}
    if error is not None:
        event["detail"]["errorMessage"] = error
    return json.dumps(event)


def _event(sample: str, at: datetime) -> Mount:
    def mount(ground: Ground, name: str) -> None:
        ground.role(name)
        ground.send("ChangeQueue", rotation(sample, ground.secret(name), name, at=at))

    return mount


def _message(queue: str, at: datetime) -> Mount:
    def mount(ground: Ground, name: str) -> None:
        """The task definition is not there: what is believed asks ECS for it, and is no dead letter."""
        ground.role(name)
        arn = f"arn:aws:ecs:{ground.scene.aws.region}:{ground.scene.aws.account_id}:task-definition/{name}:1"
        message = json.loads(request(arn))
        cause = {"kind": "RotationSucceeded", "event_id": name, "at": at.isoformat()}
        ground.send(queue, json.dumps({**message, "cause": cause}))

    return mount


_1970, _2099 = datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
TIMES = (
    attack("rotation-failed-in-2099", _event(FAILED, _2099), reported=(), dead="ChangeDeadLetters"),
    attack("rotation-of-1970", _event(SUCCEEDED, _1970), reported=(), dead="ChangeDeadLetters"),
    attack("validation-of-2099", _message("ValidationQueue", _2099), reported=(), dead="ValidationDeadLetters"),
    attack("validation-of-1970", _message("ValidationQueue", _1970), reported=(), dead="ValidationDeadLetters"),
    attack("grant-of-2099", _message("GrantQueue", _2099), reported=(), dead="GrantDeadLetters"),
    attack("redeployment-of-1970", _message("ReregisterQueue", _1970), reported=(), dead="ReregisterDeadLetters"),
)
