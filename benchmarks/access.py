"""How many IAM cases a second one core decides: ``python -m benchmarks.access [FILE] [--rounds N]``.

Three figures over FILE (the generated conformance cases by default), each the best of N rounds, in cases a second of
CPU time: ``lines`` from the text of a line, json.loads included; ``parsing`` from the loaded case, with its policies
parsed anew each time; ``parsed`` where request and policies are ready. The cache of whole policies knows texts only,
and these are objects, so each is compiled anew; single wildcards, conditions, dates and address ranges are remembered
from one round to the next (``--rounds 1``: not yet).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pullguard.access.evaluate import decide
from tests.conformance.iam_cases import answer, read_policies, read_request

CASES = Path(__file__).parents[1] / "tests" / "conformance" / "generated.jsonl"
TARGETS = {"lines": 5_000, "parsing": 5_000, "parsed": 20_000}
T = TypeVar("T")


def per_second(work: Callable[[T], object], cases: Sequence[T], rounds: int) -> float:
    """Return how many ``cases`` a second ``work`` does, in the best of ``rounds``."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for case in cases:
            work(case)
        best = min(best, time.process_time() - start)
    return len(cases) / best


def main() -> int:
    """Measure, print a line a figure; the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CASES)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    lines = [line for line in arguments.file.read_text(encoding="utf-8").split("\n") if line]
    figures = {"lines": per_second(lambda line: answer(json.loads(line)), lines, arguments.rounds)}
    cases = [json.loads(line) for line in lines]
    figures["parsing"] = per_second(answer, cases, arguments.rounds)
    ready = [(read_request(case), read_policies(case)) for case in cases]
    figures["parsed"] = per_second(lambda pair: decide(*pair), ready, arguments.rounds)
    for name, figure in figures.items():
        sys.stdout.write(f"{name:8} {figure:>9,.0f} cases/s (target {TARGETS[name]:,})\n")
    return 0 if all(figures[name] >= target for name, target in TARGETS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
