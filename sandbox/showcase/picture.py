"""The chat form as a chat program shows it: a small SVG, drawn from the actual message."""

import json
import textwrap
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from pullguard.alerts import Notice, compose

_WIDTH_PX: Final = 760
_LINE_PX: Final = 20
_LEFT_PX: Final = 34
_LINE_CHARS: Final = 88
_SIGNS: Final = {":x:": "\u2716", ":warning:": "\u26a0", ":grey_question:": "\u2754", ":white_check_mark:": "\u2714"}
_SANS: Final = "font-family='Helvetica, Arial, sans-serif' font-size='14'"


def draw(notice: Notice) -> str:
    """Return the picture of a message."""
    content = json.loads(compose(notice, "chat").text)["content"]
    lines = list(_lines(content))
    height_px = _LINE_PX * (len(lines) + 2)
    rows = "\n".join(
        f"<text x='{_LEFT_PX}' y='{_LINE_PX * (number + 2)}' {_SANS} {style}>{_text(line)}</text>"
        for number, (line, style) in enumerate(lines)
    )
    title = escape(_signed(content["title"]))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH_PX} {height_px}' role='img'>\n"
        f"<title>{title}</title>\n"
        f"<rect width='{_WIDTH_PX}' height='{height_px}' rx='8' fill='#ffffff' stroke='#d0d7de'/>\n"
        f"<rect x='12' y='12' width='5' height='{height_px - 24}' rx='2' fill='#b42318'/>\n"
        f"{rows}\n</svg>\n"
    )


def _lines(content: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the lines with their style, as Slack lays out a custom notification."""
    plain, bold, faint = "fill='#1f2328'", "fill='#1f2328' font-weight='bold'", "fill='#59636e'"
    yield from ((line, bold) for line in _wrapped(_signed(str(content["title"]))))
    for paragraph in str(content["description"]).split("\n"):
        yield from ((line, plain) for line in _wrapped(paragraph))
    yield "Next steps", bold
    steps = content["nextSteps"]
    for step in steps if isinstance(steps, list) else []:
        yield from ((line, plain) for line in _wrapped(f"\u2022 {step}"))
    keywords = content["keywords"]
    yield f"Keywords: {', '.join(keywords if isinstance(keywords, list) else [])}", faint


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LINE_CHARS, break_long_words=True) or [""]


def _signed(text: str) -> str:
    for name, sign in _SIGNS.items():
        text = text.replace(name, sign)
    return text


def _text(line: str) -> str:
    """Return a line as SVG, with ``*bold*`` and without the marks of code."""
    before, star, rest = line.partition("*")
    bold, end, after = rest.partition("*:")
    line = line.replace("`", "")
    if star and end and not before:
        return f"<tspan font-weight='bold'>{escape(bold)}</tspan>:{escape(after.replace('`', ''))}"
    return escape(line)
