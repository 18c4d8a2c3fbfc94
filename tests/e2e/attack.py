"""An attack: how it is mounted, and its permitted effects."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from tests.e2e.ground import Ground

Mount: TypeAlias = Callable[[Ground, str], None]
Statements: TypeAlias = Callable[[str], Iterable[dict[str, Any]]]
REFUSED, OPENED, DONE = "Remediation Refused", "Finding Opened", "Remediation Completed"
PLANNED = "Remediation Planned"
FAILED, RESOLVED = "Remediation Failed", "Finding Resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """The permitted effects.

    ``granted`` are the only secrets (names) that the role may read in the end, and ``stays`` are the statements of
    others in our policy, by the secret beside the need; ``writes`` counts the writes of its policy (of several, one may
    serve all), ``registered`` and ``moved`` the revisions and services. ``reported`` are the kinds of letters about the
    family, ``words`` are parts of their text; ``dead`` is the queue whose dead letters get a message of the attack.
    """

    name: str
    mount: Mount
    granted: tuple[str, ...] = ()
    stays: Statements | None = None
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
    """A message that requests the validation of a task definition."""
    cause = {"kind": "RegisterTaskDefinition", "event_id": "x", "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"task_definition": arn, "cause": cause})
