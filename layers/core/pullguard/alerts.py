"""What people read when something breaks, is mended or is refused: one message a cause, sent through SNS.

The rules of this file:

- Image, container, family, tags, causes and evidence are somebody else's text. Each becomes one line without control,
  bidirectional or invisible characters, limited in length, and without a URL that a reader's program would link.
  Names lose every character that is not ASCII as well, so that none looks like another.
- The only links are ours: to pages of the AWS console, built from proved ARNs.
- A snippet is shown whole or not at all, since half a command is worse than none.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, assert_never
from urllib.parse import quote

from pullguard.arn import Arn
from pullguard.errors import Malformed
from pullguard.findings import SCHEMA_VERSION, Finding
from pullguard.plan import Action, ActionKind, Grant, MoveService, ReferenceChange, Refusal, Reregister

FORMATS: tuple["Format", ...] = ("text", "json", "chat")
Format: TypeAlias = Literal["text", "json", "chat"]
NoticeKind: TypeAlias = Literal[
    "Finding Opened",
    "Finding Changed",
    "Finding Resolved",
    "Remediation Planned",
    "Remediation Completed",
    "Remediation Failed",
    "Remediation Refused",
]

# "less than 100 characters", no line breaks, no control characters; ASCII is safe for every mail program.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_MAX_CHARS: Final = 99
# 256 KB for the message with its attributes, which have 2 KB at most here.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MESSAGE_MAX_BYTES: Final = 262_144 - 4_096
DEPENDENTS_SHOWN: Final = 20
_NAME_MAX_CHARS: Final = 300
_PROSE_MAX_CHARS: Final = 1_000
_SNIPPET_MAX_CHARS: Final = 6_000
_ATTRIBUTE_MAX_CHARS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What Pullguard did, would do or must not do: ``what`` completes "Pullguard would …".

    ``why`` says why it failed or was refused, ``remedy`` and ``snippet`` what the owner would do instead.
    """

    kind: ActionKind
    what: str
    task_definition: str
    target: str
    role: str | None = None
    secret: str | None = None
    key: str | None = None
    why: str = ""
    remedy: str = ""
    snippet: str | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell: findings of one cause, the first of which leads, or a deed, or both.

    ``dependents`` are the ARNs of the services that the cause hits, or of its task definitions, the leading one
    among them or not.
    ``opened_at`` and ``resolved_at`` are UTC. ``reminder`` marks what has been told before and still stands.
    """

    kind: NoticeKind
    account: str
    region: str
    findings: tuple[Finding, ...] = ()
    deed: Deed | None = None
    dependents: tuple[str, ...] = ()
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    reminder: bool = False

    def __post_init__(self) -> None:
        if not self.findings and self.deed is None:
            raise ValueError("a notice is about a finding or a deed, and this one is about neither")

    @property
    def lasted(self) -> timedelta | None:
        """How long it was broken, where both ends are known."""
        if self.opened_at is None or self.resolved_at is None:
            return None
        return max(self.resolved_at - self.opened_at, timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message for SNS Publish: ``attributes`` are message attributes of type String, none of them empty."""

    subject: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def describe(deed: Action | Refusal, why: str = "") -> Deed:
    """Put an action or a refusal into words; ``why`` says why an action failed."""
    match deed:
        case Grant():
            key = f" and decrypt with key {deed.key.resource_name}" if deed.key else ""
            return Deed(
                kind="grant",
                what=f"let role {deed.role.resource_name} read secret {deed.secret.resource_name}{key}",
                task_definition=str(deed.task_definition),
                target=str(deed.role),
                role=str(deed.role),
                secret=str(deed.secret),
                key=str(deed.key) if deed.key else None,
                why=why,
                findings=deed.findings,
            )
        case Reregister():
            changes = ", ".join(_change(change) for change in deed.changes)
            return Deed(
                kind="reregister",
                what=f"register {deed.task_definition.resource_name} once more with {changes}",
                task_definition=str(deed.task_definition),
                target=str(deed.task_definition),
                secret=next((str(change.after) for change in deed.changes if change.after), None),
                why=why,
                findings=deed.findings,
            )
        case MoveService():
            service = deed.service.rsplit("/", 1)[-1]
            return Deed(
                kind="move-service",
                what=f"move service {service} from {deed.before.resource_name} to {deed.after.resource_name}",
                task_definition=str(deed.before),
                target=deed.service,
                why=why,
            )
        case Refusal():
            return Deed(
                kind=deed.kind,
                what=_refused(deed),
                task_definition=str(deed.task_definition),
                target=deed.target,
                why=deed.why,
                remedy=deed.remedy,
                snippet=deed.snippet,
                findings=deed.findings,
            )
        case _:
            assert_never(deed)


