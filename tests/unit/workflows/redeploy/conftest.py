"""Two services of one task definition, whose secret was rotated."""

import pytest

from pullguard.store.ledger import Ledger
from tests.flows import Harness
from tests.unit.planning.rotation_scene import running, world
from tests.unit.workflows.redeploy.scene import ON


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, world(running("a"), running("b")), rules=ON)
