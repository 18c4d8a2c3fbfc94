"""Validators and alerters at once, in any order of their ledger calls: each change is reported once, none is lost.

Two families share a secret that breaks and is fixed while others validate it. Another run may go on between any two
calls to DynamoDB; events come again, and a run that meets another's claim is retried. Seed 49 once lost an opening.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from pullguard.store.ledger import Ledger
from pullguard.workflows.publish_once import BeingReported
from tests.fakes import revision_arn
from tests.flows import Harness, request
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