def _change(change: ReferenceChange) -> str:
    if change.after is None:
        return f"no credentials for container {change.container}"
    return f"secret {change.after.resource_name} for container {change.container}"


def _refused(refusal: Refusal) -> str:
    revision, target = refusal.task_definition.resource_name, refusal.target.rsplit("/", 1)[-1]
    match refusal.kind:
        case "grant":
            return f"grant {target} what {revision} needs"
        case "reregister":
            return f"register {revision} once more"
        case "move-service":
            return f"move service {target} away from {revision}"
        case _:
            assert_never(refusal.kind)


def compose(notice: Notice, form: Format = "text") -> Alert:
    """Compose the message about ``notice`` in one of three forms.

    ``text`` is for people, ``json`` for programs (``schema_version`` 1), ``chat`` for Amazon Q Developer in chat
    applications, which shows it in Slack or Microsoft Teams.
    """
    match form:
        case "text":
            text = "\n".join(_lines(notice)) + "\n"
        case "json":
            text = _as_json(notice)
        case "chat":
            text = json.dumps(_as_chat(notice))
        case _:
            assert_never(form)
    return Alert(subject=_subject(notice), text=text, attributes=_attributes(notice))


# --- Somebody else's text --------------------------------------------------------------------------------------

_TYPOGRAPHY: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})
# Letters and symbols that show as nothing.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
# What a program makes a link of: "://" in prose; in a snippet, where "file://" has a meaning, only what opens a page.
_LINK = re.compile(r":(?=[/\\]{2})|(?<=mailto):|(?<=javascript):|(?<=tel):|(?<=sms):|(?<=\bwww)\.", re.IGNORECASE)
_SNIPPET_LINK = re.compile(
    r"(?<=http):|(?<=https):|(?<=ftp):|(?<=mailto):|(?<=javascript):|(?<=\bwww)\.", re.IGNORECASE
)


def _prose(text: str, limit: int = _PROSE_MAX_CHARS) -> str:
    """Return a foreign text as one harmless line: no more than ``limit`` characters, and a mark where it was cut."""
    shortened = text[: 4 * limit]
    flat = " ".join(unicodedata.normalize("NFC", shortened).translate(_TYPOGRAPHY).split())
    safe = _defanged("".join(map(_visible, flat)))
    return safe if len(safe) <= limit and shortened == text else f"{safe[: limit - 3]}..."


def _name(text: str | None, limit: int = _NAME_MAX_CHARS) -> str:
    """Return a foreign name as one harmless line of printable ASCII; what is not ASCII is shown by its number."""
    return "".join(c if c.isascii() else _number(c) for c in _prose(text or "?", limit))[:limit]


def _snippet(text: str | None) -> tuple[str, ...]:
    """Return the lines of a snippet, each harmless; none where there is no snippet or it is too long to be shown."""
    if not text or len(text) > _SNIPPET_MAX_CHARS:
        return ()
    return tuple(_defanged("".join(map(_visible, line)), _SNIPPET_LINK) for line in text.rstrip("\n").split("\n"))


def _visible(character: str) -> str:
    """Return a character, or its number where it is a control, a format, a mark or a blank that nobody can see."""
    hidden = not character.isprintable() or character in _BLANK or unicodedata.category(character) in ("Mn", "Me")
    return _number(character) if hidden else character


