"""Print the questions that were not checked: one sentence per question, for all its containers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pullguard.checks.catalogue import CHECKS
from pullguard.domain.findings import NotChecked

_SENTENCES_SHOWN: Final = 10
_NAMES_SHOWN: Final = 2
_ORDER: Final = {check.id: place for place, check in enumerate(CHECKS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """One question that was not checked. ``about`` names the containers and task definitions."""

    question: str
    why: str
    how_to: str
    about: tuple[str, ...]

    def __str__(self) -> str:
        shown, more = self.about[:_NAMES_SHOWN], len(self.about) - _NAMES_SHOWN
        names = f"{', '.join(shown)} and {more:,} more" if more > 0 else " and ".join(shown)
        return f"{self.question} Not checked for {names}, because {self.why}. To check: {self.how_to}."


def unasked(not_checked: Iterable[NotChecked]) -> tuple[Unasked, ...]:
    """Group equal questions with equal reasons, in the order of the checks, then the most frequent first."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for each in not_checked:
        groups.setdefault((each.check, each.question, each.why, each.how_to), []).append(_name(each))
    ordered = sorted(groups.items(), key=lambda group: (_ORDER.get(group[0][0], len(_ORDER)), -len(group[1])))
    return tuple(
        Unasked(question=question, why=why, how_to=how_to, about=tuple(names))
        for (_, question, why, how_to), names in ordered
    )


def sentences(not_checked: Iterable[NotChecked]) -> tuple[str, ...]:
    """Return one sentence per question. After ten, a last sentence counts the others."""
    groups = unasked(not_checked)
    shown, more = groups[:_SENTENCES_SHOWN], groups[_SENTENCES_SHOWN:]
    said = tuple(map(str, shown))
    if not more:
        return said
    left = sum(len(each.about) for each in more)
    return (*said, f"{left:,} more questions were not checked; --format json lists all of them.")


def _name(each: NotChecked) -> str:
    """Return family and revision, or only the family if it is not registered, with the container."""
    name = each.task_definition.rpartition("/")[2].removesuffix(":0")
    return name if each.container is None else f"{name} ({each.container})"
