"""Whether what needs Docker can run here: ``python -m sandbox.runtime.available WHAT``.

Ends with 0 where it can. Where it can not, says in one line what is left out and ends with 3; in continuous
integration (``CI=true``) that is a failure, 1: there, nothing may be left out.
"""

import os
import sys

from sandbox.engine import absence

CAN, FAILS, LEFT_OUT = 0, 1, 3


def main() -> int:
    """Look, and say so."""
    missing = absence()
    if missing is None:
        return CAN
    what = sys.argv[1]
    if os.environ.get("CI") == "true":
        print(f"Can not run {what}: {missing}", file=sys.stderr)
        return FAILS
    print(f"Left out: {what}, since {missing}", file=sys.stderr)
    return LEFT_OUT


if __name__ == "__main__":
    sys.exit(main())
