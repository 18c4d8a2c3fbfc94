"""Whether the six characters at the end of an ARN read as a word of a name, or as those that Secrets Manager drew.

Secrets Manager draws from 62 characters. Six letters of one case, in pairs that English words are made of, are drawn
about once in a thousand times; a date such as 202612 once in twenty million. A misspelt word still reads as one: one
odd pair is let through (``dokcer``). The answer is an inference: it may stop a write, and never leads to one.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

_ONE_CASE: Final = re.compile(r"[A-Z]?[a-z]{5,6}|[A-Z]{6}")
_YEAR_AND_MONTH: Final = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])")
_SAMPLES: Final = frozenset({"abcdef"})  # what people write where AWS chose another
# The 250 commonest pairs of letters of English and technical words: what follows each first letter.
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
    odd = sum(after not in _FOLLOWERS.get(before, "") for before, after in pairwise(word))
    return odd <= 1 and word not in _SAMPLES
