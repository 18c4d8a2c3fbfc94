"""How does the work grow? ``python -m benchmarks.load`` prints the curves of docs/benchmarks.md, draws docs/load.svg.

The real handlers run on moto in one process. Counted are requests to AWS, which are exact, and the processor time of
the process, moto included. Three things grow: families in a sweep, task definitions whose secret breaks at once, and
services in the account while one revision is registered.

ECS throttles DescribeTaskDefinition, ListTaskDefinitions and ListTaskDefinitionFamilies together, and the calls about
services and tasks in a bucket of their own. The time that a quota imposes is computed from the calls of its bucket.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

import argparse
import io
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moto import mock_aws

from benchmarks.account import Account
from benchmarks.grant_path import registered_event
from pullguard.planning.ecs_quota import BURST, QUOTA_PER_S
from tests.functions.stack import BATCH_MAX
from tests.functions.world import request_body

DRAWING: Final = Path(__file__).parents[1] / "docs/load.svg"
FAMILIES: Final = (100, 300, 1_000, 10_000)
DEPENDENTS: Final = (10, 100, 300, 1_000, 3_000)
SERVICES: Final = (100, 300, 1_000, 3_000)
_DEFINITIONS: Final = frozenset({"DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement: the ``size``, the requests by (service, operation), CPU seconds, and the alerts sent."""

    size: int
    calls: Counter[tuple[str, str]]
    cpu_s: float
    alerts: int = 0

    @property
    def of_definitions(self) -> int:
        """The requests in the bucket of task definitions."""
        return sum(count for (service, name), count in self.calls.items() if service == "ecs" and name in _DEFINITIONS)

    @property
    def of_usage(self) -> int:
        """The other requests to ECS."""
        return sum(count for (service, _), count in self.calls.items() if service == "ecs") - self.of_definitions

    @property
    def quota_s(self) -> float:
        """The seconds that ECS's quota imposes on the larger of both buckets."""
        return max(0.0, (max(self.of_definitions, self.of_usage) - BURST) / QUOTA_PER_S)


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield ``items`` in groups of ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _measured(size: int, account: Account, run: Callable[[], object]) -> Point:
    account.taken()
    began = time.process_time()
    run()
    calls, _, _ = account.taken()
    cpu_s = time.process_time() - began
    return Point(size=size, calls=calls, cpu_s=cpu_s, alerts=len(account.bodies("Inbox")))


def of_families(size: int) -> Point:
    """Sweep a healthy account: list its families and validate each."""
    with mock_aws():
        account = Account()
        account.load(size, healthy=True)

        def sweep() -> None:
            steps = [json.dumps({"sweep": "load", "token": None})]
            while steps and '"check"' not in steps[0]:
                account.invoke("sweep_account", steps)
                account.invoke("validate_task_definition", account.bodies("ValidationQueue"))
                steps = account.bodies("SweepQueue")

        return _measured(size, account, sweep)


def of_dependents(size: int) -> Point:
    """Validate task definitions that share a secret which their role may not read, each run by a service; and alert."""
    with mock_aws():
        account = Account()
        revisions = account.load(size, healthy=False, families_a_secret=size)
        account.run(revisions)
        account.know()

        def validate() -> None:
            for batch in batched(revisions, BATCH_MAX):
                account.invoke("validate_task_definition", map(request_body, batch))
                account.invoke("publish_alert", account.bodies("AlertQueue"))

        return _measured(size, account, validate)


def of_services(size: int) -> Point:
    """Register one revision with a finding, while ``size`` services of other families run."""
    with mock_aws():
        account = Account()
        others = account.load(size, healthy=True)
        account.run(others)
        account.know()
        [broken] = account.load(1, healthy=False, prefix="broken")

        def register() -> None:
            account.invoke("resolve_change", [json.dumps(registered_event(broken))])
            account.invoke("validate_task_definition", account.bodies("ValidationQueue"))

        return _measured(size, account, register)


