"""How does the work grow, at ECS's quotas? ``python -m benchmarks.load`` prints the figures of docs/benchmarks.md.

Three things grow: families in a sweep, task definitions whose secret breaks at once, and services in the account while
one revision is registered. The real handlers run in one process, in as many instances as the template allows. They read
from benchmarks/stub.py, which throttles as ECS does. Ledger and queues are in memory; bus and topic are moto's.
Delays and waits are real, so that the measured time compares with the one that the quotas impose.

Then it prints the figures of the other benchmarks beside their goals. Nothing leaves this machine.
"""

import argparse
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore.loaders import create_loader
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from benchmarks import access, audit, imports, stub
from benchmarks.account import FAMILIES_A_SECRET, SOURCES, Account
from benchmarks.figure import Figure
from benchmarks.figure import table as table_of
from benchmarks.grant_path import registered_event
from benchmarks.ledger import Ledger, Status
from benchmarks.stub import DEFINITIONS, QUOTAS, World, served
from tests.functions.stack import TEMPLATE, Context, failed, sqs_event
from tests.functions.world import request_body

DRAWING: Final = Path(__file__).parents[1] / "docs/load.svg"
FAMILIES: Final = (100, 300, 1_000, 3_000, 10_000)
DEPENDENTS: Final = (10, 100, 300, 1_000, 3_000)
SERVICES: Final = (100, 300, 1_000, 3_000)
SWEEP: Final = "families in a sweep"
QUEUES: Final = {
    "SweepQueue": "sweep_account",
    "ValidationQueue": "validate_task_definition",
    "AlertQueue": "publish_alert",
}
_VISIBILITY_S: Final = {queue: TEMPLATE.of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"] for queue in QUEUES}
_CLIENTS: Final = ("dynamodb", "ecs", "events", "iam", "kms", "secretsmanager", "sns", "sqs")
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement: the ``size``, the functions' requests by (service, operation), the stub's calls, the time.

    ``cpu_s`` is the processor time of the functions, with the ledger and without the stub.
    """

    size: int
    calls: Counter[tuple[str, str]]
    stub: stub.Calls
    wall_s: float
    cpu_s: float
    alerts: int

    @property
    def quota_s(self) -> float:
        """The seconds that ECS's quotas impose."""
        return max(quota.imposed_s(self.stub.answered) for quota in QUOTAS)

    @property
    def of_definitions(self) -> int:
        """The answered calls in the bucket of task definitions."""
        return sum(self.stub.answered[each] for each in DEFINITIONS.actions)

    @property
    def of_ecs(self) -> int:
        """The answered calls in all buckets of ECS."""
        return sum(self.stub.answered[each] for quota in QUOTAS for each in quota.actions)


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in a queue, and when it is due; with ``receives`` it is or was handled."""

    queue: str
    body: str
    due_at: float
    receives: int = 0
    number: int = field(default_factory=count().__next__)


class Live(Account):
    """An account that reads from the stub at ``endpoint``, and whose queues are polled in real time, as by Lambda."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._ledger = Ledger()
        self._messages_of = {queue: dict[int, Message]() for queue in QUEUES}
        self._idle = {
            function: [
                self.start(function).handler for _ in range(SOURCES[function]["ScalingConfig"]["MaximumConcurrency"])
            ]
            for function in QUEUES.values()
        }

    def start(self, function: str) -> Any:
        """Start an instance of a function, its clients included, with the ledger and the queues in memory."""
        module = super().start(function)
        clients = {each: module.deployment.clients.get(each) for each in _CLIENTS}
        for service in ("dynamodb", "sqs"):
            clients[service].meta.events.register(f"before-call.{service}", self._answer)
        return module

    def know(self) -> None:
        """Let a sweep list the account, so that the ledger knows the services; nothing is validated."""
        self.send("SweepQueue", [json.dumps({"sweep": "before", "token": None})])
        while steps := self._waiting("SweepQueue"):
            self._messages_of["SweepQueue"].clear()
            self.invoke("sweep_account", [each.body for each in steps])
        for messages in self._messages_of.values():
            messages.clear()

    def send(self, queue: str, bodies: Iterable[str], *, delay_s: int = 0) -> None:
        """Send messages to a queue."""
        for body in bodies:
            message = Message(queue=queue, body=body, due_at=time.monotonic() + delay_s)
            self._messages_of[queue][message.number] = message

    def measured(self, size: int, begin: Callable[[], object]) -> Point:
        """Begin with full buckets, and handle messages until none but a sweep's checks is left."""
        self.taken()
        stub.taken(self._endpoint)
        cpu_s, wall_s = time.process_time(), time.monotonic()
        begin()
        self._work()
        wall_s = time.monotonic() - wall_s
        return Point(
            size=size,
            calls=self.taken()[0],
            stub=stub.taken(self._endpoint),
            wall_s=wall_s,
            cpu_s=time.process_time() - cpu_s,
            alerts=len(self.bodies("Inbox")),
        )

    def _answer(self, model: Any, params: Mapping[str, Any], **_: object) -> tuple[Status, dict[str, Any]]:
        """Answer a call in the place of DynamoDB or SQS: a handler of botocore's event ``before-call``."""
        self._called(model)
        request = json.loads(params["body"])
        if model.service_model.service_name == "dynamodb":
            return self._ledger.answer(model.name, request)
        if model.name == "ChangeMessageVisibility":
            queue, _, number = request["ReceiptHandle"].partition(" ")
            self._messages_of[queue][int(number)].due_at = time.monotonic() + request["VisibilityTimeout"]
        else:
            queue = next(name for name, url in self.stack.ids.items() if url == request["QueueUrl"])
            for entry in request.get("Entries", [request]):
                self.send(queue, [entry["MessageBody"]], delay_s=entry.get("DelaySeconds", 0))
        return Status(200), {}

    def _work(self) -> None:
        running: dict[Future[None], tuple[str, Callable[..., Any]]] = {}
        with ThreadPoolExecutor(sum(map(len, self._idle.values()))) as instances:
            while running or any(map(self._waiting, QUEUES)):
                for done in [each for each in running if each.done()]:
                    function, handler = running.pop(done)
                    self._idle[function].append(handler)
                    done.result()
                self.send("AlertQueue", self.bodies("AlertQueue"))  # from the bus, which is moto's
                for queue, function in QUEUES.items():
                    while self._idle[function] and (messages := self._received(queue, function)):
                        handler = self._idle[function].pop()
                        running[instances.submit(self._handle, handler, function, messages)] = function, handler
                time.sleep(_POLL_S)

    def _waiting(self, queue: str) -> list[Message]:
        """Return the messages in a queue without a sweep's checks, which come long after its last validation."""
        messages = list(self._messages_of[queue].values())
        return [each for each in messages if queue != "SweepQueue" or '"check"' not in each.body]

    def _received(self, queue: str, function: str) -> list[Message]:
        """Receive a batch of the messages that are due; they come back after the queue's visibility timeout."""
        now = time.monotonic()
        due = (each for each in self._waiting(queue) if each.due_at <= now)
        messages = list(islice(due, SOURCES[function]["BatchSize"]))
        for each in messages:
            each.due_at = now + _VISIBILITY_S[queue]
            each.receives += 1
        return messages

    def _handle(self, handler: Callable[..., Any], function: str, messages: Sequence[Message]) -> None:
        event = sqs_event(*(each.body for each in messages))
        for record, each in zip(event["Records"], messages, strict=True):
            record["messageId"], record["receiptHandle"] = f"m-{each.number}", f"{each.queue} {each.number}"
            record["attributes"]["ApproximateReceiveCount"] = str(each.receives)
        returned = failed(handler(event, Context(function)))
        for each in messages:
            if f"m-{each.number}" not in returned:
                del self._messages_of[each.queue][each.number]


@contextmanager
def live(world: World) -> Iterator[Live]:
    """Serve a world, with the deployed functions beside it; their log goes nowhere."""
    with (
        served(world, throttle=True) as endpoint,
        mock_aws(),
        Path(os.devnull).open("w", encoding="utf-8") as log,
        redirect_stdout(log),
    ):
        # Instances share the process, and Powertools' metrics with it.
        os.environ |= {"POWERTOOLS_METRICS_DISABLED": "true"}
        os.environ |= {f"AWS_ENDPOINT_URL_{service}": endpoint for service in stub.SERVICES}
        yield Live(endpoint)


def _let_loopback_pass() -> None:
    """Let requests to this machine pass without waiting for moto, which answers one call at a time."""
    stubber: Any = BotocoreStubber
    answer = stubber.__call__

    def answered(self: BotocoreStubber, event_name: str, request: Any, **options: Any) -> Any:
        return None if request.url.startswith("http://127.0.0.1:") else answer(self, event_name, request, **options)

    stubber.__call__ = answered


def _read_models_once() -> None:
    """Let all sessions share botocore's models of the services: each instance has a session of its own."""
    loader = create_loader()
    botocore.session.create_loader = lambda *_: loader


def of_families(size: int) -> Point:
    """Sweep a healthy account: list its families and validate each."""
    groups = math.ceil(size / FAMILIES_A_SECRET)
    with live(World(families=size, roles=groups, secrets=groups, shared=FAMILIES_A_SECRET, denied=0)) as account:
        step = json.dumps({"sweep": "load", "token": None})
        return account.measured(size, lambda: account.send("SweepQueue", [step]))


def of_dependents(size: int) -> Point:
    """Validate task definitions that share a secret which their role may not read, each run by a service; and alert."""
    world = World(families=size, roles=1, secrets=1, services=size)
    with live(world) as account:
        account.know()
        requests = [request_body(world.revision(each)) for each in range(size)]
        return account.measured(size, lambda: account.send("ValidationQueue", requests))


def of_services(size: int) -> Point:
    """Register one revision with a finding, while ``size`` services of other families run."""
    groups = math.ceil(size / FAMILIES_A_SECRET) + 1
    world = World(
        families=size + FAMILIES_A_SECRET, roles=groups, secrets=groups, shared=FAMILIES_A_SECRET, services=size
    )
    with live(world) as account:
        account.know()
        event = json.dumps(registered_event(world.revision(0)))
        return account.measured(size, lambda: account.invoke("resolve_change", [event]))


def table(title: str, points: Sequence[Point]) -> str:
    """Return the table of one curve."""
    buckets = " | ".join(f"ECS: {quota.name}" for quota in QUOTAS)
    rows = [f"| {title} | AWS calls | {buckets} | throttled | measured | quota | alerts | CPU |"]
    rows.append(f"|---|---|{'---|' * len(QUOTAS)}---|---|---|---|---|")
    for each in points:
        counts = " | ".join(f"{sum(each.stub.answered[name] for name in quota.actions):,}" for quota in QUOTAS)
        rows.append(
            f"| {each.size:,} | {each.calls.total():,} | {counts} | {each.stub.throttled.total():,} "
            f"| {each.wall_s:,.1f} s | {each.quota_s:,.1f} s | {each.alerts} | {each.cpu_s:.1f} s |"
        )
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
    series = [[each.calls.total() for each in points], [each.of_ecs for each in points]]
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


CURVES: Final[Mapping[str, tuple[Callable[[int], Point], tuple[int, ...]]]] = {
    SWEEP: (of_families, FAMILIES),
    "task definitions of a broken secret": (of_dependents, DEPENDENTS),
    "services, while one revision is registered": (of_services, SERVICES),
}


def curves(largest: int) -> list[Figure]:
    """Print the curves up to a size and draw them; return the figure that has a goal."""
    measured: dict[str, list[Point]] = {}
    for title, (measure, sizes) in CURVES.items():
        measured[title] = []
        for size in (each for each in sizes if each <= largest):
            print(f"{title}: {size:,} …", file=sys.stderr, flush=True)
            measured[title].append(measure(size))
        print(table(title, measured[title]), end="\n\n", flush=True)
    DRAWING.write_text(drawing(measured), encoding="utf-8")
    sweep = measured[SWEEP][-1]
    name = f"sweep of {sweep.size:,} families, against the quota's time"
    return [Figure(name=name, value=sweep.wall_s / max(sweep.quota_s, 1), goal=1.1)]


def main() -> None:
    """Print the curves and draw them; then print all figures that have a goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=10_000, help="leave out larger sizes of the curves")
    parser.add_argument("--only", choices=("curves", "figures"))
    options = parser.parse_args()
    _let_loopback_pass()
    _read_models_once()
    figures = [] if options.only == "figures" else curves(options.largest)
    if options.only != "curves":
        figures += [*access.measure(), *audit.measure(), *imports.measure()]
    print(table_of(figures))


if __name__ == "__main__":
    main()
