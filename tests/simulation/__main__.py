"""``python -m tests.simulation survey N [--first SEED] [--without RULE]`` and ``show SEED [INVARIANT]``."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.histories import history
from tests.simulation.running import broken, explained
from tests.simulation.weakened import RULES, without


def survey(count: int, first: int, switched_off: frozenset[str]) -> None:
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


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    commands = parser.add_subparsers(dest="command", required=True)
    surveyed = commands.add_parser("survey")
    surveyed.add_argument("count", type=int)
    surveyed.add_argument("--first", type=int, default=0)
    surveyed.add_argument("--without", choices=RULES, default="", help="a rule to switch off")
    shown = commands.add_parser("show")
    shown.add_argument("seed", type=int)
    shown.add_argument("invariant", nargs="?")
    options = parser.parse_args()
    if options.command == "survey":
        with without(options.without) as switched_off:
            survey(options.count, options.first, switched_off)
        return
    for invariant in sorted(broken(history(options.seed), options.seed)):
        if options.invariant in (None, invariant):
            _say(explained(options.seed, invariant))


if __name__ == "__main__":
    main()
