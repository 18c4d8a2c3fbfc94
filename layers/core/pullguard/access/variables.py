"""Policy variables: ``${aws:PrincipalTag/team}``, with defaults, and the escapes ``${*}``, ``${?}`` and ``${$}``.

Only policies of Version 2012-10-17 have them; in others the same characters are literal text.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from pullguard.access.patterns import MANY, ONE, collapsed, glob
from pullguard.access.request import Request
from pullguard.access.ternary import Unknown
from pullguard.domain.errors import shown

VARIABLE = re.compile(r"\$\{([^,}]*)(?:,\s*'([^']*)'\s*)?\}")
_ESCAPES = frozenset("*?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable: ``key`` in lower case and as ``spelled``; ``default`` applies if the request lacks it."""

    key: str
    spelled: str
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text with variables in it; the literal parts are compiled already."""

    parts: tuple[str | Variable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A template with a variable whose value is not known yet: ``widest`` covers every possible value."""

    widest: str
    doubt: Unknown


Text: TypeAlias = str | Template


def compile_text(text: str, *, wildcards: bool, variables: bool) -> Text:
    """Compile a text of a policy to a glob (``wildcards``) or a plain text, or to a template if it has variables.

    Raises ``ValueError`` for a variable that does not end.
    """
    if not variables or "${" not in text:
        return glob(text) if wildcards else text
    parts: list[str | Variable] = []
    end = 0
    for found in VARIABLE.finditer(text):
        literal = _literal(text[end : found.start()])
        parts.append(glob(literal) if wildcards else literal)
        key = found[1].strip()
        parts.append(key if key in _ESCAPES else Variable(key=key.lower(), spelled=key, default=found[2]))
        end = found.end()
    rest = _literal(text[end:])
    parts.append(glob(rest) if wildcards else rest)
    if any(isinstance(part, Variable) for part in parts):
        return Template(parts=tuple(parts))
    return "".join(str(part) for part in parts)


def _literal(text: str) -> str:
    if "${" in text:
        raise ValueError(f"{shown(text)} begins a policy variable that does not end")
    return text


def expand(template: Template, request: Request) -> str | Unresolved | None:
    """Insert the request's values. None if a variable has neither value nor default: such a text matches nothing.

    AWS does not say whether an empty text (a tag without a value) counts as a value.
    """
    texts: list[str] = []
    doubt: Unknown | None = None
    for part in template.parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        values = request.context.get(part.key)
        if not values and request.unknowable.covers(part.key):
            doubt = request.unknowable.doubt(part.key, part.spelled).merged(doubt)
            texts.append(MANY)
            continue
        value = values[0] if values and len(values) == 1 else None if values else part.default
        if values and value == "":
            why = f"AWS does not say whether a policy variable has a value if that is empty: {part.spelled}"
            doubt = Unknown(problems=(why,)).merged(doubt)
            texts.append("" if part.default is None else MANY)
        elif value is None or (isinstance(value, str) and (MANY in value or ONE in value)):
            return None
        elif isinstance(value, str):
            texts.append(value)
        else:
            doubt = Unknown(keys=frozenset((part.spelled,))).merged(doubt)
            texts.append(MANY)
    return collapsed("".join(texts)) if doubt is None else Unresolved(widest=collapsed("".join(texts)), doubt=doubt)
