"""A harness around a copy of a world, which counts its own questions."""

from collections.abc import Callable

import pytest

from pullguard.store.ledger import Ledger
from tests.flows import Harness
from tests.unit.workflows.validate.scene import world


@pytest.fixture
def harness(ledger: Ledger) -> Callable[..., Harness]:
    return lambda of, **changes: Harness(ledger, world(of), **changes)
