"""Debounced changes in any order of their runs' calls: each has validations that are made after it.

Five runs at a time, whose clocks differ, handle changes of one key. Events come late, twice and out of order; calls
fail, take effect and fail, and runs die; some die at each of their deliveries, until they are dead letters. Meanwhile
the key gets more dependents.
"""

import heapq
import json
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from pullguard.aws import messaging
from pullguard.aws.messaging import Queues
from pullguard.domain.errors import NotNow
from pullguard.domain.messages import RECEIVES_MAX
from pullguard.store.ledger import Ledger
from pullguard.workflows import resolve_change
from tests.fakes import NOW, Crash, World, revision_arn
from tests.flows import Harness
from tests.unit.workflows.resolve_change.scene import resolver
from tests.unit.workflows.resolve_change.shared_key import DEPENDENTS, KEY_USERS, event, use_key

AT_ONCE = 5  # the function's MaximumConcurrency
VISIBILITY_TIMEOUT_S = 360
SWITCHES = 0.3  # the chance that another run goes on before a call
CALL_S = 0.02
RUN_S = 3  # how long a run takes, at most
FEW = 3
KINDS = ("create-grant", "revoke-grant", "retire-grant", "put-key-policy", "disable-key")


class Died(BaseException):
    """The run ended here; nothing of it can catch this."""


@dataclass
class Run:
    """One delivery of an event. ``faults`` are the calls that fail; ``dies_at`` is the call before which it dies."""

    account: "Account"
    body: str
    skew: float = 0.0
    dies_at: int | None = None
    faults: frozenset[int] = frozenset()
    calls: int = 0

    def seconds(self) -> float:
        """Its clock, in seconds since the beginning."""
        return self.account.time + self.skew

    def call(self, make: Callable[[], Any]) -> Any:
        """Make a call to AWS, or fail."""
        self.account.pause()
        self.calls += 1
        if self.dies_at is not None and self.calls >= self.dies_at:
            raise Died
        made = make()
        if self.calls in self.faults:
            raise Crash("the answer was lost")
        return made

    def go(self) -> None:
        """Handle the event, and note which validations it then needs."""
        began, known = self.account.time, frozenset(self.account.dependents)
        here = Harness(Ledger(Calls(self.account.client, self), "ledger"), World())  # type: ignore[arg-type]
        debouncing = replace(
            resolver(here, debounce_s=self.account.debounce_s),
            queues=Queues(Sending(self)),  # type: ignore[arg-type]
            now=lambda: NOW + timedelta(seconds=self.seconds()),
            pause=self.account.sleep,
        )
        if not debouncing.resolve(self.body).copy:
            self.account.handled.append((began, known))


class Calls:
    """A DynamoDB client whose calls may fail."""

    def __init__(self, client: Any, run: Run) -> None:
        self._client, self._run = client, run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in ("get_item", "put_item"):
            return found
        return lambda **arguments: self._run.call(lambda: found(**arguments))


@dataclass
class Sending:
    """In the place of the client of SQS."""

    run: Run

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        account = self.run.account

        def send() -> dict[str, Any]:
            for each in Entries:
                account.requests.append((each["MessageBody"], account.time + each["DelaySeconds"]))
            return {}

        answer: dict[str, Any] = self.run.call(send)
        return answer


