"""Wildcards as AWS matches them: ``*`` is any characters, ``?`` exactly one, all else is literal.

A pattern is compiled to a *glob*: its text with two control characters in place of the wildcards, so that a ``*`` from
a variable's value stays an asterisk. Matching uses neither backtracking nor regular expressions: policies are written
by others, and most patterns are used once. A run of ``*`` equals one ``*``. Each caller charges the steps to its
request (``Work``), so that no policy, however written, delays the answer to another question.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from pullguard.access.ternary import Match, Unknown
from pullguard.access.work import TOO_MUCH, Work

MANY = "\x00"
ONE = "\x01"
_ENDS_SEGMENT = MANY + ":"
ARN_PARTS = 6


def glob(pattern: str) -> str:
    """Compile the text of a policy: ``*`` and ``?`` become wildcards."""
    if MANY in pattern or ONE in pattern:
        pattern = pattern.replace(MANY, "").replace(ONE, "")
    compiled = pattern.replace("*", MANY).replace("?", ONE)
    return collapsed(compiled) if "**" in pattern else compiled


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


def glob_matches(compiled: str, text: str, *, one_takes_colon: bool = True) -> bool:
    """Whether the whole of ``text`` matches; case counts. ``one_takes_colon``: whether ``?`` matches a colon."""
    if ONE not in compiled:
        head, many, tail = compiled.partition(MANY)
        if not many:
            return compiled == text
        if MANY not in tail:
            return len(compiled) <= len(text) + 1 and text.startswith(head) and text.endswith(tail)
    fits = _fits if one_takes_colon else _fits_no_colon
    if MANY not in compiled:
        return len(compiled) == len(text) and fits(compiled, text, 0)
    first, *middle, last = compiled.split(MANY)
    start, end = len(first), len(text) - len(last)
    if start > end or not fits(first, text, 0) or not fits(last, text, end):
        return False
    for chunk in middle:
        if chunk:
            if ONE in chunk:
                start = next((at for at in range(start, end - len(chunk) + 1) if fits(chunk, text, at)), -1)
            else:
                start = text.find(chunk, start, end)
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


def _fits_no_colon(chunk: str, text: str, at: int) -> bool:
    """The same; no ONE matches a colon, so ``text`` has only the colons of ``chunk`` there."""
    return _fits(chunk, text, at) and text.count(":", at, at + len(chunk)) == chunk.count(":")


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
    if ONE not in compiled and compiled.count(MANY) == compiled.count(_ENDS_SEGMENT) + compiled.endswith(MANY):
        return True
    within = _matches_within_segments(compiled, arn, ARN_PARTS - 1, work)
    if not work.take(0):
        return TOO_MUCH
    return within or Unknown(problems=("a wildcard amid a segment of an ARN pattern would have to match a colon",))


def _matches_within_segments(compiled: str, text: str, borders: int, work: Work) -> bool:
    """Compare segment by segment while ``borders`` colons are ahead of the resource; also False if work runs out."""
    if not borders:
        return work.take(steps_of(compiled, text)) and glob_matches(compiled, text, one_takes_colon=False)
    ours, colon, rest = compiled.partition(":")
    segment, border, beyond = text.partition(":")
    if not work.take(steps_of(ours, segment)) or not glob_matches(ours, segment):
        return False
    if not ours.endswith(MANY):
        return colon == border and (not colon or _matches_within_segments(rest, beyond, borders - 1, work))
    if not colon or not border:
        return not colon
    return _matches_within_segments(rest, beyond, borders - 1, work) or _matches_within_segments(
        _ENDS_SEGMENT + rest, beyond, borders - 1, work
    )


def could_start(compiled: str, prefix: str) -> bool:
    """Whether some text that begins with ``prefix`` matches."""
    first, many, _ = compiled.partition(MANY)
    if len(prefix) > len(first):
        return many != "" and _fits(first, prefix, 0)
    return _fits(first[: len(prefix)], prefix, 0)


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
