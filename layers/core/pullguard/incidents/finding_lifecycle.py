"""The lifecycle of a finding: opened, changed, resolved; each reported once.

| was | is now | becomes |
|---|---|---|
| unknown to us, or resolved | a finding | opened |
| open | a finding with another status, severity, cause or subject | changed |
| open | a finding that differs in its evidence or remedy only | unchanged |
| open and failing | a finding of the same id that could not be decided | unchanged |
| open | passed, or no longer able to fail in this way | resolved |
| open | passed, and the proof is older than the finding's last change | unchanged |
| open | its task definition is gone, or is no longer used | resolved |
| open | not answered, for any reason | unchanged |

The absence of a finding does not resolve it: an earlier gate may have failed, the question may not have been asked, or
the registry may have answered that there are too many requests.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pullguard.domain.findings import Event, Finding
from pullguard.incidents.identity import Breaks, incident_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    """A finding and its lifecycle state; ``sequence`` counts the changes, ``announced`` those that were reported.

    ``left`` is the incident that it belonged to before its last change, empty if that is the same. ``behind`` is a
    narrower incident that it still belongs to: a refusal of everything does not show whether the one repository would
    be refused.
    """

    finding: Finding
    event: Event
    sequence: int
    announced: int
    opened_at: datetime
    changed_at: datetime
    left: str = ""
    behind: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the finding is still open."""
        return self.event != "Finding Resolved"


def advance(
    records: Iterable[FindingRecord],
    findings: Iterable[Finding],
    *,
    broken_by: Callable[[Finding], Breaks],
    passed: frozenset[str],
    proved_at: Mapping[str, datetime] | None = None,
    gone: bool = False,
    now: datetime,
) -> tuple[FindingRecord, ...]:
    """Return the records that change, in their new state.

    ``broken_by`` returns what a finding says is broken. ``passed`` are the ids that a check has answered with a pass,
    ``proved_at`` the times of proof for some of them. ``gone``: the task definition itself is gone or no longer
    used. A finding that is merely absent stays open: without a check, nothing is proved.
    """
    known = {record.finding.id: record for record in records}
    present = {finding.id: finding for finding in findings}
    proofs = proved_at or {}

    def is_over(record: FindingRecord) -> bool:
        id_ = record.finding.id
        return gone or (id_ in passed and (id_ not in proofs or proofs[id_] > record.changed_at))

    changes = [_arrive(known.get(id_), finding, broken_by, now) for id_, finding in present.items()]
    changes += [
        replace(
            record,
            event="Finding Resolved",
            sequence=record.sequence + 1,
            changed_at=now,
            left=record.behind,
            behind="",
        )
        for id_, record in known.items()
        if record.is_open and id_ not in present and is_over(record)
    ]
    return tuple(change for change in changes if change is not None)


def _arrive(
    record: FindingRecord | None, finding: Finding, broken_by: Callable[[Finding], Breaks], now: datetime
) -> FindingRecord | None:
    if record is None or not record.is_open:
        return FindingRecord(
            finding=finding,
            event="Finding Opened",
            sequence=record.sequence + 1 if record else 1,
            announced=record.announced if record else 0,
            opened_at=now,
            changed_at=now,
        )
    finding = _in_its_place(record, finding, broken_by(finding))
    if _state(record.finding) == _state(finding) or (finding.status == "unknown" and record.finding.status == "fail"):
        return None
    left, behind = _moved(record, finding, broken_by)
    return replace(
        record,
        finding=finding,
        event="Finding Changed",
        sequence=record.sequence + 1,
        changed_at=now,
        left=left,
        behind=behind,
    )


def _in_its_place(record: FindingRecord, finding: Finding, breaks: Breaks) -> Finding:
    """Keep a failed start in the incident that was reported, even if the next failed start would belong to another.

    Other checks of what keeps a task from starting give neither a ``scope`` nor ``part_of``, so nothing changes there.
    """
    if breaks is not Breaks.START or record.finding.part_of:
        return finding
    return replace(finding, scope=record.finding.scope, part_of="")


def _moved(record: FindingRecord, finding: Finding, broken_by: Callable[[Finding], Breaks]) -> tuple[str, str]:
    """Return the incident that the finding leaves, and the one that it stays with behind its new one."""
    breaks = broken_by(finding)
    before, after = incident_id(record.finding, broken_by(record.finding)), incident_id(finding, breaks)
    if after == before:
        return "", record.behind
    if breaks is Breaks.CREDENTIALS and record.finding.scope and not finding.scope:
        return "", before
    return before, "" if after == record.behind else record.behind


def _state(finding: Finding) -> tuple[str | None, ...]:
    """Return the state whose change is reported again."""
    return (
        finding.status,
        finding.severity,
        finding.scope,
        finding.cause,
        finding.image,
        finding.secret,
        finding.role,
        finding.key,
    )