@dataclass
class Account:
    """The ledger, the time, the deliveries to come, the requests (with when they are due), and what was handled."""

    ledger: Ledger
    random: random.Random
    debounce_s: int = 60
    faults: bool = True
    time: float = 0.0
    dependents: list[Any] = field(default_factory=list)
    requests: list[tuple[str, float]] = field(default_factory=list)
    handled: list[tuple[float, frozenset[Any]]] = field(default_factory=list)
    grows_at: list[float] = field(default_factory=list)
    not_now: int = 0
    dead: int = 0
    _deliveries: list[tuple[float, int, str, int, int | None]] = field(default_factory=list)
    _sent: int = 0

    @property
    def client(self) -> Any:
        return self.ledger.claims._client

    def pause(self) -> None:
        """Let another run go on, perhaps."""
        self.time += CALL_S
        if self.random.random() < SWITCHES:
            getcurrent().parent.switch()

    def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        while self.time < until:
            getcurrent().parent.switch()

    def depend(self, arn: Any) -> None:
        use_key(self.ledger, arn)
        self.dependents.append(arn)

    def deliver(self, at: float, body: str, receives: int = 1, dies_at: int | None = None) -> None:
        self._sent += 1
        heapq.heappush(self._deliveries, (at, self._sent, body, receives, dies_at))

    def run(self) -> None:
        """Deliver everything, and let the runs go on in a random order until all have ended."""
        live: list[greenlet] = []
        while live or self._deliveries:
            if not live:
                self.time = max(self.time, self._deliveries[0][0])
            while self._deliveries and self._deliveries[0][0] <= self.time and len(live) < AT_ONCE:
                live.append(greenlet(self._receive(*heapq.heappop(self._deliveries)[2:])))
            while self.grows_at and self.grows_at[0] <= self.time:
                self.grows_at.pop(0)
                self.depend(revision_arn(f"family-{len(self.dependents)}"))
            self.random.choice(live).switch()
            self.time += CALL_S
            live = [each for each in live if not each.dead]

    def _receive(self, body: str, receives: int, dies_at: int | None) -> Callable[[], None]:
        chance = self.random.random() if self.faults else 1.0
        run = Run(
            self,
            body,
            skew=self.random.uniform(-0.49, 0.49),
            dies_at=dies_at or (self.random.randint(1, 7) if chance < 0.15 else None),
            faults=frozenset({self.random.randint(1, 7)} if 0.15 < chance < 0.3 else ()),
        )

        def receive() -> None:
            try:
                run.go()
            except (Crash, Died, NotNow) as error:
                self.not_now += isinstance(error, NotNow)
                if receives == RECEIVES_MAX:
                    self.dead += 1
                else:
                    self.deliver(self.time + VISIBILITY_TIMEOUT_S, body, receives + 1, dies_at)

        return receive

    def unvalidated(self) -> list[tuple[float, Any]]:
        """Return when a change was handled, and a dependent that then has no validation, or has it too late."""
        due: dict[str, list[float]] = {}
        for body, at in self.requests:
            due.setdefault(json.loads(body)["task_definition"], []).append(at)
        in_time_s = self.debounce_s + resolve_change.CLOCKS_S + RUN_S
        return [
            (began, arn)
            for began, known in self.handled
            for arn in known
            if not any(began <= at <= began + in_time_s for at in due.get(str(arn), ()))
        ]


def schedule(ledger: Ledger, seed: int) -> Account:
    """Run a random schedule of changes, deliveries, faults and new dependents."""
    choose = random.Random(seed)
    account = Account(ledger, choose, debounce_s=(1, 60, 400)[seed % 3])
    window_s, last_s = account.debounce_s, choose.choice((5, 2 * account.debounce_s))
    for arn in KEY_USERS[:FEW]:
        account.depend(arn)
    for number in range(choose.randint(4, 12)):
        soon, edge = choose.uniform(0, 3), window_s + choose.uniform(-1, 3)
        at = choose.choice((soon, min(edge, last_s), choose.uniform(0, last_s)))
        body = event(choose.choice(KINDS), f"change-{number}", NOW + timedelta(seconds=at))
        dies_at = choose.randint(3, 6) if choose.random() < 0.3 else None
        for _ in range(choose.choice((1, 1, 1, 2))):
            account.deliver(at + choose.choice((0.0, choose.uniform(0, 5))), body, dies_at=dies_at)
    if seed % 2:
        account.grows_at = sorted(choose.uniform(0, last_s) for _ in range(choose.choice((1, 5))))
    account.run()
    return account


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run die between two batches of few requests, which are sent one after the other."""
    monkeypatch.setattr(messaging, "_A_BATCH", FEW - 1)
    monkeypatch.setattr(messaging, "ThreadPoolExecutor", lambda *_, **__: nullcontext(SimpleNamespace(map=map)))


@pytest.mark.parametrize("seed", range(60))
def test_each_dependent_of_a_change_has_a_validation_that_is_made_after_it(ledger: Ledger, seed: int) -> None:
    assert schedule(ledger, seed).unvalidated() == []


@pytest.mark.parametrize("seed", range(5))
def test_a_burst_costs_two_validations_of_each_dependent_although_runs_overlap(ledger: Ledger, seed: int) -> None:
    account = Account(ledger, random.Random(seed), faults=False)
    for arn in KEY_USERS:
        account.depend(arn)
    for number in range(30):
        account.deliver(number * 0.1, event(KINDS[number % 3], f"change-{number}", NOW))
    account.run()
    assert (len(account.handled), account.not_now) == (30, 0)
    assert len(account.requests) == 2 * DEPENDENTS
    assert account.unvalidated() == []