def _number(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _defanged(text: str, link: re.Pattern[str] = _LINK) -> str:
    """Break what a mail or chat program would turn into a link: ``https://x`` becomes ``https[:]//x``."""
    return link.sub(lambda match: f"[{match[0]}]", text)


# --- Subject and attributes ------------------------------------------------------------------------------------


def _subject(notice: Notice) -> str:
    """Return the subject: printable ASCII, at most 99 characters, the check last and never cut off."""
    tail = f" - {_word(notice.findings[0].check)[:40]}" if notice.findings else ""
    head = f"[Pullguard] {_headline(notice, short=True)}"
    room = SUBJECT_MAX_CHARS - len(tail)
    return (head if len(head) <= room else f"{head[: room - 3]}...") + tail


def _headline(notice: Notice, *, short: bool = False) -> str:
    """Say what is broken, or what was done about it; ``short`` as a subject has room for it."""
    if notice.kind.startswith("Finding") and notice.findings:
        return _finding_headline(notice, notice.findings[0], 32 if short else _NAME_MAX_CHARS)
    word = {
        "Remediation Planned": "would",
        "Remediation Completed": "done:",
        "Remediation Failed": "failed to",
        "Remediation Refused": "refused to",
    }.get(notice.kind, "about:")
    what = notice.deed.what if notice.deed else f"mend {_family(notice)}"
    return f"{word} {_name(what)}"


def _finding_headline(notice: Notice, finding: Finding, limit: int) -> str:
    everything = _dependents(notice)
    many = len(everything) > 1
    who = _cut(_family(notice), limit)
    if any(map(_is_service, everything)):
        who = f"{who} ({len(everything)} {'services' if many else 'service'})"
    elif many:
        who = f"{who} and {len(everything) - 1} more"
    image = _image(finding.image) if finding.image else ("their images" if many else "its image")
    if notice.kind == "Finding Resolved":
        return f"resolved: {who} can pull {image} again"
    again = "reminder, " if notice.reminder else ""
    if finding.status == "unknown":
        return f"{again}unknown: whether {who} can pull {image}"
    risk = "cannot pull" if finding.severity == "error" else "may fail to pull"
    return f"{again}{_word(finding.severity)}: {who} {risk} {image}"


def _attributes(notice: Notice) -> dict[str, str]:
    """Return what subscription filter policies select on; a message about no finding says ``none``.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """
    leading = notice.findings[0] if notice.findings else None
    return {
        "kind": notice.kind,
        "check": _word(leading.check if leading else "none"),
        "severity": _word(leading.severity if leading else "none"),
        "status": _status(notice),
        "family": _word(_family(notice)),
    }


def _status(notice: Notice) -> str:
    about, _, what = notice.kind.partition(" ")
    if about == "Remediation" or what == "Resolved" or not notice.findings:
        return what.lower()
    return _word(notice.findings[0].status)


def _word(text: str) -> str:
    """Return a text with nothing in it but letters, digits and ``. _ : -``, never empty."""
    return re.sub(r"[^A-Za-z0-9._:-]", "_", _defanged(text[:_ATTRIBUTE_MAX_CHARS]))[:_ATTRIBUTE_MAX_CHARS] or "none"


def _family(notice: Notice) -> str:
    about = _named(notice, "task_definition")
    arn = _proved(about, "ecs", "task-definition")
    return _name(arn.resource_name.partition(":")[0] if arn else about)


def _dependents(notice: Notice) -> tuple[str, ...]:
    """Return everything that the cause hits, each once: services where they are told, else the task definitions."""
    if any(map(_is_service, notice.dependents)):
        return tuple(dict.fromkeys(notice.dependents))
    leading = tuple(finding.task_definition for finding in notice.findings)
    return tuple(dict.fromkeys((*leading, *notice.dependents)))


def _is_service(thing: str) -> bool:
    return _proved(thing, "ecs", "service") is not None


def _image(text: str) -> str:
    """Return an image for a headline: of a long digest the beginning."""
    return re.sub(r"(@[a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$", r"\1...", _name(text))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 2]}.."


# --- For people ------------------------------------------------------------------------------------------------


