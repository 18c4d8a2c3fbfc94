"""What one check answers about a task definition."""

from collections.abc import Iterable
from typing import TypeAlias

from pullguard.checks.catalogue import CHECKS
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed

Said: TypeAlias = list[tuple[str, str | None]]
BY_ID = {check.id: check for check in CHECKS}


def answers(check: str, facts: Facts) -> list[Answer]:
    """Ask one check of the catalogue, and nothing else."""
    return list(BY_ID[check].ask(facts))


def said(check: str, facts: Facts) -> Said:
    """Return the kind of each answer (``Passed``, ``Failed`` …) with the container that it is about."""
    return [(type(each).__name__, each.subject.container) for each in answers(check, facts)]


def failed(check: str, facts: Facts) -> Failed:
    """Return the one failure of a check."""
    (only,) = (each for each in answers(check, facts) if isinstance(each, Failed))
    return only


def kinds(given: Iterable[Answer]) -> list[str]:
    return [type(each).__name__ for each in given]
