"""Each finding in its world, and nothing in the near miss."""

import pytest

from sandbox.worlds.catalogue import CASES
from sandbox.worlds.catalogue.parts import CREDENTIALS
from sandbox.worlds.catalogue.scene import Case
from tests.worlds.looking import findings_of

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
BY_NAME = [pytest.param(case, id=f"{case.check}: {case.way}") for case in CASES]


@pytest.mark.parametrize("case", BY_NAME)
def test_exactly_that_finding(case: Case) -> None:
    found = findings_of(case.broken)
    assert [(each.check, each.status, each.severity) for each in found] == [(case.check, case.status, case.severity)]
    assert str(CREDENTIALS["password"]) not in repr(found)


@pytest.mark.parametrize("case", BY_NAME)
def test_nothing_in_the_near_miss(case: Case) -> None:
    assert findings_of(case.near_miss) == ()
