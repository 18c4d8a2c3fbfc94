"""The form for Amazon Q Developer in chat applications, which shows it in Slack or Microsoft Teams."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pullguard.alerts.affected import family_of, finding_ids, named, proved
from pullguard.alerts.foreign import plain_name, plain_word, snippet_lines
from pullguard.alerts.headline import headline, words_of
from pullguard.alerts.links import links_of
from pullguard.alerts.notice import Notice
from pullguard.alerts.paragraphs import dependent_lines, grant_lines, paragraphs, snippet_of, time_lines
from pullguard.alerts.summary import summary_lines
from pullguard.domain.findings import Finding

# The page's schema has no limits. These are the lengths of a line, a step and a message that chat programs show uncut.
_CHAT_TITLE_MAX_CHARS: Final = 250
_CHAT_STEP_MAX_CHARS: Final = 350
_CHAT_KEYWORD_MAX_CHARS: Final = 75
_CHAT_DESCRIPTION_MAX_CHARS: Final = 8_000
_CHAT_LIST_MAX_BYTES: Final = 5_000


def as_chat(notice: Notice) -> dict[str, Any]:
    """Return the notice as a custom notification; opening and resolution share a thread.

    Source: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    """
    words = words_of(notice)
    keywords = (words[name] for name in ("check", "severity", "family"))
    notice_region = plain_word(notice.region)
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": f"{_sign(notice)} {_markdown(headline(notice))}"[:_CHAT_TITLE_MAX_CHARS],
            "description": _description(notice),
            "nextSteps": _chat_steps(notice),
            "keywords": [*dict.fromkeys(each[:_CHAT_KEYWORD_MAX_CHARS] for each in (*keywords, notice_region))],
        },
        "metadata": {
            "threadId": plain_word(notice.incident_id) if notice.incident_id else _thread(notice),
            "summary": _markdown(headline(notice))[:_CHAT_TITLE_MAX_CHARS],
            "eventType": notice.kind,
            "relatedResources": _proved_arns(notice),
            "additionalContext": {
                "account": plain_name(notice.account, 20),
                "region": plain_name(notice.region, 40),
                "status": words["status"],
            },
        },
    }


def _thread(notice: Notice) -> str:
    """Return the first finding, or else the family; for a list of alerts ``several`` if they are about several."""
    family = words_of(notice)["family"] if notice.held_back else plain_word(family_of(notice))
    return next(iter(finding_ids(notice)), family)


def _sign(notice: Notice) -> str:
    if notice.kind in ("Finding Resolved", "Remediation Completed"):
        return ":white_check_mark:"
    match notice.findings:
        case (Finding(status="unknown"), *_):
            return ":grey_question:"  # its severity would be the check's, which has found nothing
        case (Finding(severity="error"), *_):
            return ":x:"
        case _:
            return ":warning:"


def _chat_lines(notice: Notice) -> Iterator[str]:
    yield f"Account `{plain_name(notice.account, 20)}`, `{plain_name(notice.region, 40)}`"
    yield from (f"*{title}*: {_markdown(text)}" for title, text in paragraphs(notice) if title != "To do")
    listed = (*dependent_lines(notice), *grant_lines(notice, _CHAT_LIST_MAX_BYTES))
    yield from (_markdown(line) for line in listed if line)
    if notice.held_back:
        yield from (_markdown(line) for line in summary_lines(notice, _CHAT_LIST_MAX_BYTES) if line)
        return
    yield from time_lines(notice)
    yield f"Finding `{', '.join(finding_ids(notice)) or 'none'}`"


def _description(notice: Notice) -> str:
    """Return the fault and its dependents; a command that is too long for a step appears here, or nowhere."""
    text = "\n".join(_chat_lines(notice))[:_CHAT_DESCRIPTION_MAX_CHARS]
    command = _command(notice)
    whole = f"{text}\n{command}"
    return whole if command and not _is_step(command) and len(whole) <= _CHAT_DESCRIPTION_MAX_CHARS else text


def _chat_steps(notice: Notice) -> list[str]:
    """Return the steps: the words, the command if it is short, and our links."""
    words = (_cut(_markdown(text)) for title, text in paragraphs(notice) if title == "To do")
    command = _command(notice)
    return [
        *words,
        *((command,) if _is_step(command) else ()),
        *(f"{title}: {link}" for title, link in links_of(notice)),
    ]


def _command(notice: Notice) -> str:
    snippet = _markdown("\n".join(snippet_lines(snippet_of(notice))))
    return f"```{snippet}```" if snippet else ""


def _is_step(command: str) -> bool:
    return 0 < len(command) <= _CHAT_STEP_MAX_CHARS


def _cut(text: str) -> str:
    return text if len(text) <= _CHAT_STEP_MAX_CHARS else f"{text[: _CHAT_STEP_MAX_CHARS - 3]}..."


def _markdown(text: str) -> str:
    """Remove from a harmless text what Slack or Teams would read as a link, a mention or the end of a code block."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return re.sub(r"(?<!\w)@(?=\w)", "@ ", escaped.replace("](", "] ("))


def _proved_arns(notice: Notice) -> list[str]:
    kinds: Iterable[tuple[str, str, str]] = (
        ("task_definition", "ecs", "task-definition"),
        ("secret", "secretsmanager", "secret"),
        ("role", "iam", "role"),
        ("key", "kms", "key"),
    )
    return [str(arn) for member, service, kind in kinds if (arn := proved(named(notice, member), service, kind))]
