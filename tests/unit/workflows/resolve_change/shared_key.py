"""A key that twelve task definitions depend on, and events about it."""

import json
from datetime import datetime

from pullguard.domain.arn import Arn
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from tests.fakes import revision_arn
from tests.unit.events.samples import KEY
from tests.unit.workflows.resolve_change.scene import sample

DEPENDENTS = 12
KEY_USERS = tuple(revision_arn(f"family-{number}") for number in range(10, 10 + DEPENDENTS))


def use_key(ledger: Ledger, arn: Arn) -> None:
    """Let a task definition depend on the key of the samples."""
    ledger.entries.keep_references(arn, Entry(), frozenset({KEY}))


def event(name: str, event_id: str, at: datetime | None = None) -> str:
    """A sample as an event of its own."""
    made = json.loads(sample(name)) | {"id": event_id}
    return json.dumps(made | ({"time": at.strftime("%Y-%m-%dT%H:%M:%SZ")} if at else {}))
