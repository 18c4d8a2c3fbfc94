"""Entry point of the command. Ctrl-C during the imports prints one line, not a traceback."""

import os
import sys
from contextlib import suppress

from pullguard_cli import INTERRUPTED, version_line

EXIT_INTERRUPTED = 2


def main() -> None:
    """Run the command. The version is printed before the other imports, which are slow."""
    try:
        if sys.argv[1:] == ["--version"]:
            with suppress(OSError):  # what cannot be written is reported below
                sys.stdout.write(f"{version_line()}\n")
                sys.stdout.flush()
                return
        from pullguard_cli.main import main as run  # noqa: PLC0415 (slow import: an interrupt must be caught here)

        run()
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)
