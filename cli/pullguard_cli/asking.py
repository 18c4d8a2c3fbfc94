"""Before anything is changed: a yes, from a person or from the command line."""

import sys

from pullguard_cli.failures import CannotRun
from pullguard_cli.printing import errors, says


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether somebody agrees; raises ``CannotRun`` where there is nobody to ask."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise CannotRun(f"{question} There is no terminal to answer on. Give --yes to agree.")
    errors().print(says(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
