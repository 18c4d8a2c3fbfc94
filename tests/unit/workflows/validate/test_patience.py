"""What AWS throttled or did not answer is asked again before it opens a finding."""

from typing import Any

import pytest

from pullguard.domain.errors import NotNow
from pullguard.domain.lookup import Unreadable
from pullguard.domain.messages import LISTED, RECEIVES_MAX, FamilyRequest, ValidationRequest
from pullguard.domain.provenance import Provenance
from pullguard.domain.verification import Verification
from pullguard.workflows.validate import COMES_BACK_S
from tests.fakes import NOW, World, container, denied, revision_arn, role, secret, task_definition, throttled
from tests.flows import ASKED_FOR, Harness
from tests.unit.workflows.validate.scene import BROKEN, GHCR, HEALTHY, SetUp, known, world

SILENT = Unreadable(permission="iam:GetRole", resource="it", reason="unreachable", detail="ReadTimeoutError")
NEWEST = FamilyRequest(family="web", provenance=Provenance(kind=LISTED, event_id="e-1", at=NOW))
BARE = world(HEALTHY, task_definitions=(task_definition(container()),))
# The world, what is not answered, and the checks of the findings that are opened after the last receive.
PASSING: dict[str, tuple[World, dict[str, Unreadable], set[str]]] = {
    "the-task-definition": (
        HEALTHY,
        {"task-definition": throttled("ecs:DescribeTaskDefinition")},
        {"reference-malformed"},
    ),
    "the-role": (HEALTHY, {str(role().arn): throttled()}, {"execution-role-not-found"}),
    "a-role-that-does-not-answer": (HEALTHY, {str(role().arn): SILENT}, {"execution-role-not-found"}),
    "the-secret": (HEALTHY, {str(GHCR.arn): throttled("secretsmanager:DescribeSecret")}, {"secret-not-found"}),
    "the-value": (
        world(HEALTHY, secrets=(secret(value=throttled("secretsmanager:GetSecretValue")),)),
        {},
        {"secret-value-malformed"},
    ),
    "where-it-runs": (
        BROKEN,
        {"usage": throttled("ecs:ListServices")},
        {"secret-access-missing", "fargate-platform-too-old"},
    ),
    "the-opted-in-secrets": (
        BARE,
        {"registry-secrets": throttled("secretsmanager:ListSecrets")},
        {"credentials-missing"},
    ),
}


def run(here: Harness, receives: int, message: ValidationRequest | FamilyRequest = ASKED_FOR) -> Any:
    return here.validator().run(message.to_json(), message_id="m-1", receives=receives, receipt_handle="r-1")


@pytest.mark.parametrize(("at", "unreadable", "opened"), PASSING.values(), ids=PASSING)
def test_a_question_without_an_answer_comes_back_and_opens_a_finding_at_last(
    harness: SetUp, at: World, unreadable: dict[str, Unreadable], opened: set[str]
) -> None:
    here = harness(at)
    here.world.unreadable = unreadable
    for receives in range(1, RECEIVES_MAX):
        with pytest.raises(NotNow, match=r"throttled|did not answer"):
            run(here, receives)
    assert here.sent.postponed == [("r-1", seconds) for seconds in COMES_BACK_S]
    assert (here.sent.events, here.sent.messages, known(here)) == ([], [], {})
    assert not here.ledger.entries.get(revision_arn()).seen
    run(here, RECEIVES_MAX)
    assert {each["finding"]["check"] for each in here.sent.details("Finding Opened")} == opened
    assert len(here.sent.postponed) == len(COMES_BACK_S)


def test_a_question_that_is_answered_in_the_end_opens_nothing(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {str(role().arn): throttled()}
    with pytest.raises(NotNow):
        run(here, 1)
    here.world.unreadable = {}
    assert run(here, 2).findings == 0
    assert here.sent.events == []


def test_a_denied_question_does_not_come_back(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {str(role().arn): denied()}
    assert run(here, 1).findings == 1
    assert here.sent.postponed == []


def test_a_registry_that_does_not_answer_is_not_asked_again(harness: SetUp) -> None:
    here = harness(world(HEALTHY, verifications={"ghcr.io/acme/web:1": Verification(answer="unreachable")}))
    run(here, 1)
    assert here.sent.postponed == []


def test_a_family_without_an_answer_comes_back_and_is_uncertain_at_last(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.definition_store.ask_family("web", "e-1", now=NOW)
    here.world.unreadable = {"web": throttled("ecs:DescribeTaskDefinition", "web")}
    for receives in range(1, RECEIVES_MAX):
        with pytest.raises(NotNow, match="ecs:DescribeTaskDefinition on web: AWS throttled the call"):
            run(here, receives, NEWEST)
    assert here.sent.postponed == [("r-1", seconds) for seconds in COMES_BACK_S]
    (family,) = here.definition_store.families("e-1")
    assert family.answered is None
    assert not run(here, RECEIVES_MAX, NEWEST).certain
    (family,) = here.definition_store.families("e-1")
    assert (family.answered, family.newest, family.certain) == ("e-1", None, False)


def test_a_message_that_shares_its_batch_with_the_same_question_still_comes_back(harness: SetUp) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {str(role().arn): throttled()}
    validator = here.validator()
    for number in (1, 2):
        with pytest.raises(NotNow):
            validator.run(ASKED_FOR.to_json(), message_id=f"m-{number}", receives=1, receipt_handle=f"r-{number}")
    assert [handle for handle, _ in here.sent.postponed] == ["r-1", "r-2"]
