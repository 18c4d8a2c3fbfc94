"""An execution role with its policies."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Document, Lookup, Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy and the name that people know it by; ``arn``: None for an inline policy."""

    name: str
    document: Document
    arn: str | None = None

    @property
    def kind(self) -> Literal["inline", "managed"]:
        """Whether the policy is embedded in the role or attached to it."""
        return "inline" if self.arn is None else "managed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Role:
    """An execution role with everything that can be read from IAM about its permissions.

    ``control_policies`` are the levels of service control policies above the account; empty if they are not readable,
    which is the rule outside the management account. ``required_boundary`` is the ARN of the boundary that the
    deployment requires (RequireRoleBoundary); empty if it requires none. ``is_task_role``: the examined task definition
    also uses it as its task role. ``created_at`` is its CreateDate. Compared by identity, as ``Secret`` is.
    """

    arn: Arn
    name: str
    role_id: str = ""
    created_at: datetime | None = None
    tags: Tags = field(default_factory=dict)
    trust_policy: Document = field(default_factory=dict)
    inline_policies: "Lookup[tuple[NamedPolicy, ...]]" = ()
    attached_policies: "Lookup[tuple[NamedPolicy, ...]]" = ()
    boundary: "Lookup[NamedPolicy] | None" = None
    control_policies: tuple[tuple[NamedPolicy, ...], ...] = ()
    required_boundary: str = ""
    is_task_role: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The policy simulator's answer for one action: ``allowed``, ``explicitDeny`` or ``implicitDeny``.

    ``organization_allows``: None if the answer does not cover control policies.
    """

    action: str
    resource: str
    decision: str
    organization_allows: bool | None = None


# --- Task definitions ------------------------------------------------------------------------------------------
