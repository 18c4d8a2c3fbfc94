"""The common parts of the forms for people: reason, Pullguard's action, fix, dependents, times."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pullguard.alerts.affected import DEPENDENTS_SHOWN, concerns_several, counted, dependents_of, family_of, named
from pullguard.alerts.deed import completed
from pullguard.alerts.foreign import SNIPPET_MAX_CHARS, plain_name, prose
from pullguard.alerts.notice import Notice
from pullguard.alerts.summary import summary_paragraphs, within
from pullguard.checks.catalogue import check_of
from pullguard.checks.next_pull import IN_WORDS
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.findings import Finding
from pullguard.domain.remediation import GRANTS_MAX_BYTES
from pullguard.incidents import Dependent, common_sentence

_FIXES: Final = {"grant": "grant access", "reregister": "register a corrected revision"}


def paragraphs(notice: Notice) -> Iterator[tuple[str, str]]:
    """Yield title and text of the fault, of Pullguard's own action and of the steps for people."""
    if notice.held_back:
        yield from summary_paragraphs(notice)
        return
    deed = notice.deed
    resolved = notice.kind == "Finding Resolved"
    for finding in notice.findings[:1]:
        several = concerns_several(notice)
        if finding.container and not several:
            yield "Container", f"{plain_name(finding.container)}, image {plain_name(finding.image)}"
        sentence = common_sentence(finding) if several else finding.cause
        yield ("It was" if resolved else "Why"), prose(sentence)
        if finding.evidence and not resolved:
            yield "Evidence", prose(finding.evidence)
    if (pullguard := _own_part(notice)) and not resolved:
        yield "Pullguard", pullguard
    remedy = deed.remedy if deed and deed.remedy else (notice.findings[0].remedy.text if notice.findings else "")
    if _wants_somebody(notice) and (remedy or snippet_of(notice)):
        yield "To do", prose(remedy or "run or paste this.")
    if (snippet := snippet_of(notice)) and len(snippet) > SNIPPET_MAX_CHARS:
        yield "Command", f"too long for a message; pullguard plan {family_of(notice)} prints it"


def _own_part(notice: Notice) -> str:
    """Describe what Pullguard itself did, would do or does not do."""
    if notice.deed is None:
        return _own_fix(notice.findings[0])
    what, why = prose(notice.deed.what), prose(notice.deed.why)
    reason = f": {why}" if why else ""
    match notice.kind:
        case "Remediation Completed":
            return f"{completed(what)}{reason or '.'}"
        case "Remediation Failed":
            return f"failed to {what}{reason}"
        case "Remediation Refused":
            return f"will not {what}{reason}"
        case _:
            return f"would {what}{reason}"


def _own_fix(finding: Finding) -> str:
    """Describe what Pullguard does about a finding, by the mode in which it found it."""
    if finding.remedy.action == "none":
        return "cannot fix this by itself."
    if finding.severity == "warning":
        return "makes no change, since this works today."
    fix = _FIXES[finding.remedy.action]
    if finding.observed:
        return f"only observes here: it would {fix} but changes nothing. The plan follows in a separate alert."
    return f"will try to {fix}; the result follows in a separate alert."


def _wants_somebody(notice: Notice) -> bool:
    return notice.kind not in ("Finding Resolved", "Remediation Completed")


def snippet_of(notice: Notice) -> str | None:
    """Return the command or statement for people, None without a snippet or anything to do."""
    if notice.held_back or not _wants_somebody(notice):
        return None
    if notice.deed and (notice.deed.snippet or not notice.findings):
        return notice.deed.snippet
    return notice.findings[0].remedy.snippet


def dependent_lines(notice: Notice) -> Iterator[str]:
    """Yield the dependents, one per line, unless the headline already names the only one."""
    everything = dependents_of(notice)
    if not everything or [each.arn for each in everything] == [named(notice, "task_definition")]:
        return  # the first line has named it
    yield ""
    over = notice.kind == "Finding Resolved"
    title = "Was affected" if over else "Affected"
    yield f"{title}: {counted(everything)}{_not_found(everything, over=over)}"
    check = check_of(notice.findings[0]) if notice.findings else None
    at_risk = not over and check is not None and check.at_risk is not None
    yield from (f"- {_briefly(each)}{_next_pull(each) if at_risk else ''}" for each in everything[:DEPENDENTS_SHOWN])
    if len(everything) > DEPENDENTS_SHOWN:
        yield f"- and {len(everything) - DEPENDENTS_SHOWN} more"


def grant_lines(notice: Notice, max_bytes: int = GRANTS_MAX_BYTES) -> Iterator[str]:
    """Yield the grants of a write that makes several, one per line, within ``max_bytes``; then count the others."""
    if notice.deed is None or notice.findings or not notice.deed.grants:
        return
    count = max(notice.deed.grants_count, len(notice.deed.grants))
    lines = (f"- {_name(each.secret)} for {_name(each.task_definition)}" for each in notice.deed.grants)
    shown = tuple(within(max_bytes, lines))
    yield ""
    yield f"In one write: {count} secrets"
    yield from shown
    if count > len(shown):
        yield f"- and {count - len(shown)} more"


def _name(text: str) -> str:
    try:
        return plain_name(Arn.parse(text).resource_name)
    except Malformed:
        return plain_name(text)


def _not_found(everything: tuple[Dependent, ...], *, over: bool) -> str:
    """Return how many dependents are not known to fail: alerts do not wait until all of them were validated."""
    count = sum(not each.found for each in everything)
    if not count:
        return ""
    seen = "were not found failing" if over else "have not been validated since"
    return f"; {count} of them (marked *) reference it and {seen}"


def _briefly(dependent: Dependent) -> str:
    """Return ``service/prod/web (web:7)`` or ``task-definition/web:7``, other names unchanged."""
    mark = "" if dependent.found else " *"
    name = _resource(dependent.arn)
    runs = f" ({_resource(dependent.task_definition).partition('/')[2]})" if dependent.is_service else ""
    return f"{name}{runs}{mark}"


def _next_pull(dependent: Dependent) -> str:
    """Describe what makes a service pull next, as last seen; empty if unknown."""
    words = IN_WORDS.get(dependent.next_pull)
    return f": {words}" if words else ""


def _resource(text: str) -> str:
    try:
        return Arn.parse(text).resource
    except Malformed:
        return plain_name(text)


def time_lines(notice: Notice) -> Iterator[str]:
    """Yield when the fault began, how long it lasted, and when it was resolved, as far as known."""
    if notice.opened_at:
        so_far = f" (open for {_duration(notice.lasted)})" if notice.lasted is not None and notice.now else ""
        yield f"Since: {instant(notice.opened_at)}{so_far}"
    if notice.resolved_at:
        lasted = f" (lasted {_duration(notice.lasted)})" if notice.lasted is not None else ""
        yield f"Resolved: {instant(notice.resolved_at)}{lasted}"


def instant(at: datetime) -> str:
    """Return a UTC time as ``2026-05-01T08:00:00Z``."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _duration(length: timedelta) -> str:
    """Return a duration in its two largest units."""
    rest_s = int(length.total_seconds())
    parts = []
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, rest_s = divmod(rest_s, size_s)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"