def _lines(notice: Notice) -> Iterator[str]:
    """Yield the lines of the message: what and where, why, what Pullguard does, what to do, who, links, ids."""
    where = f"account {_name(notice.account, 20)}, {_name(notice.region, 40)}"
    yield f"{_headline(notice)} ({where})"
    for title, paragraph in _paragraphs(notice):
        yield ""
        yield f"{title}: {paragraph}"
    yield from (f"    {line}" for line in _snippet(_snippet_of(notice)))
    yield from _dependent_lines(notice)
    yield ""
    yield from (f"{title}: {link}" for title, link in _links(notice))
    for finding in notice.findings[:1]:
        yield f"Check: {_word(finding.check)}"
    yield from _times(notice)
    yield f"Finding: {', '.join(_ids(notice)) or 'none'}"


def _paragraphs(notice: Notice) -> Iterator[tuple[str, str]]:
    deed = notice.deed
    resolved = notice.kind == "Finding Resolved"
    for finding in notice.findings[:1]:
        if finding.container:
            yield "Container", f"{_name(finding.container)}, image {_name(finding.image)}"
        yield ("It was" if resolved else "Why"), _prose(finding.cause)
        if finding.evidence and not resolved:
            yield "Evidence", _prose(finding.evidence)
    if (pullguard := _own_part(notice)) and not resolved:
        yield "Pullguard", pullguard
    remedy = deed.remedy if deed and deed.remedy else (notice.findings[0].remedy.text if notice.findings else "")
    if _wants_somebody(notice) and (remedy or _snippet_of(notice)):
        yield "To do", _prose(remedy or "run or paste this.")
    if (snippet := _snippet_of(notice)) and len(snippet) > _SNIPPET_MAX_CHARS:
        yield "Command", f"too long for a message; pullguard plan {_family(notice)} prints it"


def _own_part(notice: Notice) -> str:
    """Say what Pullguard itself did, would do or does not do."""
    if notice.deed is None:
        action = notice.findings[0].remedy.action
        return {
            "none": "cannot mend this by itself.",
            "grant": "can grant the access; what it does about it is told in a message of its own.",
            "reregister": "can register a corrected revision; what it does about it is told in a message of its own.",
        }[action]
    what, why = _prose(notice.deed.what), _prose(notice.deed.why)
    reason = f": {why}" if why else ""
    match notice.kind:
        case "Remediation Completed":
            return f"did this: {what}."
        case "Remediation Failed":
            return f"tried to {what}, and failed{reason}"
        case "Remediation Refused":
            return f"will not {what}{reason}"
        case _:
            return f"would {what}{reason}"


def _wants_somebody(notice: Notice) -> bool:
    return notice.kind not in ("Finding Resolved", "Remediation Completed")


def _snippet_of(notice: Notice) -> str | None:
    if not _wants_somebody(notice):
        return None
    if notice.deed and (notice.deed.snippet or not notice.findings):
        return notice.deed.snippet
    return notice.findings[0].remedy.snippet


def _dependent_lines(notice: Notice) -> Iterator[str]:
    everything = _dependents(notice)
    if everything == (_named(notice, "task_definition"),) or not everything:
        return  # the first line has told it
    yield ""
    yield f"Affected ({len(everything)}):"
    yield from (f"- {_briefly(each)}" for each in everything[:DEPENDENTS_SHOWN])
    if len(everything) > DEPENDENTS_SHOWN:
        yield f"- and {len(everything) - DEPENDENTS_SHOWN} more"


def _briefly(thing: str) -> str:
    """Return ``service/prod/web`` or ``task-definition/web:7`` for an ARN, another name as it is."""
    try:
        return Arn.parse(thing).resource
    except Malformed:
        return _name(thing)


