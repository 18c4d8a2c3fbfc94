"""The WWW-Authenticate header: the authentication that a registry asks for.

The other side writes it, so the parser accepts any text, in bounded time, and never fails.
Source: https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

HEADERS_MAX: Final = 8
HEADER_MAX_CHARS: Final = 8192  # the longest that common servers send: https://nginx.org/r/large_client_header_buffers
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (the grammar's word for a name)
_SEPARATORS = re.compile(r"[\s,]*+")  # possessive ("*+"), without backtracking, so the time stays linear
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|$)\s*+")
# Some registries send values with ":" or "/" unquoted, against the grammar.
_PARAMETER = re.compile(rf'[\s,]*+({_TOKEN})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"=][^\s,"]*+))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NEXT = re.compile(r"[^,]*+,?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge: the ``scheme`` and the names of the ``parameters`` in lower case, the first of each name."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all the WWW-Authenticate ``headers`` of one answer, in order; other text is left out.

    A header may hold several challenges, and both they and their parameters are separated by commas.
    """
    return tuple(
        challenge for header in islice(headers, HEADERS_MAX) for challenge in _parse(header[:HEADER_MAX_CHARS])
    )


def _parse(header: str) -> Iterable[Challenge]:
    at = _after(_SEPARATORS, header, 0)
    while at < len(header):
        found = _SCHEME.match(header, at)
        if found is None:  # not a scheme: skip past the next comma
            at = _after(_SEPARATORS, header, _after(_NEXT, header, at))
            continue
        at = found.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            name, quoted, bare = parameter.groups()
            parameters.setdefault(name.lower(), bare if quoted is None else _ESCAPED.sub(r"\1", quoted))
        at = _after(_SEPARATORS, header, at)
        yield Challenge(scheme=found[1].lower(), parameters=parameters)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return the end of the match of a ``pattern`` that matches everywhere."""
    found = pattern.match(text, at)
    return found.end() if found else at
