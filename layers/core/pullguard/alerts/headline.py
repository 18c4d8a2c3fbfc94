"""The first line, the subject, and the attributes that subscriptions filter on."""

import json
import re
from collections import Counter
from itertools import accumulate
from typing import Final

from pullguard.alerts.affected import concerns_several, counted, dependents_of, families_of, family_of
from pullguard.alerts.deed import completed
from pullguard.alerts.foreign import NAME_MAX_CHARS, plain_name, plain_word
from pullguard.alerts.notice import Notice
from pullguard.checks.catalogue import broken_by, check_of
from pullguard.domain.findings import Finding
from pullguard.incidents import broken_thing
from pullguard.incidents.alert_limits import STACK, UNUSED

# "less than 100 characters", no line breaks, no control characters; ASCII is safe for every mail program.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_MAX_CHARS: Final = 99
# Attributes are part of the message, which may have 256 KB; the text leaves them 4 KB (structured.py).
FAMILIES_MAX_BYTES: Final = 1_500
SEVERAL: Final = "several"
_CHECK_MAX_CHARS: Final = 40
_UNREAD_MAX_CHARS: Final = 48  # secretsmanager:GetResourcePolicy unanswered
# The kinds of alerts in a summary, the most urgent first.
OUTCOMES: Final = (
    "error",
    "failed",
    "completed",
    "unknown",
    "warning",
    "refused",
    "planned",
    "resolved",
    "reminder",
)
_COUNTED: Final = ("error", "warning", "reminder")
_SEVERITIES: Final = ("error", "warning", "none")
_STATUSES: Final = ("fail", "unknown", "resolved", "planned", "completed", "failed", "refused")


def subject_of(notice: Notice) -> str:
    """Return the subject: printable ASCII, at most 99 characters, with the finding at the end and never cut off."""
    tail = f" - {found}" if (found := _found(notice)) else ""
    head = f"[Pullguard] {headline(notice, short=True)}"
    room = SUBJECT_MAX_CHARS - len(tail)
    return (head if len(head) <= room else f"{head[: room - 3]}...") + tail


def _found(notice: Notice) -> str:
    """Return the result of a check: its id, or for an undecided check the call that was not answered."""
    match notice.findings:
        case (Finding(status="unknown", unread=unread), *_):
            return plain_name(unread)[:_UNREAD_MAX_CHARS] if unread else ""
        case (leading, *_):
            return plain_word(leading.check)[:_CHECK_MAX_CHARS]
        case _:
            return ""


def headline(notice: Notice, *, short: bool = False) -> str:
    """Return what is broken, or what was done about it; ``short``: within a subject's length."""
    if notice.held_back:
        return _of_alerts(notice, 32 if short else NAME_MAX_CHARS)
    if notice.kind.startswith("Finding") and notice.findings:
        return _finding_headline(notice, notice.findings[0], 32 if short else NAME_MAX_CHARS)
    what = notice.deed.what if notice.deed else f"fix {family_of(notice)}"
    if notice.kind == "Remediation Completed":
        return plain_name(completed(what))
    word = {
        "Remediation Planned": "planned:",
        "Remediation Failed": "failed to",
        "Remediation Refused": "refused to",
    }.get(notice.kind, "about:")
    return f"{word} {plain_name(what)}"


def _of_alerts(notice: Notice, limit: int) -> str:
    """Return which limit is reached, or what a summary is about: ``summary of 36 alerts: 30 errors, 6 resolved``."""
    if notice.kind == "Alerts Held Back":
        scope = {STACK: "", UNUSED: " about what no service runs"}
        about = scope.get(notice.limit, f" about {_cut(plain_name(notice.limit), limit)}")
        return f"{_plural(notice.limit_count, 'alert')}{about} in an hour: more follow in a summary"
    counts = Counter(outcome_of(each) for each in notice.held_back)
    outcomes = (_plural(counts[each], each) if each in _COUNTED else f"{counts[each]} {each}" for each in OUTCOMES)
    several = ", ".join(words for words, each in zip(outcomes, OUTCOMES, strict=True) if counts[each])
    return f"summary of {_plural(len(notice.held_back), 'alert')}: {several}"


