"""What makes Pullguard keep its hands off: the stack-wide stop, and the hold on one role.

The stop stands in an SSM parameter of the stack as JSON, a hold in the ledger. Both say who set them, when and why.
Whatever the parameter holds that is not clearly "go on" means stop: a text that does not parse, or that says two
things, must not let anything be written.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from pullguard.domain.documents import object_of
from pullguard.domain.errors import shown

GO_ON: Final = '{"stopped": false}'
REASON_MAX_CHARS: Final = 200
_SOMEBODY: Final = "somebody unknown"
_SOME_TIME: Final = "an unknown time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """That nothing is to be written: ``by`` whom, ``at`` what time (ISO 8601) and for what ``reason``."""

    by: str
    at: str
    reason: str = ""

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"since {self.at} by {self.by}{reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return the stop as it is kept."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Stop":
        """Return the stop that ``to_dict`` described; what is missing is said to be not known."""
        return cls(
            by=str(data.get("by") or _SOMEBODY),
            at=str(data.get("at") or _SOME_TIME),
            reason=str(data.get("reason") or "")[:REASON_MAX_CHARS],
        )


def read_switch(text: str) -> Stop | None:
    """Return the stop that the parameter holds; None where it says clearly that Pullguard may write."""
    said = object_of(text)
    if said is not None and said.get("stopped") is False:
        return None
    if said is not None and said.get("stopped") is True:
        return Stop.from_dict(said)
    return Stop(by=_SOMEBODY, at=_SOME_TIME, reason=f"the stop parameter says {shown(text)}")


def switch_text(stop: Stop) -> str:
    """Return what the parameter is to hold while everything is stopped."""
    return json.dumps({"stopped": True, **stop.to_dict()})
