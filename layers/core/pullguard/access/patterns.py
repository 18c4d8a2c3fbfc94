"""Wildcards as AWS matches them: ``*`` is any characters, ``?`` exactly one, all else is literal.

A pattern is compiled to a *glob*: its text with two control characters in place of the wildcards, so that a ``*`` from
a variable's value stays an asterisk. Matching uses neither backtracking nor regular expressions: policies are written
by others, and most patterns are used once. A run of ``*`` equals one ``*``. Each caller charges the steps to its
request (``Work``), so that no policy, however written, delays the answer to another question.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from functools import lru_cache

from pullguard.access.ternary import Match, Unknown
from pullguard.access.work import STEPS_MAX, TOO_MUCH, Work

MANY = "\x00"
ONE = "\x01"
ARN_PARTS = 6


@lru_cache(maxsize=16384)
def glob(pattern: str) -> str:
    """Compile the text of a policy: ``*`` and ``?`` become wildcards."""
    if MANY in pattern or ONE in pattern:
        pattern = pattern.replace(MANY, "").replace(ONE, "")
    return collapsed(pattern.replace("*", MANY).replace("?", ONE))


def collapsed(compiled: str) -> str:
    """Return an equivalent glob in which each run of ``*`` is one."""
    while MANY + MANY in compiled:
        compiled = compiled.replace(MANY + MANY, MANY)
    return compiled


def steps_of(compiled: str, text: str) -> int:
    """Return the maximum number of steps of ``glob_matches``: one a chunk, one a piece between ``?`` at each place."""
    chunks = 1 + compiled.count(MANY)
    if ONE not in compiled:
        return chunks
    return chunks + (1 + compiled.count(ONE)) * (len(text) + 1 if chunks > 1 else 1)


def glob_matches(compiled: str, text: str) -> bool:
    """Whether the whole of ``text`` matches; case counts."""
    if compiled == MANY:
        return True
    if MANY not in compiled:
        return compiled == text if ONE not in compiled else len(compiled) == len(text) and _fits(compiled, text, 0)
    first, *middle, last = compiled.split(MANY)
    start, end = len(first), len(text) - len(last)
    if start > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    for chunk in middle:
        if chunk:
            start = _find(chunk, text, start, end)
            if start < 0:
                return False
            start += len(chunk)
    return True


def _fits(chunk: str, text: str, at: int) -> bool:
    """Whether ``chunk``, which has no MANY and is no longer than the rest of ``text``, matches at that place."""
    if ONE not in chunk:
        return text.startswith(chunk, at)
    for piece in chunk.split(ONE):
        if not text.startswith(piece, at):
            return False
        at += len(piece) + 1
    return True


def _find(chunk: str, text: str, start: int, end: int) -> int:
    if ONE not in chunk:
        return text.find(chunk, start, end)
    return next((at for at in range(start, end - len(chunk) + 1) if _fits(chunk, text, at)), -1)


def resource_matches(compiled: str, arn: str, work: Work) -> Match:
    """Whether ``arn`` matches the pattern of a Resource element.

    A ``*`` at the end of a segment also matches beyond the colon. A ``*`` within a segment, or a ``?``, is documented
    for that segment only: if the pattern would match only by crossing a colon there, the answer is unknown. The last
    segment, the resource (``secret:registry/web``), has colons of its own, which do not limit a ``*``.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if not work.take(steps_of(compiled, arn)):
        return TOO_MUCH
    if not glob_matches(compiled, arn):
        return False
    if MANY not in compiled and ONE not in compiled:
        return True
    within, steps = _within_segments(compiled, arn)
    if within is None or not work.take(steps):
        return TOO_MUCH
    return within or Unknown(problems=("a wildcard amid a segment of an ARN pattern would have to match a colon",))


@lru_cache(maxsize=4096)
def _within_segments(compiled: str, arn: str) -> tuple[bool | None, int]:
    """Return the answer and the steps; None if it takes more steps than any request has."""
    at = _closure({0}, compiled)
    borders, steps = ARN_PARTS - 1, 0
    for letter in arn:
        steps += len(at)
        if steps > STEPS_MAX:
            return None, steps
        moved = set()
        for i in at:
            if i == len(compiled):
                continue
            sign = compiled[i]
            if sign == MANY:
                ends_segment = compiled[i + 1 : i + 2] in ("", ":")
                if letter != ":" or ends_segment or borders <= 0:
                    moved.add(i)
            elif sign == letter or (sign == ONE and letter != ":"):
                moved.add(i + 1)
        at = _closure(moved, compiled)
        borders -= letter == ":"
    return len(compiled) in at, steps


def could_start(compiled: str, prefix: str) -> bool:
    """Whether some text that begins with ``prefix`` matches."""
    first, many, _ = compiled.partition(MANY)
    if len(prefix) > len(first):
        return many != "" and _fits(first, prefix, 0)
    return _fits(first[: len(prefix)], prefix, 0)


def _closure(states: set[int], compiled: str) -> set[int]:
    return states | {state + 1 for state in states if compiled[state : state + 1] == MANY}


def arn_matches(compiled: str, arn: str) -> Match:
    """Whether ``arn`` matches as the ARN operators compare: each of the six parts separately.

    A pattern of fewer parts that ends in ``*`` is unknown if it would cover the ARN as text: AWS does not say.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    theirs, ours = compiled.split(":", ARN_PARTS - 1), arn.split(":", ARN_PARTS - 1)
    if len(ours) < ARN_PARTS:
        return False
    if len(theirs) < ARN_PARTS:
        covers = compiled.endswith(MANY) and glob_matches(compiled, arn)
        return Unknown(problems=("an ARN pattern in a condition has fewer than six parts",)) if covers else False
    return all(glob_matches(pattern, part) for pattern, part in zip(theirs, ours, strict=True))
