"""A grant that this stack made, as the ledger records it: needed, unused since a time, or without consent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, parse_own
from pullguard.domain.role import Role
from pullguard.domain.write_history import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """A grant and its state.

    ``task_definition`` is the one that it was last made for. ``role_id`` is the role's RoleId at that time: a role that
    is deleted and created again keeps its name and ARN but has another RoleId. It is "" if an earlier version of
    Pullguard recorded the grant. ``unused_since`` is when a complete sweep first found that nothing needs it,
    ``unused_sweep`` the last complete sweep that found so; both are None while it is needed.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """

    granted: Granted
    task_definition: str
    role_id: str = ""
    unused_since: datetime | None = None
    unused_sweep: str | None = None

    @classmethod
    def from_item(cls, data: Mapping[str, Any], item: Mapping[str, Any]) -> "GrantRecord":
        """Return the grant record of a table item; ``data`` is its JSON."""
        since = item.get("unused_since", {}).get("S")
        return cls(
            granted=_granted(data),
            task_definition=data.get("task_definition", ""),
            role_id=data.get("role_id", ""),
            unused_since=datetime.fromisoformat(since) if since else None,
            unused_sweep=item.get("unused_sweep", {}).get("S"),
        )

    def is_of(self, role: Role) -> bool:
        """Whether the grant belongs to this role, and not to an earlier role of the same name, as far as is known."""
        return self.role_id in ("", role.role_id)

    def is_due(self, sweep: str, *, grace_days: int, now: datetime) -> bool:
        """Whether ``sweep`` found it unused, as did every complete sweep for ``grace_days``."""
        if self.unused_since is None or self.unused_sweep != sweep:
            return False
        return (now - self.unused_since).total_seconds() >= grace_days * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantWithoutConsent:
    """A grant that was written although an owner does not consent (``why``): it must be revoked.

    ``before`` is the policy's earlier grant of the same secret, if ``task_definition`` only extended it. If the record
    cannot be read, only the secret is known, and ``task_definition`` is "".
    """

    granted: Granted
    before: Granted | None
    task_definition: str
    why: str

    def recalled(self, writes: Iterable[Write], shown: Granted | None) -> "GrantWithoutConsent | None":
        """Complete it from the policy's write history (oldest first), given the grant that is ``shown`` in the policy.

        Returns None if the record cannot be read and no write made that grant.
        """
        if self.task_definition:
            return self
        secret, found = self.granted.secret, None
        for write in (each for each in writes if each.outcome != "refused"):
            before, after = (
                {each.secret: each for each in parse_own(it or "")[0]} for it in (write.before, write.after)
            )
            made = after.get(secret)
            if made is not None and made != before.get(secret) and made == (shown or made):
                found = replace(self, granted=made, before=before.get(secret), task_definition=write.task_definition)
        return found


def _granted(data: Mapping[str, Any]) -> Granted:
    return Granted(secret=Arn.parse(data["secret"]), key=Arn.parse(data["key"]) if data["key"] else None)