def outcome_of(notice: Notice) -> str:
    """Return what an alert reports in one word of ``OUTCOMES``."""
    if notice.reminder:
        return "reminder"
    status = _status(notice)
    return plain_word(notice.findings[0].severity) if status == "fail" else status


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _finding_headline(notice: Notice, finding: Finding, limit: int) -> str:
    """Name one family and its image; for several families return their number, and what they share."""
    everything, thing = dependents_of(notice), plain_name(broken_thing(finding, broken_by(finding)))
    if concerns_several(notice):
        who, image, because = counted(everything), "", f": {thing}"
    else:
        many = len(everything) > 1 or any(each.is_service for each in everything)
        who = _cut(family_of(notice), limit) + (f" ({counted(everything)})" if many else "")
        image, because = f" {_image(finding.image)}" if finding.image else " its image", ""
    named = f",{image}" if image and finding.image else ""
    if notice.kind == "Finding Resolved":
        # It does not claim that the pull works again: another fault, with its own alert, may prevent it.
        return f"resolved: {who}{named}{because}"
    again = "reminder, " if notice.reminder else ""
    if finding.status == "unknown":
        return f"{again}could not verify {who}{named}{because}"
    check = check_of(finding)
    if check is not None and check.at_risk is not None:
        return f"{again}{plain_word(finding.severity)}: {who} at risk: {thing} {check.at_risk}"
    risk = "cannot pull" if finding.severity == "error" else "may fail to pull"
    return f"{again}{plain_word(finding.severity)}: {who} {risk}{image}{because}"


def attributes_of(notice: Notice) -> dict[str, str | tuple[str, ...]]:
    """Return the attributes for subscription filter policies; a message without a finding says ``none``.

    ``family`` has several values if the incident affects more than one: ``several``, and then the families, as many as
    fit into 1,500 bytes. A filter policy accepts a message if it matches any of them.
    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html

    A summary has the values of all its alerts. The notice that a limit is reached has every severity and status, since
    any alert may follow.
    """
    if notice.held_back:
        return _of_several(notice)
    words = words_of(notice)
    return {**words, "family": _families(notice)} if concerns_several(notice) else {**words}


def _of_several(notice: Notice) -> dict[str, str | tuple[str, ...]]:
    words = [words_of(each) for each in notice.held_back]
    lists = {name: tuple(dict.fromkeys(each[name] for each in words)) for name in ("check", "severity", "status")}
    if notice.kind == "Alerts Held Back":
        lists |= {"severity": _SEVERITIES, "status": _STATUSES}
    values = {name: each if len(each) > 1 else each[0] for name, each in lists.items()}
    families = _families(notice) if concerns_several(notice) else plain_word(family_of(notice))
    return {"kind": notice.kind, **values, "family": families}


def _families(notice: Notice) -> tuple[str, ...]:
    words = dict.fromkeys((SEVERAL, *map(plain_word, families_of(notice))))
    sizes = accumulate(len(json.dumps(word)) + len(", ") for word in words)
    return tuple(word for word, size in zip(words, sizes, strict=True) if size <= FAMILIES_MAX_BYTES)


def words_of(notice: Notice) -> dict[str, str]:
    """Return the attributes in one word each; ``family`` is ``several`` if there is more than one."""
    leading = notice.findings[0] if notice.findings else None
    return {
        "kind": notice.kind,
        "check": plain_word(leading.check if leading else "none"),
        "severity": plain_word(leading.severity if leading else "none"),
        "status": _status(notice),
        "family": SEVERAL if concerns_several(notice) else plain_word(family_of(notice)),
    }


def _status(notice: Notice) -> str:
    about, _, what = notice.kind.partition(" ")
    if about == "Remediation" or what == "Resolved" or not notice.findings:
        return what.lower()
    return plain_word(notice.findings[0].status)


def _image(text: str) -> str:
    """Return an image for a headline: a long digest is cut."""
    return re.sub(r"(@[a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$", r"\1...", plain_name(text))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 2]}.."