def _times(notice: Notice) -> Iterator[str]:
    if notice.opened_at:
        yield f"Since: {_instant(notice.opened_at)}"
    if notice.resolved_at:
        lasted = f" (lasted {_duration(notice.lasted)})" if notice.lasted is not None else ""
        yield f"Resolved: {_instant(notice.resolved_at)}{lasted}"


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _duration(length: timedelta) -> str:
    """Say how long something lasted, in its two largest units."""
    rest_s = int(length.total_seconds())
    parts = []
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, rest_s = divmod(rest_s, size_s)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _ids(notice: Notice) -> tuple[str, ...]:
    """Return the ids of the findings that this is about, a few of them at most."""
    ids = [finding.id for finding in notice.findings] or (notice.deed.findings if notice.deed else ())
    return tuple(_word(each) for each in list(ids)[:5])


# --- Links -----------------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html for the partitions; others get no links.
_CONSOLES: Final = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def _links(notice: Notice) -> tuple[tuple[str, str], ...]:
    """Return the pages of the AWS console for what the notice names, as far as it is named by a proved ARN."""
    things = (
        ("Task definition", _task_definition_link(_named(notice, "task_definition"))),
        ("Secret", _secret_link(_named(notice, "secret"))),
        ("Role", _role_link(_named(notice, "role"))),
        ("Key", _key_link(_named(notice, "key"))),
    )
    return tuple((title, link) for title, link in things if link)


def _named(notice: Notice, member: str) -> str | None:
    """Return what the leading finding calls ``member``, or else the deed."""
    found = getattr(notice.findings[0], member) if notice.findings else None
    return found or (getattr(notice.deed, member) if notice.deed else None)


def _proved(text: str | None, service: str, resource_type: str) -> Arn | None:
    try:
        return Arn.parse(text or "", service=service, resource_type=resource_type)
    except Malformed:
        return None


def _console(arn: Arn, page: str) -> str | None:
    domain = _CONSOLES.get(arn.partition)
    return f"https://{domain}/{page}" if domain else None


def _task_definition_link(text: str | None) -> str | None:
    if (arn := _proved(text, "ecs", "task-definition")) is None:
        return None
    family, _, revision = arn.resource_name.rpartition(":")
    page = f"ecs/v2/task-definitions/{_quoted(family)}/{_quoted(revision)}"
    return _console(arn, f"{page}?region={_quoted(arn.region)}")


def _secret_link(text: str | None) -> str | None:
    if (arn := _proved(text, "secretsmanager", "secret")) is None:
        return None
    name = re.sub(r"-[A-Za-z0-9]{6}$", "", arn.resource.partition(":")[2])
    return _console(arn, f"secretsmanager/secret?name={_quoted(name)}&region={_quoted(arn.region)}")


def _role_link(text: str | None) -> str | None:
    arn = _proved(text, "iam", "role")
    return _console(arn, f"iam/home#/roles/details/{_quoted(arn.resource.rsplit('/', 1)[-1])}") if arn else None


def _key_link(text: str | None) -> str | None:
    arn = _proved(text, "kms", "key")
    page = f"kms/home?region={_quoted(arn.region)}#/kms/keys/{_quoted(arn.resource_name)}" if arn else ""
    return _console(arn, page) if arn else None


def _quoted(text: str) -> str:
    return quote(text, safe="")


# --- For programs ----------------------------------------------------------------------------------------------


def _as_json(notice: Notice) -> str:
    """Return the notice as JSON in ASCII, with as many findings and dependents as one message holds.

    Members are those of the bus events; every text but our own links is harmless, as in the other forms.
    """
    for findings, dependents in ((20, 500), (5, 100), (1, DEPENDENTS_SHOWN)):
        text = json.dumps(_json_object(notice, findings, dependents))
        if len(text) <= MESSAGE_MAX_BYTES:
            return text
    return json.dumps(_json_object(notice, 1, 0))


def _json_object(notice: Notice, findings: int, dependents: int) -> dict[str, Any]:
    everything = _dependents(notice)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": notice.kind,
        "subject": _subject(notice),
        "account": _name(notice.account, 20),
        "region": _name(notice.region, 40),
        "findings": [_harmless(finding.to_dict()) for finding in notice.findings[:findings]],
        "findings_count": len(notice.findings),
        "deed": _harmless(asdict(notice.deed)) if notice.deed else None,
        "dependents": [_name(each) for each in everything[:dependents]],
        "dependents_count": len(everything),
        "opened_at": _instant(notice.opened_at) if notice.opened_at else None,
        "resolved_at": _instant(notice.resolved_at) if notice.resolved_at else None,
        "lasted_s": int(notice.lasted.total_seconds()) if notice.lasted is not None else None,
        "reminder": notice.reminder,
        "links": dict(_links(notice)),
    }


