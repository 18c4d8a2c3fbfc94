"""Whether the six characters at the end of an ARN read as a word of a name or as a generated suffix.

Secrets Manager draws from 62 characters. It draws six letters of one case, in pairs that English words are made of,
about once in a thousand times; a date such as 202612 once in twenty million. A misspelt word still reads as one: one
odd pair is tolerated (``dokcer``). The answer is an inference: it may stop a write, and never leads to one.

A warning may be wrong more often than a rule that stops a write. For a warning, small letters and digits in at most
three runs (``v2prod``, ``2024q1``) may be part of a name as well, or capitals without an odd pair. One in 75 generated
suffixes looks like that.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

_ONE_CASE: Final = re.compile(r"[A-Z]?[a-z]{5,6}|[A-Z]{6}")
_YEAR_AND_MONTH: Final = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])")
_LETTERS_AND_DIGITS: Final = re.compile(r"[a-z0-9]{6}|[A-Z0-9]{6}")
_RUN: Final = re.compile(r"[a-z]+|[0-9]+")
_RUNS_MAX: Final = 3
# Suffixes that people make up in place of the generated one.
_SAMPLES: Final = frozenset({"abcdef", "abc123", "123abc", "123456", "000000"})
# The 250 commonest pairs of letters of English and technical words: the letters that follow each first letter.
_FOLLOWERS: Final[Mapping[str, str]] = {
    "a": "bcdgiklmnprstuvwy", "b": "aeilorsu", "c": "acehiklortuy", "d": "adeilorsu", "e": "abcdefgilmnpqrstvwxy",
    "f": "aefilortu", "g": "aehilnorsu", "h": "aeiort", "i": "abcdefglmnoprstvxz", "k": "eis", "l": "adeilostuy",
    "m": "abeimopsu", "n": "acdefginostuv", "o": "abcdfgiklmnoprstuvw", "p": "aehiloprstu", "q": "u",
    "r": "acdegiklmnorstuvy", "s": "acehiklopstuwy", "t": "acehilorstuy", "u": "abcdegilmnprst", "v": "aei",
    "w": "aehino", "x": "ceipt", "y": "pst", "z": "e",
}  # fmt: skip


def reads_as_a_word(six: str) -> bool:
    """Whether six letters or digits read as a word, perhaps a misspelt one, or as a year and month."""
    if len(six) != 6 or _ONE_CASE.fullmatch(six) is None:  # noqa: PLR2004 (the parameter's name says it)
        return _YEAR_AND_MONTH.fullmatch(six) is not None
    word = six.lower()
    return _odd_pairs(word) <= 1 and word not in _SAMPLES


def may_be_part_of_a_name(six: str) -> bool:
    """Whether six letters or digits read as a word, or as words and numbers: enough for a warning."""
    if reads_as_a_word(six):
        return True
    runs = _RUN.findall(six.lower())
    if _LETTERS_AND_DIGITS.fullmatch(six) is None or len(runs) > _RUNS_MAX or six.lower() in _SAMPLES:
        return False
    return all(_odd_pairs(run) <= six.islower() for run in runs if run.isalpha())


def _odd_pairs(letters: str) -> int:
    return sum(after not in _FOLLOWERS.get(before, "") for before, after in pairwise(letters))
