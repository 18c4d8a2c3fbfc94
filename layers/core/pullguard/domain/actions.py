"""Actions that could fix the findings of one task definition: plain data, produced by a pure planner.

Nothing here writes. An action names only resources that AWS itself described. Before it writes, an executor computes
the same plan again from the current state (docs/adr/0003).
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pullguard.domain.arn import Arn

MODES: tuple["Mode", ...] = ("observe", "remediate")
Mode: TypeAlias = Literal["observe", "remediate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Allow ``role`` to read ``secret`` and, if it has one, to decrypt with the customer managed ``key``."""

    task_definition: Arn
    role: Arn
    secret: Arn
    key: Arn | None
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChange:
    """The new reference of one container; ``after`` None removes repositoryCredentials."""

    container: str
    before: str | None = field(repr=False)
    after: Arn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregister:
    """Register a new revision of ``task_definition`` with other references, then move its services if allowed."""

    task_definition: Arn
    changes: tuple[ReferenceChange, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveService:
    """Update ``service`` from ``before`` to ``after``; the two revisions differ in ``changes`` and nothing else."""

    cluster: str
    service: str
    before: Arn
    after: Arn
    changes: tuple[ReferenceChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeploy:
    """Force a new deployment of ``service``, so that its tasks pull with the verified ``version`` of ``secret``."""

    task_definition: Arn
    cluster: str
    service: str
    secret: Arn
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """Remove ``secret`` from our policy on ``role``; ``task_definition`` is the last one that needed it.

    ``unused_since``: the day on which a sweep first found so; empty if it is revoked for another reason.
    """

    task_definition: Arn
    role: Arn
    secret: Arn
    key: Arn | None
    unused_since: str = ""


Fix: TypeAlias = Grant | Reregister | MoveService
"""An action that fixes a finding."""
Action: TypeAlias = Fix | Redeploy
ActionKind: TypeAlias = Literal["grant", "reregister", "move-service", "redeploy", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An action that would fix ``findings`` but that Pullguard must not take: the reason, and what the owner can do.

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
    """All actions for one task definition, in order, and the refused ones with their reasons."""

    actions: tuple[Fix, ...] = ()
    refusals: tuple[Refusal, ...] = ()
