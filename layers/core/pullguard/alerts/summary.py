"""Alerts about other alerts: the notice that a limit is reached, and the summary of those that were held back."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pullguard.alerts.affected import concerns_several, family_of, named
from pullguard.alerts.foreign import plain_name, plain_word, prose
from pullguard.alerts.headline import OUTCOMES, SEVERAL, headline, outcome_of, words_of
from pullguard.alerts.notice import Notice
from pullguard.incidents import common_sentence

# The share of the alerts of a summary in the 256 KB of a message; redaction may lengthen them.
SUMMARY_MAX_BYTES: Final = 200_000
_REASON_MAX_CHARS: Final = 300
_FAMILIES_SHOWN: Final = 20
_FAMILY_MAX_CHARS: Final = 64
_WHERE: Final = (
    "pullguard audit lists everything that is broken and how to fix it, pullguard history what Pullguard has written."
)


def summary_paragraphs(notice: Notice) -> Iterator[tuple[str, str]]:
    """Yield title and text of what is held back and why, and of where to see it."""
    if notice.kind == "Alerts Held Back":
        yield "First", _line(notice.held_back[0])
        yield "Pullguard", "holds this alert and further ones back; the next hourly run names them in one summary."
    else:
        yield (
            "Pullguard",
            "names the alerts that it held back, since AlertsPerFamilyPerHour or AlertsPerHour was reached, and "
            "reminders if more than three are due at once.",
        )
    yield "To do", _WHERE


def summary_lines(notice: Notice, max_bytes: int = SUMMARY_MAX_BYTES) -> Iterator[str]:
    """Yield a line for each alert of a summary, the most urgent first, within ``max_bytes``; then count the others."""
    if notice.kind != "Alerts Summary":
        return
    alerts = _by_urgency(notice)
    lines = list(within(max_bytes, (f"- {_line(each)}" for each in alerts)))
    yield ""
    yield from lines
    if others := alerts[len(lines) :]:
        yield f"- and {len(others)} more: {_counts(others)}"


def summary_list(notice: Notice) -> list[dict[str, Any]]:
    """Return the alerts that a notice is about as JSON data, the most urgent first, within ``SUMMARY_MAX_BYTES``."""
    texts = within(SUMMARY_MAX_BYTES, (json.dumps(_as_data(each)) for each in _by_urgency(notice)))
    return [json.loads(each) for each in texts]


def _as_data(notice: Notice) -> dict[str, Any]:
    words = words_of(notice)
    return {
        "kind": notice.kind,
        "headline": headline(notice),
        "reason": _reason(notice),
        "check": words["check"],
        "severity": words["severity"],
        "status": words["status"],
        "family": words["family"],
        "task_definition": plain_name(named(notice, "task_definition")),
        "cause": plain_word(notice.incident_id) if notice.incident_id else None,
        "reminder": notice.reminder,
    }


def _by_urgency(notice: Notice) -> list[Notice]:
    """Return the alerts about services that fail first, then by outcome and family."""

    def key(each: Notice) -> tuple[bool, int, str]:
        fails = any(dependent.is_service and dependent.found for dependent in each.dependents)
        return not fails or each.kind == "Finding Resolved", OUTCOMES.index(outcome_of(each)), family_of(each)

    return sorted(notice.held_back, key=key)


def _line(notice: Notice) -> str:
    return f"{headline(notice)}: {reason}" if (reason := _reason(notice)) else headline(notice)


def _reason(notice: Notice) -> str:
    """Return the cause of a finding, or the reason of a remediation."""
    if notice.findings:
        return prose(common_sentence(notice.findings[0]), _REASON_MAX_CHARS)
    return prose(notice.deed.why, _REASON_MAX_CHARS) if notice.deed else ""


def within(max_bytes: int, texts: Iterable[str]) -> Iterator[str]:
    """Yield the first of the texts that take at most ``max_bytes`` together."""
    size = 0
    for text in texts:
        size += len(text.encode()) + len(", ")
        if size > max_bytes:
            return
        yield text


def _counts(alerts: Sequence[Notice]) -> str:
    """Return how many alerts are about each family, the most first: ``web 31, api 2``."""
    counts = Counter(SEVERAL if concerns_several(each) else family_of(each) for each in alerts)
    shown = ", ".join(f"{family[:_FAMILY_MAX_CHARS]} {count}" for family, count in counts.most_common(_FAMILIES_SHOWN))
    rest = len(counts) - _FAMILIES_SHOWN
    return f"{shown}, and {rest} other families" if rest > 0 else shown
