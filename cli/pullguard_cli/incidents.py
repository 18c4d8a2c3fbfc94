"""Group an audit's findings into incidents, for the table and the HTML report.

The core decides which findings share a root cause, as for alerts. Two rules are added here. An incident with failed
and unknown findings becomes two lines, since a report shows everything. One missing permission is one incident,
whatever it hides.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from pullguard.checks.catalogue import CHECKS, broken_by
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.findings import Finding, Remedy, Severity, Status
from pullguard.domain.lookup import Unreadable
from pullguard.incidents import about, broken_thing, common_sentence
from pullguard_cli.audit_result import NOT_EXAMINED, SEVERITIES, Audit
from pullguard_cli.failed_reads import Lack, lacks_in
from pullguard_cli.printing import counted

_RESOURCES_NAMED: Final = 20
# Conditions that narrow a statement on all resources if it would otherwise give access to secret values.
_OF_VALUES: Final = {
    "secretsmanager:GetSecretValue": {"aws:ResourceTag/pullguard:registry": "?*"},
    "kms:Decrypt": {"kms:ViaService": "secretsmanager.*.amazonaws.com"},
}
_WHY: Final = {"denied": "access denied", "throttled": "throttled", "unreachable": "no answer"}
_ORDER = {check.id: place for place, check in enumerate(CHECKS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings with one root cause, and therefore one remedy. Findings in use come first.

    ``name`` is the check's id, or what prevented the checks (``access denied``). ``what`` names the broken thing
    (``secret registry/ghcr``). ``in_use`` is the subset of ``task_definitions`` that is in use.
    """

    check: str
    name: str
    status: Status
    severity: Severity
    what: str
    sentence: str
    evidence: str
    remedy: Remedy
    findings: tuple[Finding, ...]
    task_definitions: tuple[str, ...]
    in_use: tuple[str, ...]

    @property
    def source(self) -> str:
        """The URL of the documentation behind the check."""
        return self.findings[0].source


def incidents_of(audit: Audit) -> tuple[Incident, ...]:
    """Group the findings: errors first, then revisions in use, then failed before unknown."""
    together: dict[tuple[str, ...], list[Finding]] = {}
    for finding in audit.findings:
        together.setdefault(_key(finding, _lacks(audit, finding)), []).append(finding)
    incidents = [_incident(audit, findings) for findings in together.values()]
    names = Counter((incident.name, incident.what) for incident in incidents)
    reported = (_placed(incident) if names[incident.name, incident.what] > 1 else incident for incident in incidents)
    return tuple(sorted(reported, key=_rank))


def _placed(incident: Incident) -> Incident:
    """Add partition, account and Region to ``what``, to distinguish things of the same name."""
    first = incident.findings[0]
    places = dict.fromkeys(filter(None, (_place(text) for text in about(first, broken_by(first)) if text)))
    return replace(incident, what=f"{incident.what} ({'; '.join(places)})") if places else incident


def _place(text: str) -> str | None:
    try:
        arn = Arn.parse(text)
    except Malformed:
        return None
    return " ".join(filter(None, (arn.partition if arn.partition != "aws" else "", arn.account, arn.region)))


def in_reading_order(findings: Iterable[Finding], in_use: Iterable[str]) -> tuple[Finding, ...]:
    """Sort findings: errors first, then revisions in use, then failed before unknown, then by check."""
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


def _incident(audit: Audit, findings: list[Finding]) -> Incident:
    findings.sort(key=lambda each: not audit.is_in_use(each))
    first = findings[0]
    arns = tuple(dict.fromkeys(each.task_definition for each in findings))
    lacks = _lacks(audit, first)
    return Incident(
        check=first.check,
        status=first.status,
        severity=min((each.severity for each in findings), key=SEVERITIES.index),
        findings=tuple(findings),
        task_definitions=arns,
        in_use=tuple(arn for arn in arns if arn in audit.in_use),
        **(_not_seen(audit, findings, lacks, len(arns)) if lacks else _found(findings)),
    )


