"""External text, made harmless: prose, names, snippets and words."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

NAME_MAX_CHARS: Final = 300
_PROSE_MAX_CHARS: Final = 1_000
SNIPPET_MAX_CHARS: Final = 6_000
_ATTRIBUTE_MAX_CHARS: Final = 256
_TYPOGRAPHY: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})
# Letters and symbols that are invisible.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
# Text that a program would turn into a link: "://" in prose. In a snippet "file://" has a meaning, so there only what
# opens a page.
_LINK = re.compile(r":(?=[/\\]{2})|(?<=mailto):|(?<=javascript):|(?<=tel):|(?<=sms):|(?<=\bwww)\.", re.IGNORECASE)
_SNIPPET_LINK = re.compile(
    r"(?<=http):|(?<=https):|(?<=ftp):|(?<=mailto):|(?<=javascript):|(?<=\bwww)\.|:(?=/\\|\\[/\\])", re.IGNORECASE
)


def prose(text: str, limit: int = _PROSE_MAX_CHARS) -> str:
    """Return an external text as one harmless line: at most ``limit`` characters, with a mark if it was cut."""
    shortened = text[: 4 * limit]
    flat = " ".join(unicodedata.normalize("NFC", shortened).translate(_TYPOGRAPHY).split())
    safe = _defanged(_numbered(flat, _is_hidden))
    return safe if len(safe) <= limit and shortened == text else f"{safe[: limit - 3]}..."


def plain_name(text: str | None, limit: int = NAME_MAX_CHARS) -> str:
    """Return an external name as one harmless line of printable ASCII; other characters appear by their number."""
    return _numbered(prose(text or "?", limit), lambda character: not character.isascii())[:limit]


def snippet_lines(text: str | None) -> tuple[str, ...]:
    """Return the lines of a snippet, each harmless; empty if there is no snippet or it is too long to be shown."""
    if not text or len(text) > SNIPPET_MAX_CHARS:
        return ()
    return tuple(_defanged(_numbered(line, _is_hidden), _SNIPPET_LINK) for line in text.rstrip("\n").split("\n"))


def plain_word(text: str) -> str:
    """Return a text reduced to letters, digits and ``. _ : -``, never empty."""
    return re.sub(r"[^A-Za-z0-9._:-]", "_", _defanged(text[:_ATTRIBUTE_MAX_CHARS]))[:_ATTRIBUTE_MAX_CHARS] or "none"


def _defanged(text: str, link: re.Pattern[str] = _LINK) -> str:
    """Break text that a mail or chat program would turn into a link: ``https://x`` becomes ``https[:]//x``."""
    return link.sub(lambda match: f"[{match[0]}]", text)


def _numbered(text: str, which: Callable[[str], bool]) -> str:
    """Return a text with some of its characters replaced by their numbers."""
    return text.translate({ord(each): f"\\u{ord(each):04x}" for each in set(text) if which(each)})


def _is_hidden(character: str) -> bool:
    """Whether a character is an invisible one: a control, a format, a mark or a blank."""
    return not character.isprintable() or character in _BLANK or unicodedata.category(character) in ("Mn", "Me")
