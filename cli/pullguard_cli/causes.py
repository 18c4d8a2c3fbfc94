"""Findings put together by what causes them: one broken secret that breaks forty families is one cause.

The table and the HTML report both show causes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pullguard.arn import Arn
from pullguard.checks import CHECKS
from pullguard.errors import Malformed
from pullguard.findings import Finding, Remedy, Severity, Status
from pullguard.image import parse_image
from pullguard_cli.audit import SEVERITIES, Audit

_ORDER = {check.id: place for place, check in enumerate(CHECKS)}
_GROUPS = {check.id: check.group for check in CHECKS}
# Checks of the role alone; all others of its group are about a role and a secret.
_ROLE_ONLY = frozenset({"execution-role-missing", "execution-role-not-found", "execution-role-not-assumable"})


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
        if len(self.findings) == 1 or first.container is None:
            return first.cause
        return first.cause.replace(f" of container {first.container}", "")

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
        what=_what(first),
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
    """Return what findings of one cause have in common: the check, the thing it is about, and the kind of remedy."""
    kind = (finding.check, finding.status, finding.severity, finding.remedy.action)
    return (*kind, *(thing or "" for thing in _about(finding)))


def _about(finding: Finding) -> tuple[str | None, ...]:
    match _GROUPS.get(finding.check):
        case "secret":
            return (finding.secret,)
        case "execution role" if finding.check in _ROLE_ONLY:
            return (finding.role,)
        case "execution role" | "key":
            return finding.role, finding.secret, finding.key
        case "platform and run time":
            return (finding.cause,)
        case _:
            return finding.secret, _host(finding)


def _host(finding: Finding) -> str | None:
    try:
        return parse_image(finding.image).host if finding.image else None
    except Malformed:
        return finding.image


def _what(finding: Finding) -> str:
    secret, role = _name("secret", finding.secret), _name("role", finding.role)
    named: tuple[str, ...]
    match _GROUPS.get(finding.check):
        case "execution role" if finding.check in _ROLE_ONLY:
            named = (role,)
        case "execution role":
            named = (role, secret)
        case "key":
            named = (_name("key", finding.key), secret)
        case "platform and run time":
            named = (f"task definition {resource_name(finding.task_definition)}",)
        case _:
            named = (secret or _name("registry", _host(finding)),)
    return ", ".join(filter(None, named)) or f"task definition {resource_name(finding.task_definition)}"


def _name(kind: str, text: str | None) -> str:
    return f"{kind} {resource_name(text)}" if text else ""


def resource_name(text: str) -> str:
    """Return the name that people know a thing by: without the ARN's first five parts and a secret's suffix."""
    try:
        arn = Arn.parse(text)
    except Malformed:
        return text
    name = arn.resource_name
    return name[:-7] if arn.service == "secretsmanager" and name[-7:-6] == "-" else name
