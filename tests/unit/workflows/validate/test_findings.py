"""Findings are reported once when they open and once when they are resolved."""

import pytest

from pullguard.domain.usage import Usage
from tests.fakes import Crash, World, container, denied, revision_arn, role, service, task_definition
from tests.unit.workflows.validate.scene import BROKEN, GHCR, HEALTHY, SetUp, world


def test_a_finding_is_reported_once_and_its_end_once(harness: SetUp) -> None:
    here = harness(BROKEN)
    reported = [here.validate().told, here.validate().told]
    here.world = world(HEALTHY)
    reported += [here.validate().told, here.validate().told]
    assert reported == [1, 0, 1, 0]
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]


def test_an_event_is_in_the_shape_of_the_contract(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.validate()
    (event,) = here.sent.events
    assert (event["Source"], event["EventBusName"]) == ("pullguard", "pullguard")
    assert event["Resources"] == [str(revision_arn())]
    (detail,) = here.sent.details("Finding Opened")
    assert detail["schema_version"] == 1
    assert detail["sequence"] == 1
    assert detail["finding"]["check"] == "secret-access-missing"
    assert detail["finding"]["task_definition"] == str(revision_arn())


CRASHES = {"before-it-is-told": "put_events", "before-anything-is-asked": "send_message"}


@pytest.mark.parametrize("operation", CRASHES.values(), ids=CRASHES)
def test_a_run_that_dies_on_the_way_is_made_good_by_the_next_exactly_once(harness: SetUp, operation: str) -> None:
    here = harness(BROKEN)
    here.sent.failing = [operation]
    with pytest.raises(Crash):
        here.validate()
    here.validate()
    here.validate(message_id="m-2")
    assert here.sent.reported() == ["Finding Opened"]
    assert len(here.sent.messages) == 2


def test_a_change_after_an_unreported_opening_is_reported_as_it_is_now(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.validate()
    here.world = world(HEALTHY)
    here.validate()
    here.validate()
    assert here.sent.reported() == ["Finding Resolved"]


def test_an_unreadable_secret_is_reported_as_unknown_and_resolves_nothing(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = world(BROKEN, unreadable={str(role().arn): denied("iam:GetRole", str(role().arn))})
    here.validate()
    (_, unknown) = here.sent.details("Finding Opened")
    assert unknown["finding"]["status"] == "unknown"
    assert "iam:GetRole" in unknown["finding"]["evidence"]
    assert "Finding Resolved" not in here.sent.reported()


def test_a_task_definition_that_cannot_be_described_is_reported_as_unknown(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {"task-definition": denied("ecs:DescribeTaskDefinition", str(revision_arn()))}
    assert here.validate().findings == 1
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["status"] == "unknown"
    assert here.sent.messages == []


def test_a_task_definition_that_is_gone_resolves_its_findings_and_is_forgotten(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = World()
    here.validate()
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]
    assert here.ledger.entries.dependents(str(GHCR.arn)) == ()


def test_an_old_revision_that_nothing_runs_has_no_findings(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.world.running = Usage(newest=False)
    assert here.validate().findings == 0
    assert (here.sent.events, here.sent.messages) == ([], [])


def test_an_old_revision_that_something_runs_matters(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.world.running = Usage(newest=False, services=(service(),))
    assert here.validate().findings == 1


def test_a_warning_is_reported_and_nothing_is_done(harness: SetUp) -> None:
    here = harness(World((task_definition(container("registry/ghcr")),), (role(reads=[GHCR]),), (GHCR,)))
    assert here.validate().asked == 0
    assert here.sent.reported() == ["Finding Opened"]
    assert here.sent.details("Finding Opened")[0]["finding"]["severity"] == "warning"
