"""The acts, each with calls to ECS that are exactly those that it expects."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pullguard.planning.planner import Rules
from pullguard.store.ledger import Ledger
from tests.fakes import REGION
from tests.flows import Harness, request
from tests.unit.workflows.reregister.scene import MOVING, SUCCESSOR, Act, Acted, Wire


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Acted]:
    wire = Wire()
    answer: Any = wire
    client = boto3.client("ecs", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))
    client.meta.events.register_first("before-send.ecs", answer)
    yield lambda world, **changes: Act(Harness(ledger, world, **changes), wire, client)
    assert wire.expected == []


@pytest.fixture
def moving(act: Acted) -> Act:
    """The successor was validated and is in order; the service may be moved."""
    here = act(MOVING, rules=Rules(move_services=True))
    here.harness.validate(request(SUCCESSOR))
    here.harness.sent.messages.clear()
    here.harness.sent.events.clear()
    return here
