"""A grant that this stack made, as the ledger remembers it: for which task definition, and since when unused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pullguard.arn import Arn
from pullguard.remedies.grant import Granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A grant and what became of it.

    ``task_definition`` is the one that it was made for last. ``unused_since`` is when a complete sweep first found
    that nothing needs it, ``unused_sweep`` the last complete sweep that found so; both are None while it is needed.
    """

    granted: Granted
    task_definition: str
    unused_since: datetime | None = None
    unused_sweep: str | None = None

    @classmethod
    def from_item(cls, data: Mapping[str, Any], item: Mapping[str, Any]) -> "Holding":
        """Return the holding of an item of the table; ``data`` is its JSON."""
        since = item.get("unused_since", {}).get("S")
        return cls(
            granted=Granted(secret=Arn.parse(data["secret"]), key=Arn.parse(data["key"]) if data["key"] else None),
            task_definition=data.get("task_definition", ""),
            unused_since=datetime.fromisoformat(since) if since else None,
            unused_sweep=item.get("unused_sweep", {}).get("S"),
        )

    def is_due(self, sweep: str, *, grace_days: int, now: datetime) -> bool:
        """Whether ``sweep`` found it unused, as every complete sweep did for ``grace_days``."""
        if self.unused_since is None or self.unused_sweep != sweep:
            return False
        return (now - self.unused_since).total_seconds() >= grace_days * 86_400
