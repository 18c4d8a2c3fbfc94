"""Confirmation before a change: from the terminal, or with ``--yes``."""

import sys

from pullguard_cli.failures import CannotRun
from pullguard_cli.printing import errors, says


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether the user agrees. Raises ``CannotRun`` if there is no terminal to ask on."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise CannotRun(f"{question} No terminal to confirm on. Pass --yes to confirm.")
    errors().print(says(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
