"""The sample events of events/, and a ledger that contains their subjects."""

import json
from datetime import UTC, datetime
from typing import Final

from pullguard.domain.arn import Arn
from pullguard.domain.references import role_name, secret_name
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from sandbox.demo.scene import Scene
from sandbox.emulator import ACCOUNT, REGION, ROOT

EVENTS: Final = ROOT / "events"
WEB: Final = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:1"
REFERENCES: Final = frozenset(
    {
        secret_name(REGION, ACCOUNT, "registry/ghcr"),
        secret_name(REGION, ACCOUNT, "rds!cluster-abc123"),
        role_name(ACCOUNT, "web-execution"),
        f"arn:aws:iam::{ACCOUNT}:policy/registry-secrets",
        f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    }
)
"""The subjects of the samples; a sample with another subject adds it here."""


def fresh(text: str) -> str:
    """Return an event or a message with the current time, since an old one is refused."""
    try:
        message = json.loads(text)
    except ValueError:
        return text
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for holder, member in ((message, "time"), (message.get("cause") if isinstance(message, dict) else None, "at")):
        if isinstance(holder, dict) and _is_time(holder.get(member)):
            holder[member] = now
    return json.dumps(message)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def remember(scene: Scene) -> None:
    """Let the stack's ledger record that the demo's web references all of them, as after a validation of web."""
    ledger = Ledger(scene.aws.client("dynamodb"), scene.stack.resources["Ledger"])
    ledger.entries.keep_references(Arn.parse(WEB), Entry(), REFERENCES)
