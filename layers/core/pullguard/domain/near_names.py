"""Existing names that a misspelt one may mean: suggestions for people, never a reason for a write.

Words are compared, not whole names: ``prod/registry/api`` and ``prod/registry/web`` share most of their letters, and
neither is a misspelling of the other. Only the words that differ between two names have to be similar.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Final

NAMES_MAX: Final = 10_000
"""The number of names that are compared, the first in alphabetical order."""
_COMPARED_IN_FULL: Final = 20  # names with enough letters in common: a full comparison is quadratic in their length
_ALIKE: Final = 0.75  # one letter in four differs, or two of four are swapped
_ALIKE_BUT_FOR_WORDS: Final = 0.7  # dockerhub-web for registry/dockerhub-web
_SWAPPED_MAX_CHARS: Final = 3  # wbe for web: too short for the ratio to distinguish from three other letters
_WORD: Final = re.compile(r"[^\W_]+")
_DIGITS: Final = re.compile(r"\d+")


def nearest(wanted: Iterable[str], names: Iterable[str], *, at_most: int = 3) -> tuple[str, ...]:
    """Return those of ``names`` that one of ``wanted`` may be a misspelling of, the likeliest first.

    ``wanted`` are readings of one name. A name that equals one of them is not a misspelling and is left out.
    """
    readings = tuple(dict.fromkeys(wanted))
    others = sorted({*names} - {*readings})[:NAMES_MAX]
    pairs = [(_upper_bound(reading, name), reading, name) for name in others for reading in readings]
    likely = sorted((each for each in pairs if each[0]), key=lambda each: (-each[0], each[2]))[:_COMPARED_IN_FULL]
    found: dict[str, float] = {}
    for _, reading, name in likely:
        if _is_near(reading, name):
            found[name] = max(found.get(name, 0), _ratio(reading.casefold(), name.casefold()))
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:at_most])


def is_near(wanted: str, name: str) -> bool:
    """Whether ``wanted`` may be a misspelling of ``name``, word by word, without added or omitted words."""
    return wanted != name and len(_words(wanted)) == len(_words(name)) and _is_near(wanted, name)


def differs_in_ending(wanted: str, host: str) -> bool:
    """Whether two registry hosts differ only in their top-level domain, which may be cut off: ``quay.i``, ``ghcr.com``.

    Parts of an IP address do not count as such an ending.
    """
    (these, _, its_port), (those, _, port) = wanted.casefold().partition(":"), host.casefold().partition(":")
    (stem, _, ending), (its_stem, _, its_ending) = these.rpartition("."), those.rpartition(".")
    alike = bool(stem) and (stem, its_port) == (its_stem, port) and ending != its_ending
    return alike and ending.isalpha() and its_ending.isalpha()


def _upper_bound(wanted: str, name: str) -> float:
    """Return an upper bound of the similarity of two names from their common letters; 0 if that is too low."""
    one, other = _differing(wanted, name)
    if not one or not other:
        bound, least = _matcher(wanted.casefold(), name.casefold()).quick_ratio(), _ALIKE_BUT_FOR_WORDS
    else:
        bound, least = _matcher(one, other).quick_ratio(), _ALIKE
    return bound if bound >= least else 0


def _is_near(wanted: str, name: str) -> bool:
    one, other = _differing(wanted, name)
    if not one and not other:
        return True  # they differ in case or punctuation only
    if not one or not other:
        return _ratio(wanted.casefold(), name.casefold()) >= _ALIKE_BUT_FOR_WORDS
    if _DIGITS.search(one) and _DIGITS.search(other) and _DIGITS.sub("", one) == _DIGITS.sub("", other):
        return False  # web1 and web2 are different resources
    if len(one) <= _SWAPPED_MAX_CHARS and sorted(one) == sorted(other):
        return True
    return _ratio(one, other) >= _ALIKE


def _differing(one: str, other: str) -> tuple[str, str]:
    """Return the rest of two names without their common leading and trailing words."""
    these, those = _words(one), _words(other)
    while these and those and these[0] == those[0]:
        these, those = these[1:], those[1:]
    while these and those and these[-1] == those[-1]:
        these, those = these[:-1], those[:-1]
    return "".join(these), "".join(those)


def _words(name: str) -> list[str]:
    return _WORD.findall(name.casefold())


def _ratio(one: str, other: str) -> float:
    return _matcher(one, other).ratio()


def _matcher(one: str, other: str) -> SequenceMatcher[str]:
    return SequenceMatcher(None, one, other, autojunk=False)
