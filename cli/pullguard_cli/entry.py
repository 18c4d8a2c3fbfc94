"""Entry point of the command. Ctrl-C during the imports prints one line, not a traceback."""

import os
import sys

from pullguard_cli import INTERRUPTED

EXIT_INTERRUPTED = 2


def main() -> None:
    """Run the command."""
    try:
        from pullguard_cli.main import main as run  # noqa: PLC0415 (slow import: an interrupt must be caught here)

        run()
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)
