"""Which task definition references what, as the ledger keeps it."""

from tests.fakes import World, container, denied, key, revision_arn, role, task_definition
from tests.unit.workflows.validate.scene import GHCR, HEALTHY, KEYED, SetUp, world


def test_the_edges_are_those_of_the_present_references(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate()
    assert here.ledger.entries.dependents(str(GHCR.arn)) == (revision_arn(),)
    here.world = World((task_definition(container(KEYED)),), (role(reads=[KEYED]),), (KEYED,))
    here.validate()
    assert here.ledger.entries.dependents(str(GHCR.arn)) == ()
    assert here.ledger.entries.dependents(str(key().arn)) == (revision_arn(),)


def test_edges_stay_where_the_task_definition_could_not_be_read(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world = world(HEALTHY, unreadable={"task-definition": denied()})
    here.validate()
    assert here.ledger.entries.dependents(str(GHCR.arn)) == (revision_arn(),)


def test_a_malformed_reference_is_a_finding_and_no_crash(harness: SetUp) -> None:
    here = harness(World((task_definition(container("arn:x")),), (role(),), ()))
    here.validate()
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["check"] == "reference-malformed"
