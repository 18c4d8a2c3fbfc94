"""Somebody else's text, made harmless: prose, names, snippets and words."""

import re
import unicodedata
from typing import Final

NAME_MAX_CHARS: Final = 300
_PROSE_MAX_CHARS: Final = 1_000
SNIPPET_MAX_CHARS: Final = 6_000
_ATTRIBUTE_MAX_CHARS: Final = 256
_TYPOGRAPHY: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})
# Letters and symbols that show as nothing.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
# What a program makes a link of: "://" in prose; in a snippet, where "file://" has a meaning, only what opens a page.
_LINK = re.compile(r":(?=[/\\]{2})|(?<=mailto):|(?<=javascript):|(?<=tel):|(?<=sms):|(?<=\bwww)\.", re.IGNORECASE)
_SNIPPET_LINK = re.compile(
    r"(?<=http):|(?<=https):|(?<=ftp):|(?<=mailto):|(?<=javascript):|(?<=\bwww)\.", re.IGNORECASE
)


def prose(text: str, limit: int = _PROSE_MAX_CHARS) -> str:
    """Return a foreign text as one harmless line: no more than ``limit`` characters, and a mark where it was cut."""
    shortened = text[: 4 * limit]
    flat = " ".join(unicodedata.normalize("NFC", shortened).translate(_TYPOGRAPHY).split())
    safe = _defanged("".join(map(_visible, flat)))
    return safe if len(safe) <= limit and shortened == text else f"{safe[: limit - 3]}..."


def plain_name(text: str | None, limit: int = NAME_MAX_CHARS) -> str:
    """Return a foreign name as one harmless line of printable ASCII; what is not ASCII is shown by its number."""
    return "".join(c if c.isascii() else _number(c) for c in prose(text or "?", limit))[:limit]


def snippet_lines(text: str | None) -> tuple[str, ...]:
    """Return the lines of a snippet, each harmless; none where there is no snippet or it is too long to be shown."""
    if not text or len(text) > SNIPPET_MAX_CHARS:
        return ()
    return tuple(_defanged("".join(map(_visible, line)), _SNIPPET_LINK) for line in text.rstrip("\n").split("\n"))


def plain_word(text: str) -> str:
    """Return a text with nothing in it but letters, digits and ``. _ : -``, never empty."""
    return re.sub(r"[^A-Za-z0-9._:-]", "_", _defanged(text[:_ATTRIBUTE_MAX_CHARS]))[:_ATTRIBUTE_MAX_CHARS] or "none"


def _defanged(text: str, link: re.Pattern[str] = _LINK) -> str:
    """Break what a mail or chat program would turn into a link: ``https://x`` becomes ``https[:]//x``."""
    return link.sub(lambda match: f"[{match[0]}]", text)


def _visible(character: str) -> str:
    """Return a character, or its number where it is a control, a format, a mark or a blank that nobody can see."""
    hidden = not character.isprintable() or character in _BLANK or unicodedata.category(character) in ("Mn", "Me")
    return _number(character) if hidden else character


def _number(character: str) -> str:
    return f"\\u{ord(character):04x}"
