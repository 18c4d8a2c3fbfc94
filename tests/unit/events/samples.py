"""Sample events of the folder events/, with members replaced."""

import json
from pathlib import Path
from typing import Any

from pullguard.events import (
    Trigger,
    parse_event,
)

SAMPLES = Path(__file__).parents[3] / "events" / "eventbridge"


SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf"


KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


REVISION = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7"


VERSION = "4d383ea9-084a-49c9-8722-cbfb0f25c456"


def sample(name: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a sample event, with members replaced: ``{"detail.requestParameters.secretId": "x"}``."""
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    for path, value in (changes or {}).items():
        *way, last = path.split(".")
        here = event
        for step in way:
            here = here[step]
        here[last] = value
    return event


def read(name: str, changes: dict[str, Any] | None = None) -> Trigger:
    return parse_event(sample(name, changes))


def words_of(value: object) -> str:
    return ", ".join(value) or "as it is" if isinstance(value, dict) else str(value)
