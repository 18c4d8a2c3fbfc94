"""The table of attacks as people read it: docs/attacks.md is this text (tests/contract/test_attacks_doc.py)."""

import sys

from tests.e2e.attack import Attack
from tests.e2e.attacks import ATTACKS

HEAD = """# The attacks

Each is mounted by `tests/e2e/attacks.py` against a deployed stack that remediates, all at once, and judged by what is
there afterwards and by CloudTrail's record of who wrote what. Everything that is not in a row must not happen. Those
that need the very moment of a write, or an hour of writes, are in `tests/e2e/test_attacks.py` itself.

This page is made from the table: `python -m tests.e2e.attack_table > docs/attacks.md`.

| attack | written | told | in these words | dead letters |
|---|---|---|---|---|
"""


def table() -> str:
    """Return the page."""
    return HEAD + "".join(map(_row, ATTACKS))


def _row(attack: Attack) -> str:
    counts = {"grant": attack.writes, "revision": attack.registered, "service moved": attack.moved}
    written = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"
    reported = ", ".join(sorted(attack.reported)) or "nothing"
    words = "; ".join(f"“{word}”" for word in attack.words)
    return f"| `{attack.name}` | {written} | {reported} | {words} | {attack.dead or ''} |\n"


if __name__ == "__main__":
    sys.stdout.write(table())
