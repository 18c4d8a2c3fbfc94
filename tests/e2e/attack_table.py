"""Generate docs/attacks.md from the table of attacks (tests/contract/test_attacks_doc.py compares them)."""

import sys

from tests.e2e.attack import Attack
from tests.e2e.attacks import ATTACKS

HEAD = """# The attacks

`tests/e2e/attacks.py` runs all attacks at once against a deployed stack that remediates. Each is judged by the
resulting state and by CloudTrail's record of who wrote what; nothing beyond its row may happen. Attacks that depend on
the exact moment of a write, or on an hour of writes, are in `tests/e2e/test_attacks.py` itself.

This page is generated: `python -m tests.e2e.attack_table > docs/attacks.md`.

| attack | written | events | words of the alerts | dead letters |
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
