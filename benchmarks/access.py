"""How fast are IAM decisions on cases that were never seen? ``python -m benchmarks.access [FILE] [--seed N]``.

The cases are those of FILE (the generated conformance cases by default), each several times with new names and account
numbers, which change every pattern and no verdict. Each is decided once, so that no cache helps:

- ``from JSON``: from the text of a case, ``json.loads`` included;
- ``parsed``: only the decision, with request and policies ready.

The reference is ``json.loads`` alone on the same lines, in the same run: machines and their load differ, ratios hardly.
"""

import argparse
import json
import re
import string
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import TypeVar

from benchmarks.figure import Figure, table
from pullguard.access.evaluate import decide
from tests.conformance.iam_cases import answer, read_policies, read_request

CASES = Path(__file__).parents[1] / "tests" / "conformance" / "generated.jsonl"
GOALS = {"from JSON": 0.14, "parsed": 0.30}
ROUND = 1_000  # cases that each measurement takes before the next one has its turn
T = TypeVar("T")


def fresh(line: str, random: Random) -> str:
    """Return a case with another secret, key and role, and other account numbers; the verdict stays.

    Of a number only the middle is replaced, because patterns quote its first or last digits. No name is added if a
    variable begins the secret's.
    """
    name = "".join(random.choices(string.ascii_lowercase + string.digits, k=6))
    digits = str.maketrans(string.digits, "".join(random.sample(string.digits, k=10)))
    kinds = "key/|role/" if "secret:$" in line else "(?<!arn:aws:)secret:|key/|role/"
    named = re.sub(rf"({kinds})(?=[\w?])", rf"\g<1>{name}", line)
    return re.sub(r"(?<=\d[\d?])\d{8}(?=\d\d)", lambda number: number[0].translate(digits), named)


class Stopwatch:
    """The processor time of each kind of work, by name, and the number of cases."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}
        self.cases: dict[str, int] = {}

    def measure(self, name: str, work: Callable[[T], object], cases: Sequence[T]) -> None:
        """Do ``work`` once for each of ``cases``."""
        start = time.process_time()
        for case in cases:
            work(case)
        self.spent_s[name] = self.spent_s.get(name, 0) + time.process_time() - start
        self.cases[name] = self.cases.get(name, 0) + len(cases)

    def per_second(self, name: str) -> float:
        """Return the cases per second of processor time."""
        return self.cases[name] / self.spent_s[name]


def measure(file: Path = CASES, seed: int | None = None, times: int = 4) -> list[Figure]:
    """Print the rates and return the figures; a wrong verdict is one that misses its goal."""
    seed = SystemRandom().randrange(10**9) if seed is None else seed
    lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line]
    random, watch, wrong = Random(seed), Stopwatch(), 0
    for _ in range(times):
        for start in range(0, len(lines), ROUND):
            texts, others = ([fresh(line, random) for line in lines[start : start + ROUND]] for _ in range(2))
            watch.measure("json.loads", json.loads, texts)
            watch.measure("from JSON", lambda text: answer(json.loads(text)), texts)
            cases = [json.loads(text) for text in others]
            ready = [(read_request(case), read_policies(case)) for case in cases]
            watch.measure("parsed", lambda pair: decide(*pair), ready)
            watch.measure("json.loads", json.loads, others)
            verdicts = [decide(*pair).verdict for pair in ready]
            wrong += sum(case["expected"] != verdict for case, verdict in zip(cases, verdicts, strict=True))
    print(f"seed {seed}")
    for name in watch.cases:
        print(f"{name:10} {watch.per_second(name):>9,.0f} cases/s")
    reference = watch.per_second("json.loads")
    return [
        *(
            Figure(
                name=f"decisions, {name}, against json.loads",
                value=watch.per_second(name) / reference,
                goal=goal,
                bound="≥",
            )
            for name, goal in GOALS.items()
        ),
        Figure(name="wrong verdicts", value=wrong, goal=0, unit="cases"),
    ]


def main() -> int:
    """Measure and print; the exit code is 1 if a goal is missed or a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=CASES)
    parser.add_argument("--seed", type=int, help="repeat the run of this seed")
    parser.add_argument("--times", type=int, default=4, help="new cases of each case of FILE")
    options = parser.parse_args()
    figures = measure(options.file, options.seed, options.times)
    print(table(figures))
    return 0 if all(each.is_reached for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
