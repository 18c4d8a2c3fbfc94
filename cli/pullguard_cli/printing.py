"""Console output, with untrusted text escaped.

Findings quote names and policies from untrusted sources. Terminals execute escape sequences, so unprintable characters
are never printed.
"""

import codecs
import io
import sys
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

_WIDTH_OF_A_FILE: Final = 120
STYLES: Final = {
    "error": "bold red",
    "warning": "yellow",
    "unknown": "magenta",
    "pass": "green",
    "fail": "bold red",
    "not checked": "dim",
    "not looked at": "dim",
}


_IN_ASCII: Final = {
    "→": "->", "✓": "v", "✗": "x", "\u2013": "-", "—": "-", "·": "-", "•": "*", "…": "...", "─": "-", "━": "-",
}  # fmt: skip


def write_what_can_be_written() -> None:
    """Replace characters that the console's encoding lacks (ASCII, a Windows code page), rather than fail."""
    codecs.register_error("pullguard", _spelt_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="pullguard")


def _spelt_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(sign) or ascii(sign)[1:-1] for sign in lacking), error.end


def plain(text: str) -> str:
    """Return ``text`` with unprintable characters escaped, except line breaks."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def says(text: str, style: str = "") -> Text:
    """Return untrusted text for a console, with neither markup nor escape sequences interpreted."""
    return Text(plain(text), style=style)


def time_of(at: str) -> str:
    """Format an ISO 8601 time as UTC, to the second. Returns other text, and times without a zone, unchanged."""
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        return at
    return at if time.tzinfo is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def output(**options: Any) -> Console:
    """Return the console on standard output. In a file or a pipe it has no colours and a width of 120."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    return Console(**{"file": sys.stdout, "width": width, "highlight": False, "emoji": False, **options})


def errors() -> Console:
    """Return the console on standard error, for progress and errors."""
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 family``, ``2 families``. ``many`` defaults to ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
