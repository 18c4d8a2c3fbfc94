"""Services that run the broken revision are moved to one that is proved to be in order."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules
from tests.fakes import GOOD_VALUE, container, denied, role, role_arn, secret, service, task_definition
from tests.flows import request
from tests.unit.workflows.reregister.scene import MOVING, NEW, SOURCE, STALE, SUCCESSOR, ReregisterHarness, SetUp


def test_a_service_is_moved_to_a_successor_that_is_in_order(moving: ReregisterHarness) -> None:
    moving.expect_comparison()
    moving.expect_move()
    assert moving.run().moved == 1
    (move,) = moving.harness.ledger.families.writes("web")
    assert (move.kind, move.outcome) == ("move-service", "written")
    assert (move.before, move.after) == (str(SOURCE), str(SUCCESSOR))
    (detail,) = moving.harness.sent.details("Remediation Completed")
    assert detail["remediation"]["kind"] == "move-service"
    assert (detail["remediation"]["before"], detail["remediation"]["after"]) == (str(SOURCE), str(SUCCESSOR))
    assert [arn for arn, _ in moving.requests()] == [str(SOURCE)]


FORGED: dict[str, dict[str, Any]] = {
    "another-image": {"containerDefinitions": [container(NEW, cpu=64, image="evil.example/miner:1")]},
    "another-secret": {"containerDefinitions": [container(secret("registry/other"), cpu=64)]},
    "another-role": {"taskRoleArn": str(role_arn("admin"))},
    "one-more-container": {"containerDefinitions": [container(NEW, cpu=64), container(NEW, name="miner")]},
    "a-member-that-the-sdk-does-not-know": {"aThingOfNextYear": {"x": 1}},
}


@pytest.mark.parametrize("successor", FORGED.values(), ids=FORGED)
def test_a_service_is_not_moved_to_what_only_says_that_we_registered_it(
    moving: ReregisterHarness, successor: dict[str, Any]
) -> None:
    moving.expect_comparison(successor)
    assert moving.run().moved == 0
    assert "web:8 says by its tag that Pullguard registered it from web:7, but it differs" in moving.failure()["why"]


def test_a_value_that_ecs_fills_in_at_registration_is_no_difference(moving: ReregisterHarness) -> None:
    moving.expect_comparison({"volumes": [], "enableFaultInjection": False})
    moving.expect_move()
    assert moving.run().moved == 1


def test_a_service_is_not_moved_to_an_unvalidated_successor(set_up: SetUp) -> None:
    here = set_up(MOVING, rules=Rules(move_services=True))
    assert here.run().why == "its successor is yet to be validated"
    assert [arn for arn, _ in here.requests()] == [str(SUCCESSOR), str(SOURCE)]
    assert here.reported() == []


BROKEN_SUCCESSORS: dict[str, dict[str, Any]] = {
    "another-container-is-broken": {
        "task_definitions": (
            *STALE.task_definitions,
            task_definition(container(NEW), container("nowhere", name="b"), revision=8),
        )
    },
    "its-role-is-gone": {
        "task_definitions": (*STALE.task_definitions, task_definition(container(NEW), role_name="gone", revision=8))
    },
    "it-cannot-be-described": {"unreadable": {str(SUCCESSOR): denied()}},
}


@pytest.mark.parametrize("changes", BROKEN_SUCCESSORS.values(), ids=BROKEN_SUCCESSORS)
def test_a_service_is_not_moved_to_a_successor_that_is_broken_as_well(
    moving: ReregisterHarness, changes: dict[str, Any]
) -> None:
    moving.harness.world = replace(moving.harness.world, **changes)
    moving.run()
    assert str(SUCCESSOR) in moving.failure()["why"]
    assert moving.requests() == []


WATCHED = {"pullguard:mode": "observe"}
BOTH = (task_definition(container(NEW), container(secret("registry/other", tags=WATCHED), name="b"), revision=8),)
OBSERVED_SUCCESSORS: dict[str, dict[str, Any]] = {
    "its-own-tag": {"task_definitions": (task_definition(container(NEW), revision=8, tags=WATCHED),)},
    "its-own-tag-of-another-word": {
        "task_definitions": (task_definition(container(NEW), revision=8, tags={"pullguard:mode": "off"}),)
    },
    "its-roles-tag": {
        "task_definitions": (task_definition(container(NEW), role_name="held", revision=8),),
        "roles": (role(reads=[NEW]), role("held", reads=[NEW], tags=WATCHED)),
    },
    "the-tag-of-a-secret-that-only-it-names": {
        "task_definitions": BOTH,
        "secrets": (NEW, secret("registry/other", tags=WATCHED)),
    },
}


@pytest.mark.parametrize("changes", OBSERVED_SUCCESSORS.values(), ids=OBSERVED_SUCCESSORS)
def test_a_service_is_not_moved_to_a_successor_that_is_to_be_observed(
    moving: ReregisterHarness, changes: dict[str, Any]
) -> None:
    both = (*STALE.task_definitions, *changes["task_definitions"])
    moving.harness.world = replace(moving.harness.world, **{**changes, "task_definitions": both})
    assert moving.run().moved == 0
    assert "a tag pullguard:mode says that Pullguard is to observe only" in moving.failure()["why"]
    assert (moving.requests(), moving.harness.ledger.families.writes("web")) == ([], ())


def test_a_tag_of_the_successor_that_lowers_nothing_keeps_no_service(moving: ReregisterHarness) -> None:
    tagged = task_definition(container(NEW), revision=8, tags={"pullguard:mode": "remediate"})
    moving.harness.world = replace(moving.harness.world, task_definitions=(*STALE.task_definitions, tagged))
    moving.expect_comparison()
    moving.expect_move()
    assert moving.run().moved == 1


def test_the_validators_knowledge_of_a_successors_value_counts(set_up: SetUp) -> None:
    here = set_up(MOVING, rules=Rules(move_services=True))
    empty = replace(NEW, value=replace(GOOD_VALUE, password="empty"))
    here.harness.world = replace(MOVING, secrets=(empty,))
    here.harness.validate(request(SUCCESSOR))
    here.harness.world = MOVING  # an executor does not read the value
    here.run()
    assert "secret-value-empty-field" in here.failure()["why"]


def test_a_refused_move_is_reported(moving: ReregisterHarness) -> None:
    moving.expect_comparison()
    moving.expect_move(error="AccessDeniedException")
    moving.run()
    assert "ecs:UpdateService" in moving.failure()["why"]


def test_a_service_that_was_written_to_too_often_is_left(moving: ReregisterHarness) -> None:
    moving.harness.writes_per_hour = 1
    moving.harness.ledger.write_counts.add(f"service {service().service_arn}", now=moving.harness.now())
    moving.expect_comparison()
    moving.run()
    assert "was written to 1 times in this hour" in moving.failure()["why"]


@pytest.mark.parametrize("why", ["the breaker is open", "it is denied", "it was moved back"])
@pytest.mark.parametrize("which", ["a", "b", "c"])
def test_a_service_that_stays_does_not_keep_the_others(moving: ReregisterHarness, which: str, why: str) -> None:
    services = tuple(map(service, "abc"))
    moving.harness.world = replace(
        moving.harness.world, running=Usage(newest=False, successor=SUCCESSOR, services=services)
    )
    moving.harness.writes_per_hour = 1
    if why == "the breaker is open":
        moving.harness.ledger.write_counts.add(f"service {service(which).service_arn}", now=moving.harness.now())
    if why == "it was moved back":
        moving.harness.ledger.families.keep_move(service(which).service_arn, SOURCE, SUCCESSOR)
    moving.expect_comparison()
    for name in "abc":
        if name != which:
            moving.expect_move(name)
        elif why == "it is denied":
            moving.expect_move(name, error="AccessDeniedException")

    assert moving.run().moved == 2

    event = "Remediation Refused" if why == "it was moved back" else "Remediation Failed"
    assert [target for target, _ in moving.deeds(event)] == [which]
    assert [target for target, _ in moving.deeds("Remediation Completed")] == [name for name in "abc" if name != which]
    assert {arn for arn, _ in moving.requests()} == {str(SOURCE)}
