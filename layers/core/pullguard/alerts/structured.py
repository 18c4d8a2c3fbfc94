"""The form for programs: JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from pullguard.alerts.affected import DEPENDENTS_SHOWN, dependents_of
from pullguard.alerts.foreign import plain_name, plain_word, prose, snippet_lines
from pullguard.alerts.headline import subject_of
from pullguard.alerts.links import links_of
from pullguard.alerts.notice import Notice
from pullguard.alerts.paragraphs import instant
from pullguard.alerts.summary import summary_list
from pullguard.domain.findings import EVENT_SCHEMA_VERSION

# 256 KB for the message with its attributes, which take less than 4 KB here.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MESSAGE_MAX_BYTES: Final = 262_144 - 4_096
_FINDINGS_MAX: Final = 20


def as_json(notice: Notice) -> str:
    """Return the notice as JSON in ASCII, with as many findings and dependents as one message holds.

    Members are those of the bus events; every text except our own links is made harmless, as in the other forms.
    """
    whole = _json_object(notice)
    everything = len(whole["dependents"])
    for findings, dependents in (
        (_FINDINGS_MAX, everything),
        (1, everything),
        (1, 1_000),
        (1, 500),
        (1, DEPENDENTS_SHOWN),
    ):
        text = json.dumps(_cut(whole, findings, dependents))
        if len(text) <= MESSAGE_MAX_BYTES:
            return text
    return json.dumps(_cut(whole, 1, 0))


def _cut(whole: Mapping[str, Any], findings: int, dependents: int) -> dict[str, Any]:
    return {**whole, "findings": whole["findings"][:findings], "dependents": whole["dependents"][:dependents]}


def _json_object(notice: Notice) -> dict[str, Any]:
    everything = dependents_of(notice)
    return {
        "schema_version": EVENT_SCHEMA_VERSION,
        "kind": notice.kind,
        "subject": subject_of(notice),
        "account": plain_name(notice.account, 20),
        "region": plain_name(notice.region, 40),
        "findings": [_harmless(finding.to_dict()) for finding in notice.findings[:_FINDINGS_MAX]],
        "findings_count": len(notice.findings),
        "deed": _harmless(asdict(notice.deed)) if notice.deed else None,
        "cause": plain_word(notice.incident_id) if notice.incident_id else None,
        "dependents": [plain_name(each.arn) for each in everything],
        "dependents_count": len(everything),
        "dependents_not_looked_at": sum(not each.found for each in everything),
        "opened_at": instant(notice.opened_at) if notice.opened_at else None,
        "resolved_at": instant(notice.resolved_at) if notice.resolved_at else None,
        "lasted_s": int(notice.lasted.total_seconds()) if notice.lasted is not None else None,
        "reminder": notice.reminder,
        "held_back": summary_list(notice),
        "held_back_count": len(notice.held_back),
        "links": dict(links_of(notice)),
    }


def _harmless(value: Any, member: str = "") -> Any:
    match value:
        case str() if member == "snippet":
            return "\n".join(snippet_lines(value)) or None
        case str() if member == "source":
            return value if value.startswith("https://docs.aws.amazon.com/") and value.isprintable() else prose(value)
        case str():
            return prose(value)
        case Mapping():
            return {name: _harmless(each, name) for name, each in value.items()}
        case list() | tuple() if member == "grants":  # limited in bytes (domain/remediation.py)
            return [_harmless(each) for each in value]
        case list() | tuple():
            return [_harmless(each) for each in value[:DEPENDENTS_SHOWN]]
        case _:
            return value
