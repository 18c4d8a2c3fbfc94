"""The pauses of Pullguard's writes: the stack-wide stop, and the hold on one role.

The stop is JSON in an SSM parameter of the stack, a hold is an item of the ledger. Both say who set them, when and why.
Any content of the parameter that does not clearly permit writes means stop: a text that does not parse, or that
contradicts itself, must not lead to a write.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from pullguard.domain.documents import object_of
from pullguard.domain.errors import shown

GO_ON: Final = '{"stopped": false}'
REASON_MAX_CHARS: Final = 200
_SOME_PRINCIPAL: Final = "an unknown principal"
_SOME_TIME: Final = "an unknown time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop of all writes: ``by`` whom, ``at`` what time (ISO 8601) and for what ``reason``."""

    by: str
    at: str
    reason: str = ""

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"since {self.at} by {self.by}{reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form of the stop."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Stop":
        """Return the stop that ``to_dict`` described; missing members read as not known."""
        return cls(
            by=str(data.get("by") or _SOME_PRINCIPAL),
            at=str(data.get("at") or _SOME_TIME),
            reason=str(data.get("reason") or "")[:REASON_MAX_CHARS],
        )


def read_switch(text: str) -> Stop | None:
    """Return the stop that the parameter holds; None if it clearly permits writes."""
    said = object_of(text)
    if said is not None and said.get("stopped") is False:
        return None
    if said is not None and said.get("stopped") is True:
        return Stop.from_dict(said)
    return Stop(by=_SOME_PRINCIPAL, at=_SOME_TIME, reason=f"the stop parameter says {shown(text)}")


def switch_text(stop: Stop) -> str:
    """Return the parameter's text while everything is stopped."""
    return json.dumps({"stopped": True, **stop.to_dict()})
