"""The scope of an audit: the filters given on the command line."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard.domain.findings import Severity

if TYPE_CHECKING:
    from pullguard.aws.readers import ReadValues


def values_to_read(choice: bool | None) -> "ReadValues":
    """Return which secrets' values to read: ``--read-values`` all, ``--no-values`` none, neither: opted-in ones."""
    match choice:
        case None:
            return "opted-in"
        case True:
            return "all"
        case False:
            return "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The filters of an audit. Empty ``families`` and ``clusters`` mean all; families are glob patterns."""

    families: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    severity: Severity = "warning"
    checks: tuple[Check, ...] = CHECKS
    read_values: "ReadValues" = "opted-in"
    live_registry: bool = False
    cross_check: bool = False

    def wants(self, family: str) -> bool:
        """Whether the family is in scope."""
        return not self.families or any(fnmatchcase(family, pattern) for pattern in self.families)

    @property
    def prefix(self) -> str | None:
        """The literal prefix of the only pattern, for AWS to filter by; None without one."""
        if len(self.families) != 1:
            return None
        literal = self.families[0]
        for special in "*?[":
            literal = literal.partition(special)[0]
        return literal or None

    @property
    def words(self) -> str:
        """The filters in words, such as ``family web-*; cluster prod``. Empty without filters."""
        return "; ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.families:
            yield f"{'family' if len(self.families) == 1 else 'families'} {', '.join(self.families)}"
        if self.clusters:
            yield f"{'cluster' if len(self.clusters) == 1 else 'clusters'} {', '.join(self.clusters)}"
        if self.checks != CHECKS:
            ids = ", ".join(check.id for check in self.checks)
            yield f"{'check' if len(self.checks) == 1 else 'checks'} {ids}"

    def to_dict(self) -> dict[str, Any]:
        """Return the scope as JSON. Empty lists mean all."""
        return {
            "families": list(self.families),
            "clusters": list(self.clusters),
            "checks": [] if self.checks == CHECKS else [check.id for check in self.checks],
            "severity": self.severity,
            "read_values": self.read_values,
            "live_registry": self.live_registry,
            "cross_check": self.cross_check,
        }
