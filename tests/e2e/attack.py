"""What an attack is: how it is mounted, and what may come of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from tests.e2e.ground import Ground

Mount: TypeAlias = Callable[[Ground, str], None]
REFUSED, OPENED, DONE = "Remediation Refused", "Finding Opened", "Remediation Completed"
PLANNED = "Remediation Planned"
FAILED, RESOLVED = "Remediation Failed", "Finding Resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What may come of it.

    ``granted`` are the secrets (names) that the role may read in the end, and no more; ``writes`` how often its policy
    was written, ``registered`` and ``moved`` how many revisions and services. ``reported`` the kinds of letters about
    the family, ``words`` what stands in them; ``dead`` is the queue in which something of it ends.
    """

    name: str
    mount: Mount
    granted: tuple[str, ...] = ()
    writes: int = 0
    registered: int = 0
    moved: int = 0
    reported: frozenset[str] = frozenset({OPENED, REFUSED})
    words: tuple[str, ...] = ()
    dead: str | None = None


def attack(
    name: str, mount: Mount, *words: str, reported: tuple[str, ...] = (OPENED, REFUSED), **more: object
) -> Attack:
    return Attack(name=name, mount=mount, words=words, reported=frozenset(reported), **more)  # type: ignore[arg-type]


def request(arn: str) -> str:
    """A message that asks for a look at a task definition."""
    cause = {"kind": "RegisterTaskDefinition", "event_id": "x", "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"task_definition": arn, "cause": cause})
