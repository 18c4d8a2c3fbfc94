"""A validation reads each fact once, and the use of a revision only where that can decide something."""

from collections import Counter

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.messages import Review
from pullguard.store.ledger import Ledger
from tests.fakes import World, denied, revision_arn, role
from tests.flows import ASKED_FOR, Harness, request
from tests.unit.workflows.validate.scene import BROKEN, GHCR, HEALTHY, SetUp


def test_a_valid_definition_costs_one_description_and_one_read_of_each_fact(harness: SetUp) -> None:
    here = harness(HEALTHY)
    assert here.validate(request(kind="PutSecretValue")).findings == 0
    assert here.world.asked == [
        ("task-definition", str(revision_arn())),
        ("role", str(role().arn)),
        ("secret", str(GHCR.arn)),
    ]
    assert (here.sent.messages, here.sent.events) == ([], [])


def test_its_services_and_tasks_are_read_only_if_something_is_wrong(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.validate(request(kind="PutSecretValue"))
    assert Counter(kind for kind, _ in here.world.asked) == {"task-definition": 1, "role": 1, "secret": 1, "usage": 1}


def test_its_services_and_tasks_are_read_if_a_task_failed_to_start(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.validate(request(kind="ECS Task State Change"))
    assert here.world.asked[-2:] == [("tasks", str(revision_arn())), ("usage", str(revision_arn()))]


def test_its_tasks_are_read_if_an_open_finding_is_undecided(harness: SetUp) -> None:
    """A task that started since ends the finding about one that failed to."""
    here = harness(BROKEN)
    here.validate(request(kind="PutSecretValue"))
    assert ("tasks", str(revision_arn())) not in here.world.asked
    here.world.unreadable = {str(role().arn): denied()}
    here.validate(request(kind="PutSecretValue"))
    assert ("tasks", str(revision_arn())) in here.world.asked


def test_the_families_of_a_batch_are_named_before_the_first_is_validated(harness: SetUp) -> None:
    here = harness(HEALTHY)
    asked = [request(revision_arn(family)).to_json() for family in ("web", "api", "web")]
    review = Review(role=role().arn, provenance=ASKED_FOR.provenance).to_json()
    here.validator().expect(("{", asked[0], "[]", review, *asked[1:]))
    assert here.world.asked == [("expected", "web"), ("expected", "api"), ("expected", "web")]


def test_the_same_question_twice_in_a_batch_is_answered_once(harness: SetUp) -> None:
    here = harness(BROKEN)
    validator = here.validator()
    first = validator.validate(ASKED_FOR, message_id="m-1")
    asked = len(here.world.asked)
    assert validator.validate(ASKED_FOR, message_id="m-2") == first
    assert len(here.world.asked) == asked
    assert len(here.sent.messages) == 1


@pytest.mark.parametrize("there", ["arn:aws:ecs:us-east-1:444455556666", "arn:aws:ecs:eu-west-1:111122223333"])
def test_a_message_of_another_account_or_region_is_rejected_and_requested_nowhere(ledger: Ledger, there: str) -> None:
    here = Harness(ledger, World())
    stranger = request(Arn.parse(f"{there}:task-definition/web:7"))
    with pytest.raises(Rejected, match="is not of this account and Region"):
        here.validate(stranger)
    with pytest.raises(Rejected, match="is not of this account and Region"):
        here.executor().prove(stranger)
    assert here.world.asked == []
