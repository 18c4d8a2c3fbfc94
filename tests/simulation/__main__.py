"""Run many histories, or explain one; the exit code is 1 if an invariant is broken.

``python -m tests.simulation survey N [--first SEED] [--without RULE]``
``python -m tests.simulation show SEED [INVARIANT] [--without RULE]``
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.histories import history
from tests.simulation.running import broken, explained
from tests.simulation.weakened import RULES, without


def survey(count: int, first: int, switched_off: frozenset[str]) -> bool:
    """Run ``count`` histories; return whether none breaks an invariant."""
    found: Counter[str] = Counter()
    seeds: dict[str, list[int]] = {}
    began = time.process_time()
    for seed in range(first, first + count):
        for invariant in sorted(broken(history(seed), seed, switched_off)):
            found[invariant] += 1
            seeds.setdefault(invariant, []).append(seed)
    rate = count / (time.process_time() - began)
    _say(f"{count} seeds, {rate:.0f} a second of one core: {'no violation' if not found else ''}")
    for invariant, number in found.most_common():
        _say(f"  {invariant} {number}: seeds {' '.join(map(str, seeds[invariant][:10]))}")
    return not found


def show(seed: int, invariant: str | None, switched_off: frozenset[str]) -> bool:
    """Explain what a history breaks, or only ``invariant``; return whether it breaks nothing of it."""
    found = broken(history(seed), seed, switched_off)
    shown = sorted(found if invariant is None else found & {invariant})
    for each in shown:
        _say(explained(seed, each, switched_off))
    return not shown


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    commands = parser.add_subparsers(dest="command", required=True)
    surveyed, shown = commands.add_parser("survey"), commands.add_parser("show")
    surveyed.add_argument("count", type=int)
    surveyed.add_argument("--first", type=int, default=0)
    shown.add_argument("seed", type=int)
    shown.add_argument("invariant", nargs="?")
    for each in (surveyed, shown):
        each.add_argument("--without", choices=RULES, default="", help="a rule to switch off")
    options = parser.parse_args()
    with without(options.without) as switched_off:
        if options.command == "survey":
            is_fine = survey(options.count, options.first, switched_off)
        else:
            is_fine = show(options.seed, options.invariant, switched_off)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
