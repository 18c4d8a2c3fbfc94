"""External texts with possible passwords removed: container runtimes repeat URLs and headers in their errors."""

import re
from typing import Final

from pullguard.domain.pasted_credentials import redacted

READ_CHARS_MAX: Final = 4096
_TAIL = r"(?=[\"'<>:,.;)\]}]*(?:\s|$))"
_KEY = (
    r"(?:[\w-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credentials?"
    r"|registry-auth|cookie)|sig|pass|auth)"
)
_OPENING = r"(?<![^\s\"'(<\[=])"  # where a name begins
_HIDDEN: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kept)
    for pattern, kept in (
        # https://ci:password@registry.example.com/v2/, but not https://registry.example.com/web@sha256:…
        (r"//\S*@(?!sha\d+:)", "//…@"),
        (rf"{_OPENING}(?!\S*//)[^\s\"'…]+@(?!sha\d+:)", "…@"),
        # https://registry.example.com/token?account=ci&password=…
        (rf"(\b[a-z][a-z0-9+.-]{{0,20}}://[^\s?#]*)[?#]\S*?{_TAIL}", r"\1?…"),
        (rf"\?(?=\S*=)\S*?{_TAIL}", "?…"),
        # Authorization: Digest username="ci", response="…": all that follows
        (r"(\bauthorization[\"'\\]*\s*[:=]\s*)[\[\"'\\]*(?:digest|oauth|signature|aws4[\w-]*)\s.*", r"\1…"),
        (
            r"(\bauthorization[\"'\\]*\s*[:=]\s*)(?!server message|unexpected status|failed\b|denied\b|unauthorized\b)"
            r"[\[\"'\\]*(?:(?:basic|bearer|negotiate|token)\s+)?[^\s\"'\\,;\]]+",
            r"\1…",
        ),
        (r"(\bx-registry-(?:auth|config)[\"'\\]*\s*[:=]\s*)[\[\"'\\]*[^\s\"'\\,;\]]+", r"\1…"),
        (
            r"(\b(?:basic|bearer)\s+)(?!realm\b|auth|tokens?\b|credentials?\b|challenge|scheme)[\w+/.~=-]+",
            r"\1…",
        ),
        # "password": "…" of JSON, password=… and --password …
        (rf"([\"']{_KEY}\\*[\"']\s*:\s*)\\*(?:\"[^\"]*\"?|'[^']*'?|[^\s,}}]+)", r"\1…"),
        (rf"(?<![\w-])(-*{_KEY}\s?=\s?)(?:\\*\"[^\"]*\"?|'[^']*'?|[^\s\"',;&]+)", r"\1…"),
        (r"(?<!\S)(--?(?:password|token|secret)\s+)\S+", r"\1…"),
        # Prefixes of tokens that a runtime may have cut too short for domain/pasted_credentials.py to recognise.
        (r"\b(?:gh[opsur]_|github_pat_|dckr_(?:pat|oat)_|glpat-|eyJ)[\w.~+/=-]{8,}", "…"),
    )
)


def without_credentials(text: str) -> str:
    """Return ``text`` without user names and passwords, query strings and tokens; a long text is cut.

    When in doubt it hides a word: the result is meant for reading, not for parsing.
    """
    hidden = redacted(text[:READ_CHARS_MAX])
    for pattern, kept in _HIDDEN:
        hidden = pattern.sub(kept, hidden)
    return hidden
