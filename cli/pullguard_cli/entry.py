"""Where the command begins: whoever interrupts it while its parts are still being loaded reads one line as well."""

import os
import sys

from pullguard_cli import INTERRUPTED

EXIT_INTERRUPTED = 2


def main() -> None:
    """Run the command."""
    try:
        from pullguard_cli.main import main as run  # noqa: PLC0415 (loading takes longer than a person waits)

        run()
    except KeyboardInterrupt:
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)