def table(title: str, points: Sequence[Point]) -> str:
    """Return the table of one curve."""
    rows = [f"| {title} | AWS calls | of ECS's task definitions | of ECS's services and tasks | quota | alerts | CPU |"]
    rows.append("|---|---|---|---|---|---|---|")
    rows += [
        f"| {each.size:,} | {each.calls.total():,} | {each.of_definitions:,} | {each.of_usage:,} "
        f"| {each.quota_s:,.0f} s | {each.alerts} | {each.cpu_s:.1f} s |"
        for each in points
    ]
    return "\n".join(rows)


_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 180, 60, 50
_LINES: Final = (("AWS calls", "#2f6fdf"), ("of them ECS", "#d9822b"))


def drawing(curves: Mapping[str, Sequence[Point]]) -> str:
    """Return the curves as SVG: one picture each, both axes logarithmic."""
    width = len(curves) * (_WIDTH + _LEFT) + _LEFT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + 2 * _TOP + 20}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>Calls to AWS by the size of the account</title>",
        f'<rect width="{width}" height="{_HEIGHT + 2 * _TOP + 20}" fill="#fff"/>',
    ]
    for number, (title, points) in enumerate(curves.items()):
        parts.append(f'<g transform="translate({_LEFT + number * (_WIDTH + _LEFT)} {_TOP})">')
        parts += _panel(title, points)
        parts.append("</g>")
    for number, (name, color) in enumerate(_LINES):
        x, y = _LEFT + number * 110, _HEIGHT + 2 * _TOP + 6
        parts.append(f'<rect x="{x}" y="{y - 9}" width="14" height="4" fill="{color}"/>')
        parts.append(f'<text x="{x + 20}" y="{y - 3}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, points: Sequence[Point]) -> Iterator[str]:
    sizes = [each.size for each in points]
    series = [[each.calls.total() for each in points], [each.of_definitions + each.of_usage for each in points]]
    high = math.ceil(math.log10(max(2, *series[0])))

    def x(size: int) -> float:
        return _WIDTH * math.log10(size / sizes[0]) / math.log10(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0.0

    def y(calls: int) -> float:
        return _HEIGHT * (1 - math.log10(max(calls, 1)) / high)

    yield f'<text y="-14" font-weight="600">{title}</text>'
    for power in range(high + 1):
        at = y(10**power)
        yield f'<path d="M0 {at:.1f}H{_WIDTH}" stroke="#ccc" stroke-width=".5"/>'
        yield f'<text x="-6" y="{at + 4:.1f}" text-anchor="end" fill="#555">{10**power:,}</text>'
    for size in sizes:
        yield f'<text x="{x(size):.1f}" y="{_HEIGHT + 18}" text-anchor="middle" fill="#555">{size:,}</text>'
    for values, (_, color) in zip(series, _LINES, strict=True):
        dots = [(x(size), y(calls)) for size, calls in zip(sizes, values, strict=True)]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in dots)
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        for (left, top), calls in zip(dots, values, strict=True):
            yield f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{color}"><title>{calls:,}</title></circle>'


def main() -> None:
    """Print the curves and draw them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("--largest", type=int, default=10_000, help="leave out larger sizes")
    largest = parser.parse_args().largest
    curves = {
        "families in a sweep": (of_families, FAMILIES),
        "task definitions of a broken secret": (of_dependents, DEPENDENTS),
        "services, while one revision is registered": (of_services, SERVICES),
    }
    measured: dict[str, list[Point]] = {}
    for title, (measure, sizes) in curves.items():
        measured[title] = []
        for size in (each for each in sizes if each <= largest):
            print(f"{title}: {size:,} …", file=sys.stderr, flush=True)
            with redirect_stdout(io.StringIO()):  # the functions' log
                measured[title].append(measure(size))
        print(table(title, measured[title]), end="\n\n")
    DRAWING.write_text(drawing(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
