"""Measure the import of each function: ``python -m benchmarks.imports [--rounds N]``.

The processor time of ``import app`` in a process of its own, the start of Python included, for each function and for
bare boto3, in turn; the medians of N rounds, and their ratio to boto3. The exit code is 1 if a goal is missed.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.figure import Figure, table
from tests.functions.test_cold_start import FUNCTIONS, STACK

ROOT = Path(__file__).parents[1]
GOAL = 1.4
REFERENCE = "boto3"


def spent_ms(function: str) -> float:
    """Return the processor time of one import: of a function's module, or of ``REFERENCE``."""
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    module = REFERENCE
    if function != REFERENCE:
        paths = (ROOT / "functions" / function, ROOT / "layers" / "core")
        environment |= STACK.environment(function) | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        module = "app"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, "-c", f"import {module}"), env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(rounds: int = 7) -> list[Figure]:
    """Print a line for each function; return the figure of the slowest."""
    names = (REFERENCE, *FUNCTIONS)
    spent = [{name: spent_ms(name) for name in names} for _ in range(rounds + 1)][1:]  # the first one compiles
    medians = {name: statistics.median(each[name] for each in spent) for name in names}
    for name, median_ms in medians.items():
        print(f"{name:28} {median_ms:4.0f} ms  {median_ms / medians[REFERENCE]:.2f} x boto3")
    most = max(medians.values()) / medians[REFERENCE]
    return [Figure(name="import of a function against boto3's, CPU", value=most, goal=GOAL)]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    figures = measure(parser.parse_args().rounds)
    print(table(figures))
    return 0 if all(each.is_reached for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
