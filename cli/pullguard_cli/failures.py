"""Errors that end a command: one line with the remedy, not a traceback."""

from typing import Final

from pullguard.domain.errors import PullguardError

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_COULD_NOT_RUN: Final = 2


class CannotRun(PullguardError):
    """The command cannot run. The message is one line with the reason and the remedy."""
