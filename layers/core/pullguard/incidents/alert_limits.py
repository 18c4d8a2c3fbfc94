"""The limits on alerts, and which of them the next alert would exceed.

| alert | counts for its family | may use of the stack's limit |
|---|---|---|
| about a finding of one family that a service runs | yes | all of it |
| about a finding of one family that no service runs | yes | half of it, rounded up |
| about a finding of several families | no | all of it if it names a service, otherwise half |
| a remediation planned or refused | yes | half of it |
| a remediation completed or failed: Pullguard's own write | no | all of it |

A hold by family isolates families: no number of alerts about one holds back those about another, and none about
revisions that nothing runs hold back one about a revision that a service runs. Half of the stack's
limit is out of reach of task definitions that nothing runs: anyone may be able to register those.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
# In place of a family's name, which has letters, digits, hyphens and underscores.
STACK: Final = "*"
UNUSED: Final = "*unused"
# Either limit is at most so high. The alerts of an hour are one item of at most 400 KB, a family's name 255 characters.
ALERTS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLimits:
    """The most alerts in any 60 minutes, about one ``family`` and in all (``stack``); 0: no limit."""

    family: int = 0
    stack: int = 0

    def of(self, scope: str) -> int:
        """Return the limit that ``exceeded`` names: for a family, for the stack, or for half of that."""
        return {STACK: self.stack, UNUSED: (self.stack + 1) // 2}.get(scope, self.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAlert:
    """An alert that counts; ``what`` identifies it, so that a retry counts once.

    ``family`` is empty if it counts for the stack only. ``in_use``: it names a service, or reports a write.
    """

    what: str
    family: str
    in_use: bool
    at: datetime

    def to_list(self) -> list[object]:
        """Return the compact form for the ledger."""
        return [self.what, self.family, self.in_use, int(self.at.timestamp())]

    @classmethod
    def from_list(cls, data: Sequence[object]) -> "SentAlert":
        """Return what ``to_list`` described."""
        what, family, in_use, at_s = data
        at = datetime.fromtimestamp(int(str(at_s)), tz=UTC)
        return cls(what=str(what), family=str(family), in_use=bool(in_use), at=at)


def exceeded(alert: SentAlert, sent: Sequence[SentAlert], limits: AlertLimits) -> str:
    """Return the limit that ``alert`` would exceed after those ``sent``: a family, ``STACK``, ``UNUSED`` or none ("").

    An alert that is one of those sent exceeds none: an earlier run has counted it.
    """
    if any(each.what == alert.what for each in sent):
        return ""
    recent = [each for each in sent if alert.at - each.at < HOUR]
    of_family = (each for each in recent if each.family == alert.family and (each.in_use or not alert.in_use))
    if limits.family and alert.family and len(tuple(of_family)) >= limits.family:
        return alert.family
    if not limits.stack:
        return ""
    if len(recent) >= limits.stack:
        return STACK
    unused = _count(not each.in_use for each in recent)
    return UNUSED if not alert.in_use and unused >= limits.of(UNUSED) else ""


def together_with(alert: SentAlert, sent: Sequence[SentAlert]) -> tuple[SentAlert, ...]:
    """Return the alerts of the last hour with ``alert`` among them, the newest 1,000."""
    others = [each for each in sent if each.what != alert.what and alert.at - each.at < HOUR]
    return (*others, alert)[-ALERTS_MAX:]


def _count(those: Iterable[bool]) -> int:
    return sum(those)
