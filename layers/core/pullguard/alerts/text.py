"""The form for people: plain text, for mail."""

from collections.abc import Iterator

from pullguard.alerts.affected import finding_ids
from pullguard.alerts.foreign import plain_name, plain_word, snippet_lines
from pullguard.alerts.headline import headline
from pullguard.alerts.links import links_of
from pullguard.alerts.notice import Notice
from pullguard.alerts.paragraphs import dependent_lines, grant_lines, paragraphs, snippet_of, time_lines
from pullguard.alerts.summary import summary_lines


def as_text(notice: Notice) -> str:
    """Return the notice as lines of text, the headline first."""
    return "\n".join(_lines(notice)) + "\n"


def _lines(notice: Notice) -> Iterator[str]:
    """Yield the lines of the message: what and where, why, what Pullguard does, what to do, dependents, links, ids."""
    where = f"account {plain_name(notice.account, 20)}, {plain_name(notice.region, 40)}"
    yield f"{headline(notice)} ({where})"
    for title, paragraph in paragraphs(notice):
        yield ""
        yield f"{title}: {paragraph}"
    yield from (f"    {line}" for line in snippet_lines(snippet_of(notice)))
    yield from dependent_lines(notice)
    yield from grant_lines(notice)
    if notice.held_back:
        yield from summary_lines(notice)
        return
    yield ""
    yield from (f"{title}: {link}" for title, link in links_of(notice))
    for finding in notice.findings[:1]:
        yield f"Check: {plain_word(finding.check)}"
    yield from time_lines(notice)
    if notice.incident_id:
        yield f"Cause: {plain_word(notice.incident_id)}"
    yield f"Finding: {', '.join(finding_ids(notice)) or 'none'}"
