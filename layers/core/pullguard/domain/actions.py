"""What could be done about the findings of one task definition: actions as data, made by a pure planner.

Nothing here writes. An action names only things that AWS itself described; an executor makes the same plan again
from the present state before it writes (docs/adr/0003).
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pullguard.domain.arn import Arn

MODES: tuple["Mode", ...] = ("observe", "remediate")
Mode: TypeAlias = Literal["observe", "remediate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Let ``role`` read ``secret`` and, where it has one, decrypt with the customer managed ``key``."""

    task_definition: Arn
    role: Arn
    secret: Arn
    key: Arn | None
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChange:
    """The new reference of one container; ``after`` None takes repositoryCredentials away."""

    container: str
    before: str | None = field(repr=False)
    after: Arn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregister:
    """Register ``task_definition`` once more with other references, then move its services if that is allowed."""

    task_definition: Arn
    changes: tuple[ReferenceChange, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveService:
    """Let ``service`` run ``after`` instead of ``before``, from which it differs in ``changes`` and nothing else."""

    cluster: str
    service: str
    before: Arn
    after: Arn
    changes: tuple[ReferenceChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeploy:
    """Let ``service`` start its tasks anew, so that they pull with ``version`` of ``secret``, which was verified."""

    task_definition: Arn
    cluster: str
    service: str
    secret: Arn
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """Let ``role`` read ``secret`` no more by our policy; ``task_definition`` is the one that needed it last."""

    task_definition: Arn
    role: Arn
    secret: Arn
    key: Arn | None
    unused_since: str


Fix: TypeAlias = Grant | Reregister | MoveService
"""What mends a finding."""
Action: TypeAlias = Fix | Redeploy
ActionKind: TypeAlias = Literal["grant", "reregister", "move-service", "redeploy", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An action that would fix ``findings`` and that Pullguard must not take: why, and what the owner would do.

    ``unasked``: no owner asked Pullguard for it. The finding says so, and no alert repeats it.
    """

    kind: ActionKind
    task_definition: Arn
    target: str
    why: str
    remedy: str
    snippet: str | None
    findings: tuple[str, ...]
    unasked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that would be done for one task definition, in order, and what would not be and why."""

    actions: tuple[Fix, ...] = ()
    refusals: tuple[Refusal, ...] = ()
