"""The audit's findings put together by what causes them, for the table and the HTML report.

What has one cause is decided by the core, as for alerts; here a cause in two states (some fail, some are unknown) is
two lines, since a report shows all that there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pullguard.causes import about, broken_thing, common_sentence
from pullguard.checks import CHECKS
from pullguard.findings import Finding, Remedy, Severity, Status
from pullguard_cli.audit import SEVERITIES, Audit

_ORDER = {check.id: place for place, check in enumerate(CHECKS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Findings with one cause, and therefore one remedy, those in use first.

    ``what`` names what is broken in a few words (``secret registry/ghcr``). ``in_use`` are the ARNs among
    ``task_definitions`` that something runs.
    """

    check: str
    status: Status
    severity: Severity
    what: str
    findings: tuple[Finding, ...]
    task_definitions: tuple[str, ...]
    in_use: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is wrong; the container is named only where there is just one."""
        first = self.findings[0]
        return first.cause if len(self.findings) == 1 else common_sentence(first)

    @property
    def remedy(self) -> Remedy:
        """What mends it."""
        return self.findings[0].remedy

    @property
    def source(self) -> str:
        """The documentation page behind the check."""
        return self.findings[0].source


def causes_of(audit: Audit) -> tuple[Cause, ...]:
    """Group the audit's findings: errors first, what runs before what does not, certainty before doubt."""
    together: dict[tuple[str, ...], list[Finding]] = {}
    for finding in audit.findings:
        together.setdefault(_key(finding), []).append(finding)
    return tuple(sorted((_cause(audit, findings) for findings in together.values()), key=_rank))


def in_reading_order(findings: Iterable[Finding], in_use: Iterable[str]) -> tuple[Finding, ...]:
    """Sort findings: errors, then what is in use, then what is certain, then the order of the checks."""
    running = frozenset(in_use)

    def rank(finding: Finding) -> tuple[object, ...]:
        return (
            SEVERITIES.index(finding.severity),
            finding.task_definition not in running,
            finding.status != "fail",
            _ORDER.get(finding.check, len(_ORDER)),
            finding.task_definition,
            finding.container or "",
        )

    return tuple(sorted(findings, key=rank))


def _cause(audit: Audit, findings: list[Finding]) -> Cause:
    findings.sort(key=lambda each: not audit.is_in_use(each))
    first = findings[0]
    arns = tuple(dict.fromkeys(each.task_definition for each in findings))
    return Cause(
        check=first.check,
        status=first.status,
        severity=first.severity,
        what=broken_thing(first),
        findings=tuple(findings),
        task_definitions=arns,
        in_use=tuple(arn for arn in arns if arn in audit.in_use),
    )


def _rank(cause: Cause) -> tuple[object, ...]:
    return (
        SEVERITIES.index(cause.severity),
        not cause.in_use,
        cause.status != "fail",
        -len(cause.task_definitions),
        _ORDER.get(cause.check, len(_ORDER)),
        cause.what,
    )


def _key(finding: Finding) -> tuple[str, ...]:
    """Return what findings of one line have in common: the cause, the state that it is in, and the kind of remedy."""
    kind = (finding.check, finding.status, finding.severity, finding.remedy.action)
    return (*kind, *(thing or "" for thing in about(finding)))
