"""A change of a family: the newest revision where the answer was dropped, and the others that are known."""

import json
from dataclasses import replace

import pytest

from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.messages import SIBLING, ValidationRequest
from pullguard.domain.usage import Usage
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from tests.fakes import World, container, denied, revision_arn, role, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import GHCR, WEB, asked, resolver, sample

DROPPED = "register-task-definition-response-dropped"
BY_FAMILY = "update-service-by-family-response-dropped"


@pytest.mark.parametrize("name", [DROPPED, BY_FAMILY])
def test_the_newest_of_the_family_is_validated_if_the_answer_was_dropped(ledger: Ledger, name: str) -> None:
    revisions = tuple(task_definition(container(GHCR), revision=number) for number in (6, 9))
    here = Harness(ledger, World(revisions))
    resolver(here).resolve(sample(name))
    assert asked(here) == [str(revision_arn("web", 9))]


def test_a_family_that_is_gone_is_rejected(harness: Harness) -> None:
    harness.world = World()
    with pytest.raises(Rejected, match="no ACTIVE revision of the family web"):
        resolver(harness).resolve(sample(DROPPED))


def test_a_family_that_cannot_be_asked_for_now_is_asked_for_again(harness: Harness) -> None:
    harness.world = World(unreadable={"task-definition": denied("ecs:DescribeTaskDefinition", "web")})
    with pytest.raises(NotNow, match="ecs:DescribeTaskDefinition"):
        resolver(harness).resolve(sample(DROPPED))
    assert harness.sent.messages == []


# --- The other revisions ---


@pytest.mark.parametrize("name", ["register-task-definition", "update-service"])
def test_the_familys_revisions_in_the_ledger_are_validated_as_well(harness: Harness, name: str) -> None:
    """web:7 is the one that the event names."""
    sibling, namesake = revision_arn("web", 6), revision_arn("web-2", 6)
    for known in (sibling, namesake):
        harness.ledger.entries.keep_references(known, Entry(), frozenset())
    resolver(harness).resolve(sample(name))
    requests = [(each["task_definition"], each["cause"]["kind"]) for each in harness.sent.bodies("validations")]
    kind = json.loads(sample(name))["detail"]["eventName"]
    assert requests == [(str(WEB), kind), (str(sibling), "Change of the family")]


def test_a_good_new_revision_resolves_the_findings_of_the_one_before(ledger: Ledger) -> None:
    broken, good = task_definition(container("nothing-there"), revision=6), task_definition(container(GHCR))
    here = Harness(ledger, World((broken,), (role(reads=[GHCR]),), (GHCR,)))
    here.validate(request(broken.arn))
    assert len(here.sent.details("Finding Opened")) == 1
    here.world = replace(here.world, task_definitions=(broken, good), running=Usage(newest=False))
    resolver(here).resolve(sample("register-task-definition"))
    for body in here.sent.bodies("validations"):
        here.validate(ValidationRequest.parse(json.dumps(body)))
    assert len(here.sent.details("Finding Resolved")) == 1
    assert here.definition_store.siblings(good.arn) == ()


def test_a_revision_that_was_fine_and_matters_no_more_is_known_no_more(ledger: Ledger) -> None:
    before = task_definition(container(GHCR), revision=6)
    here = Harness(ledger, World((before,), (role(reads=[GHCR]),), (GHCR,)))
    here.validate(request(before.arn))
    assert here.definition_store.siblings(WEB) == (before.arn,)
    here.world = replace(here.world, running=Usage(newest=False))
    here.validate(request(before.arn, kind=SIBLING))
    assert here.definition_store.siblings(WEB) == ()
