"""Validators and alerters at once, in any order of their ledger calls: each change is reported once, none is lost.

Two families share a secret that breaks and is fixed while others validate it. Another run may go on between any two
calls to DynamoDB; events come again, and a run that meets another's claim is retried. Seed 49 once lost an opening.

With limits, and secrets that are each one family's own, runs also die at any call, and hourly runs are among them.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from pullguard.incidents.alert_limits import UNUSED, AlertLimits
from pullguard.store.ledger import Ledger
from pullguard.workflows.notify import Alerter
from pullguard.workflows.publish_once import BeingReported
from tests.fakes import Crash, World, container, revision_arn, role, secret, task_definition
from tests.flows import NO_LIMITS, Harness, request
from tests.unit.workflows.incident_scene import world

FAMILIES = ("f0", "f1")
CALLS = {"put_item", "get_item", "transact_write_items", "update_item", "delete_item"}
SWITCHES = 0.1  # the chance that another run goes on before a call


class Interrupted:
    """A DynamoDB client before whose calls ``pause`` is called."""

    def __init__(self, client: Any, pause: Callable[[], None]) -> None:
        self._client, self._pause = client, pause

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in CALLS:
            return found

        def call(**arguments: Any) -> Any:
            self._pause()
            return found(**arguments)

        return call

    def get_paginator(self, operation: str) -> Any:
        self._pause()
        return self._client.get_paginator(operation)


@dataclass
class Account:
    """The ledger, the runs on it, and every alert that was sent."""

    ledger: Ledger
    random: random.Random
    alerts: list[str] = field(default_factory=list)

    def interleave(self, runs: list[Callable[[], None]]) -> None:
        """Let the runs go on in a random order until all have ended."""
        live = [greenlet(run) for run in runs]
        while live:
            chosen = self.random.choice(live)
            while not chosen.dead and (chosen.switch(), self.random.random() >= SWITCHES)[1]:
                pass
            live = [each for each in live if not each.dead]

    def validating(self, family: str, states: list[bool]) -> Callable[[], None]:
        """Return a run that validates ``family`` while the secret is broken or not, and alerts about each change."""
        ledger: Any = Ledger(Interrupted(self.ledger.entries._client, _pause), "ledger")  # type: ignore[arg-type]

        def run() -> None:
            here = Harness(ledger, world(broken=False, families=FAMILIES))
            for broken in states:
                here.world = world(broken=broken, families=FAMILIES)
                here.validate(request(revision_arn(family)))
                for body in _taken(here):
                    self._alert(here, body)

        return run

    def _alert(self, here: Harness, body: str) -> None:
        for _ in range(self.random.choice((1, 1, 2))):
            while True:
                try:
                    here.alerter(pause=lambda _: _pause()).alert(body)
                    break
                except BeingReported:
                    _pause()
        self.alerts += [each["Subject"] for each in here.sent.alerts]
        here.sent.alerts.clear()


def _pause() -> None:
    if (scheduler := getcurrent().parent) is not None:
        scheduler.switch()


def _taken(here: Harness) -> Iterator[str]:
    events, here.sent.events = here.sent.events, []
    for each in events:
        detail = json.loads(each["Detail"])
        yield json.dumps({"source": each["Source"], "detail-type": each["DetailType"], "detail": detail})


@pytest.mark.parametrize("seed", range(60))
def test_each_change_of_an_incident_is_reported_once_and_none_is_lost(ledger: Ledger, seed: int) -> None:
    account = Account(ledger, random.Random(seed))
    account.interleave([account.validating("f0", [True])])
    if seed % 2:
        states = [("f0", [False]), ("f1", [True]), ("f0", [True, False])]
    else:
        choice = account.random.choice
        states = [(each, [choice((True, False)) for _ in range(choice((1, 2, 3)))]) for each in FAMILIES * 2]
    account.interleave([account.validating(family, each) for family, each in states])
    incidents = Harness(ledger, world(broken=False, families=FAMILIES)).incidents
    (incident,) = incidents.records()
    assert incident.is_open == bool(incidents.members(incident.id))
    assert incident.is_reported
    assert len(account.alerts) == incident.sequence, account.alerts


# --- With limits -------------------------------------------------------------------------------------------------

BROKEN = tuple(f"registry/s{number}" for number in range(5))
DEATHS = 0.02  # the chance that a run dies at a call
_SUMMARY, _NOTICE = "[Pullguard] summary of ", "more follow in a summary"


def own_secrets(*missing: str) -> World:
    """Revisions of one family, each of which names a secret of its own."""
    secrets = [secret(each) for each in BROKEN]
    definitions = [task_definition(container(each), revision=number) for number, each in enumerate(secrets, 1)]
    there = tuple(each for each in secrets if each.name not in missing)
    return World(tuple(definitions), (role(reads=secrets),), there)


@dataclass
class Limited(Account):
    """An account whose runs may die; the messages that were sent, whoever sent them."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    deaths: float = DEATHS
    limits: AlertLimits = NO_LIMITS

    def harness(self, world: World) -> Harness:
        ledger: Any = Ledger(Interrupted(self.ledger.entries._client, self._go_on), "ledger")  # type: ignore[arg-type]
        here = Harness(ledger, world, limits=self.limits, reminder_every=None)
        here.sent.alerts = self.messages
        return here

    def _go_on(self) -> None:
        _pause()
        if self.random.random() < self.deaths:
            raise Crash("died")

    def breaking(self, number: int, states: list[bool]) -> Callable[[], None]:
        """Return a run that validates a revision while its secret is there or not, and alerts about each change."""

        def run() -> None:
            for broken in states:
                here = self.harness(own_secrets(*BROKEN[number : number + 1] * broken))
                self._until_done(here, lambda here=here: here.validate(request(revision_arn(revision=number + 1))))  # type: ignore[misc]
                for body in _taken(here):
                    for _ in range(self.random.choice((1, 1, 2))):
                        self._until_done(here, lambda here=here, body=body: self._alerter(here).alert(body))  # type: ignore[misc]

        return run

    def hourly(self) -> None:
        here = self.harness(World())
        self._until_done(here, self._alerter(here).reminder.remind)

    def _alerter(self, here: Harness) -> Alerter:
        return here.alerter(pause=lambda _: _pause())

    def _until_done(self, here: Harness, run: Callable[[], object]) -> None:
        """Run as a queue does: a message that fails comes again after the visibility timeout."""
        while True:
            try:
                run()
            except (BeingReported, Crash):
                here.later(seconds=180)
                _pause()
            else:
                return


