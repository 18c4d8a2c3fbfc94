"""Whether tests that need Docker can run here: ``python -m sandbox.runtime.available WHAT``.

Exits with 0 if they can. Otherwise it prints in one line what is left out and exits with 3; in continuous integration
(``CI=true``, or any other true value) that is a failure, 1: there, nothing may be left out.
"""

import os
import sys

from sandbox.engine import absence

CAN, FAILS, LEFT_OUT = 0, 1, 3
_NOT_CI = {"", "0", "false", "no", "off"}


def is_gate() -> bool:
    """Return whether this is continuous integration, by any true value of CI: there, nothing may be left out."""
    return os.environ.get("CI", "").lower() not in _NOT_CI


def main() -> int:
    """Check, and print the result."""
    missing = absence()
    if missing is None:
        return CAN
    what = sys.argv[1]
    if is_gate():
        print(f"Can not run {what}: {missing}", file=sys.stderr)
        return FAILS
    print(f"Left out: {what}, since {missing}", file=sys.stderr)
    return LEFT_OUT


if __name__ == "__main__":
    sys.exit(main())
