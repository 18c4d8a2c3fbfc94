"""Harnesses, each with calls to ECS that are exactly those that it expects."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pullguard.planning.planner import Rules
from pullguard.store.ledger import Ledger
from tests.fakes import REGION
from tests.flows import Harness, request
from tests.unit.workflows.reregister.scene import MOVING, SUCCESSOR, ReregisterHarness, SetUp, Wire


@pytest.fixture
def set_up(ledger: Ledger) -> Iterator[SetUp]:
    wire = Wire()
    answer: Any = wire
    client = boto3.client("ecs", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))
    client.meta.events.register_first("before-send.ecs", answer)
    yield lambda world, **changes: ReregisterHarness(Harness(ledger, world, **changes), wire, client)
    assert wire.expected == []


@pytest.fixture
def moving(set_up: SetUp) -> ReregisterHarness:
    """The successor was validated and is in order; the service may be moved."""
    here = set_up(MOVING, rules=Rules(move_services=True))
    here.harness.validate(request(SUCCESSOR))
    here.harness.sent.messages.clear()
    here.harness.sent.events.clear()
    return here
