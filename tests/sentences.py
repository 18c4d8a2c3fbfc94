"""Checks of sentences for people: no name of an absent resource, and no gap around it."""

import re
from collections.abc import Iterator

from pullguard_cli.gates import Pull

_FAULTS = {
    "None": re.compile(r"\bNone\b"),
    "two spaces": re.compile(r"\S {2,}\S"),
    "two full stops": re.compile(r"(?<!\.)\.\.(?!\.)|\. \."),
    "a space before a sign": re.compile(r"\s[.,;:](\s|$)"),
    "an empty quotation": re.compile(r"(?<!\w)(\"\"|''|\(\))"),
    "no end": re.compile(r"[^.!?:)}\]\"'`]$"),
}


def faults(text: str) -> list[str]:
    """Return what is wrong with the form of a text."""
    return [name for name, fault in _FAULTS.items() if fault.search(text)]


def _as_sentence(evidence: str) -> str:
    """Return evidence with a full stop, which it need not have; a text that is empty may be quoted as such."""
    return evidence.replace('is ""', "is empty").rstrip(".") + "."


def said_of(pull: Pull) -> Iterator[tuple[str, str]]:
    """Yield every sentence that ``explain`` says of a pull, each with the gate that it is about."""
    for step in pull.steps:
        yield step.gate, step.reason
        for remark in step.remarks:
            yield step.gate, remark.cause
            yield step.gate, _as_sentence(remark.evidence)
            if remark.remedy.text:
                yield step.gate, remark.remedy.text