def _found(findings: list[Finding]) -> dict[str, Any]:
    """Describe what a check found. Name the container only if there is one finding."""
    first, several = findings[0], len(findings) > 1
    reported = {"name": first.check, "evidence": first.evidence, "remedy": first.remedy}
    if first.check == NOT_EXAMINED and several:
        number = f"{len(findings):,} task definitions"
        return {**reported, "what": number, "sentence": f"{number} were not examined, so their state is unknown."}
    sentence = common_sentence(first) if several else first.cause
    return {**reported, "what": broken_thing(first, broken_by(first)), "sentence": sentence}


def _lacks(audit: Audit, finding: Finding) -> tuple[Lack, ...]:
    """Return why the finding is unknown: missing permissions, throttling, or no answer from AWS."""
    return lacks_in(audit.unread.get(finding.id, ())) if finding.status == "unknown" else ()


def _not_seen(audit: Audit, findings: list[Finding], lacks: tuple[Lack, ...], definitions: int) -> dict[str, Any]:
    """Describe everything that one missing permission hides."""
    unread = tuple(dict.fromkeys(each for finding in findings for each in audit.unread.get(finding.id, ())))
    permissions = " and ".join(dict.fromkeys(lack.permission for lack in lacks))
    resources = tuple(dict.fromkeys(each.resource for each in unread))
    reason = lacks[0].reason
    denied = reason == "denied"
    behind = counted(definitions, "task definition depends", "task definitions depend")
    cause = {
        "denied": f"The credentials of this audit lack {permissions}",
        "throttled": f"AWS throttled {permissions}",
        "unreachable": f"AWS did not answer {permissions}",
    }[reason]
    more = len(resources) - _RESOURCES_NAMED
    allow = "Allow it, and run the audit again."
    if set(permissions.split(" and ")) <= _OF_VALUES.keys():
        allow = f"{allow} Or pass --no-values: the values then count as not checked."
    return {
        "name": _WHY[reason],
        "what": permissions,
        "sentence": f"{cause}: {counted(len(resources), 'thing')} on which {behind} could not be read.",
        "evidence": "\n".join((*resources[:_RESOURCES_NAMED], *((f"and {more:,} more",) if more > 0 else ()))),
        "remedy": Remedy(
            text=allow if denied else "Run the audit again later.",
            snippet=_statement(unread) if denied else None,
        ),
    }


def _statement(unread: tuple[Unreadable, ...]) -> str:
    """Return the policy statement that lets the caller read it all, but not the value of every secret."""
    resources, permissions = sorted({each.resource for each in unread}), sorted({each.permission for each in unread})
    named = len(resources) <= _RESOURCES_NAMED and all(each.startswith("arn:") for each in resources)
    statement: dict[str, Any] = {"Effect": "Allow", "Action": permissions, "Resource": resources if named else "*"}
    conditions = [_OF_VALUES[each] for each in permissions if each in _OF_VALUES]
    if conditions and not named:
        statement["Condition"] = {"StringLike": {key: value for each in conditions for key, value in each.items()}}
    return json.dumps(statement, indent=2)


def _rank(incident: Incident) -> tuple[object, ...]:
    return (
        SEVERITIES.index(incident.severity),
        not incident.in_use,
        incident.status != "fail",
        -len(incident.task_definitions),
        _ORDER.get(incident.check, len(_ORDER)),
        incident.what,
    )


def _key(finding: Finding, lacks: tuple[Lack, ...]) -> tuple[str, ...]:
    """Return the group key of a finding: root cause, status, and kind of remedy."""
    if lacks:
        return tuple(map(str, lacks))
    if finding.check == NOT_EXAMINED:
        return (finding.check, finding.evidence)
    kind = (finding.check, finding.status, finding.severity, finding.remedy.action)
    return (*kind, *(thing or "" for thing in about(finding, broken_by(finding))))
