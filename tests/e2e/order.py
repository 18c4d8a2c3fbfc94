"""Which stack each test stirs: those of one stay together, in one process, and two stacks are stirred at a time."""

from pathlib import PurePath

DEMO, ENDED = "demo", "ended"
ORDER = (DEMO, "reversible", "attacks", "rotation", "observing", ENDED)
_OF_FILE = {
    "test_attacks.py": "attacks",
    "test_rotation.py": "rotation",
    "test_reversible.py": "reversible",
    "test_observe_options.py": "observing",
    "test_what_was_used.py": ENDED,
}
_BESIDE = {DEMO: DEMO, "reversible": DEMO, ENDED: ENDED}


def stack_of(file: PurePath) -> str | None:
    """Return the stack that the tests of a file stir: in this folder the demo's, where nothing else is said."""
    return _OF_FILE.get(file.name, DEMO) if file.parent.name == "e2e" else None


def process_of(file: PurePath) -> str | None:
    """Return what runs in one process, stack after stack: two that take as long, and what comes after them."""
    stack = stack_of(file)
    return _BESIDE.get(stack, "others") if stack else None
