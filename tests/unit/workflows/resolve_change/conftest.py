"""A ledger that knows who uses what."""

from dataclasses import replace

import pytest

from pullguard.store.ledger import Ledger
from tests.fakes import World, container, key, role, secret, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import GHCR


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    """web and api use the sample's secret (api under its key); other uses nothing of it."""
    keyed = replace(GHCR, key=key())
    stranger = secret("stranger", "Strang")
    here = Harness(ledger, World())
    for family, its_secret in (("web", GHCR), ("api", keyed), ("other", stranger)):
        its_role = role(f"{family}-execution", reads=[its_secret])
        definition = task_definition(container(its_secret), family=family, role_name=its_role.name)
        here.world = World((definition,), (its_role,), (its_secret,))
        here.validate(request(definition.arn))
    here.sent.messages.clear()
    return here
