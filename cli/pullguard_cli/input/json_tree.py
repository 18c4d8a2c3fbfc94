"""Parse JSON with line numbers. The standard library validates the text; a second pass records lines and columns."""

import json
import re
from dataclasses import replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, and missing in typeshed

from pullguard.domain.errors import shown
from pullguard_cli.input.located import MAX_DEPTH, Located, Other, Problem, Value

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)
_PLAIN = re.compile(r"[^ \t\n\r,\]}]+")


def json_tree(text: str, problem: Problem) -> Located:
    """Parse JSON into a tree with lines and columns. Raises the error that ``problem`` builds if it is invalid."""
    try:
        json.loads(text, parse_int=str, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        why = error.msg
        if text.startswith(("//", "/*", "#"), error.pos):
            why = "JSON does not allow comments"
        raise problem(f"is not JSON: {why}", error.lineno, error.colno) from None
    except RecursionError:
        raise problem("is nested too deeply", 1, 1) from None
    except _NoConstant as error:
        raise problem(f"is not JSON: {error} is not a value", *_place_of(str(error), text)) from None
    return _JsonWalk(text, problem).value(0, 0)[0]


class _NoConstant(ValueError):
    """NaN or Infinity, which Python accepts and JSON does not."""


def _no_constant(name: str) -> object:
    raise _NoConstant(name)


def _place_of(word: str, text: str) -> tuple[int, int]:
    """Return line and column of the first ``word`` outside a string."""
    at = next((each.start() for each in _STRING_OR_CONSTANT.finditer(text) if each[0] == word), 0)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


class _JsonWalk:
    """Walks over text that is valid JSON."""

    def __init__(self, text: str, problem: Problem) -> None:
        self._text = text
        self._problem = problem
        self._line, self._line_start, self._seen = 1, 0, 0

    def _place(self, at: int) -> tuple[int, int]:
        """Return line and column of an offset. Offsets must not decrease between calls."""
        breaks = self._text.count("\n", self._seen, at)
        if breaks:
            self._line += breaks
            self._line_start = self._text.rindex("\n", self._seen, at) + 1
        self._seen = at
        return self._line, at - self._line_start + 1

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def value(self, at: int, depth: int) -> tuple[Located, int]:
        """Read the value that begins at or after ``at``. Return it with the offset after it."""
        at = self._skip(at)
        line, column = self._place(at)
        if depth > MAX_DEPTH:
            raise self._problem("is nested too deeply", line, column)
        read: Value
        match self._text[at]:
            case "{":
                read, end = self._object(at + 1, depth + 1)
            case "[":
                read, end = self._array(at + 1, depth + 1)
            case '"':
                read, end = self._string(at)
            case _:
                match = _PLAIN.match(self._text, at)
                word = match[0] if match else ""
                read, end = None if word == "null" else Other(word), at + len(word)
        return Located(value=read, line=line, column=column), end

    def _string(self, at: int) -> tuple[str, int]:
        text, end = scanstring(self._text, at + 1, True)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._problem("a string contains a lone surrogate", *self._place(at))
        return text, end

    def _object(self, at: int, depth: int) -> tuple[dict[str, Located], int]:
        members: dict[str, Located] = {}
        at = self._skip(at)
        while self._text[at] != "}":
            key_at = self._skip(at + 1) if self._text[at] == "," else at
            key, colon = self._string(key_at)
            if key in members:
                raise self._problem(f"duplicate key {shown(key)}", *self._place(key_at))
            place = self._place(key_at)
            value, at = self.value(self._skip(colon) + 1, depth)
            members[key] = replace(value, key=place)
            at = self._skip(at)
        return members, at + 1

    def _array(self, at: int, depth: int) -> tuple[tuple[Located, ...], int]:
        items: list[Located] = []
        at = self._skip(at)
        while self._text[at] != "]":
            item, at = self.value(at + 1 if self._text[at] == "," else at, depth)
            items.append(item)
            at = self._skip(at)
        return tuple(items), at + 1