def _harmless(value: Any, member: str = "") -> Any:
    match value:
        case str() if member == "snippet":
            return "\n".join(_snippet(value)) or None
        case str() if member == "source":
            return value if value.startswith("https://docs.aws.amazon.com/") and value.isprintable() else _prose(value)
        case str():
            return _prose(value)
        case Mapping():
            return {name: _harmless(each, name) for name, each in value.items()}
        case list() | tuple():
            return [_harmless(each) for each in value[:DEPENDENTS_SHOWN]]
        case _:
            return value


# --- For chats -------------------------------------------------------------------------------------------------

# The schema names no limits; these keep a message readable.
_CHAT_TITLE_MAX_CHARS: Final = 250
_CHAT_STEP_MAX_CHARS: Final = 2_000


def _as_chat(notice: Notice) -> dict[str, Any]:
    """Return the notice as a custom notification; opening and resolution share a thread.

    Source: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    """
    attributes = _attributes(notice)
    keywords = (attributes[name] for name in ("check", "severity", "family"))
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": f"{_sign(notice)} {_markdown(_headline(notice))}"[:_CHAT_TITLE_MAX_CHARS],
            "description": "\n".join(_chat_lines(notice)),
            "nextSteps": _chat_steps(notice),
            "keywords": [*dict.fromkeys((*keywords, _word(notice.region)))],
        },
        "metadata": {
            "threadId": next(iter(_ids(notice)), attributes["family"]),
            "summary": _markdown(_headline(notice))[:_CHAT_TITLE_MAX_CHARS],
            "eventType": notice.kind,
            "relatedResources": _proved_arns(notice),
            "additionalContext": {
                "account": _name(notice.account, 20),
                "region": _name(notice.region, 40),
                "status": attributes["status"],
            },
        },
    }


def _sign(notice: Notice) -> str:
    if notice.kind in ("Finding Resolved", "Remediation Completed"):
        return ":white_check_mark:"
    return ":x:" if any(finding.severity == "error" for finding in notice.findings[:1]) else ":warning:"


def _chat_lines(notice: Notice) -> Iterator[str]:
    yield f"Account `{_name(notice.account, 20)}`, `{_name(notice.region, 40)}`"
    yield from (f"*{title}*: {_markdown(text)}" for title, text in _paragraphs(notice) if title != "To do")
    dependents = tuple(_dependent_lines(notice))
    yield from (_markdown(line) for line in dependents if line)
    yield from _times(notice)
    yield f"Finding `{', '.join(_ids(notice)) or 'none'}`"


def _chat_steps(notice: Notice) -> list[str]:
    """Return what to do: the words, the command where it is short, and our links."""
    words = (_markdown(text) for title, text in _paragraphs(notice) if title == "To do")
    snippet = _markdown("\n".join(_snippet(_snippet_of(notice))))
    command = (f"```{snippet}```",) if 0 < len(snippet) <= _CHAT_STEP_MAX_CHARS else ()
    return [*words, *command, *(f"{title}: {link}" for title, link in _links(notice))]


def _markdown(text: str) -> str:
    """Take from a harmless text what Slack or Teams would read as a link, a mention or the end of a code block."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return re.sub(r"(?<!\w)@(?=\w)", "@ ", escaped.replace("](", "] ("))


def _proved_arns(notice: Notice) -> list[str]:
    kinds: Iterable[tuple[str, str, str]] = (
        ("task_definition", "ecs", "task-definition"),
        ("secret", "secretsmanager", "secret"),
        ("role", "iam", "role"),
        ("key", "kms", "key"),
    )
    return [str(arn) for member, service, kind in kinds if (arn := _proved(_named(notice, member), service, kind))]