@pytest.mark.parametrize("seed", range(60))
def test_every_failure_is_named_and_few_messages_are_sent(ledger: Ledger, seed: int) -> None:
    account = Limited(ledger, random.Random(seed), limits=AlertLimits(family=seed % 3, stack=(seed // 3) % 4))
    choice = account.random.choice
    runs = [
        account.breaking(number, [True, *(choice((True, False)) for _ in range(choice((0, 1, 2))))])
        for number in range(len(BROKEN))
    ]
    account.interleave([*runs, account.hourly])
    during = list(account.messages)
    account.deaths = 0
    account.messages.clear()
    here = account.harness(World())
    for _ in range(2):
        here.later(hours=2)
        here.alerter().reminder.remind()
    here.alerter().reminder.remind()
    incidents = list(here.incidents.records())
    assert all(each.is_reported and not each.held for each in incidents)
    sent = [*during, *account.messages]
    for each in incidents:
        name = each.lead.secret or ""
        if each.is_open:
            assert any(name in message["Message"] for message in sent), name
    # A run that died after it had sent an alert is followed by one that sends the same alert, and counts it once.
    subjects = {each["Message"]: each["Subject"] for each in during}.values()
    alone = [each for each in subjects if not each.startswith(_SUMMARY) and _NOTICE not in each]
    most = [limit for limit in (account.limits.family, account.limits.of(UNUSED)) if limit]
    assert len(alone) <= min(most, default=len(alone))
