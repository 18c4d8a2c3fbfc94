"""Refusals by a stop or a hold are kept and revalidated: first in each sweep, and each hour."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.messages import LISTED, Review, ValidationRequest, request_about
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.stop import GO_ON, Stop, switch_text
from pullguard.store.holds import WAITING_KEPT_S
from pullguard.store.ledger import Ledger
from pullguard.workflows.recheck_open import RECHECK
from pullguard.workflows.reregister import Reregisterer
from pullguard.workflows.settle import Settler
from pullguard.workflows.sweep import Sweeper
from pullguard.workflows.validate import Forwarded
from tests.fakes import NOW, REGION, Crash, World, granted, revision_arn, role_arn
from tests.flows import ASKED_FOR, OWN_POLICY, Harness
from tests.unit.workflows.granted_role import count_write
from tests.unit.workflows.incident_scene import HOURLY
from tests.unit.workflows.patch_role import scene as granting
from tests.unit.workflows.patch_role.revocation import scene as revocations
from tests.unit.workflows.reregister.scene import STALE

STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00", reason="a bad deploy")
WEB, ROLE = revision_arn(), role_arn()
SWEEP = json.dumps({"sweep": "asked-1", "token": None})


@dataclass
class HoldHarness:
    """A harness, with IAM and ECS that take exactly the calls that are expected."""

    harness: Harness
    iam: Any
    ecs: Any

    def execute(self, request: ValidationRequest | Review = ASKED_FOR, *, message_id: str = "m-1") -> None:
        """Let both executors handle a request."""
        self.harness.patcher(Iam(self.iam.client)).run(request.to_json(), message_id=message_id)
        if isinstance(request, ValidationRequest):
            Reregisterer(executor=self.harness.executor(), ecs=Ecs(self.ecs.client)).run(request, message_id=message_id)

    def waiting(self) -> tuple[Arn, ...]:
        return self.harness.ledger.holds.waiting(now=self.harness.time)

    def asked(self) -> list[tuple[str, str]]:
        """Which subjects are to be validated or reviewed, and for what cause."""
        bodies = self.harness.sent.bodies("validations")
        return [(each.get("task_definition") or each["role"], each["cause"]["kind"]) for each in bodies]

    def sweep(self, body: str = SWEEP) -> None:
        harness = self.harness
        Sweeper(
            ecs=Ecs(self.ecs.client),
            ledger=harness.ledger,
            definition_store=harness.definition_store,
            services=harness.services,
            schedules=lambda _: (),
            starts=harness.starts,
            settler=Settler(
                definition_store=harness.definition_store, granted=harness.granted_roles(), now=harness.now
            ),
            queues=harness.queues,
            validation_queue_url="validations",
            sweep_queue_url="sweeps",
            now=harness.now,
        ).step(body)

    def expect_grant(self) -> None:
        document = render(policy_document(granted(granting.GHCR)))
        names = {"RoleName": "web-execution", "PolicyName": OWN_POLICY}
        self.iam.add_response("put_role_policy", {}, {**names, "PolicyDocument": document})

    def hour(self) -> None:
        self.harness.later(hours=1)
        self.harness.sent.messages.clear()
        self.harness.alerter().handle(HOURLY)


@pytest.fixture
def revoking(ledger: Ledger) -> Iterator[Callable[..., revocations.RevocationHarness]]:
    client = boto3.client("iam", region_name=REGION)
    held = (revocations.GHCR, revocations.HUB)
    with Stubber(client) as stubber:
        yield lambda world, **changes: revocations.RevocationHarness(
            Harness(ledger, replace(world, asked=[]), **changes), stubber, Iam(client), *held
        )
        stubber.assert_no_pending_responses()


@pytest.fixture
def set_up(ledger: Ledger) -> Iterator[Callable[..., HoldHarness]]:
    iam, ecs = (Stubber(boto3.client(name, region_name=REGION)) for name in ("iam", "ecs"))
    with iam, ecs:
        yield lambda world, **changes: HoldHarness(Harness(ledger, world, **changes), iam, ecs)
        iam.assert_no_pending_responses()
        ecs.assert_no_pending_responses()


SetUp = Callable[..., HoldHarness]
HELD: dict[str, Callable[[Harness], None]] = {
    "stop": lambda harness: setattr(harness, "stop", switch_text(STOP)),
    "role": lambda harness: harness.ledger.roles.save_hold(ROLE, STOP),
    "family": lambda harness: harness.ledger.families.save_hold("web", STOP),
}
REFUSED: dict[str, tuple[World, str]] = {
    "a-grant-by-the-stop": (granting.BROKEN, "stop"),
    "a-grant-by-the-role's-hold": (granting.BROKEN, "role"),
    "a-registration-by-the-stop": (STALE, "stop"),
    "a-registration-by-the-role's-hold": (STALE, "role"),
    "a-registration-by-the-family's-hold": (STALE, "family"),
}


@pytest.mark.parametrize(("world", "held"), REFUSED.values(), ids=REFUSED)
def test_a_refused_write_waits_once_however_often_it_is_refused(set_up: SetUp, world: World, held: str) -> None:
    here = set_up(world)
    HELD[held](here.harness)
    for message_id in ("m-1", "m-1", "m-2"):
        here.execute(message_id=message_id)
    assert here.waiting() == (WEB,)


@pytest.mark.parametrize(("world", "held"), REFUSED.values(), ids=REFUSED)
def test_a_crash_before_it_is_reported_has_kept_it(set_up: SetUp, world: World, held: str) -> None:
    here = set_up(world)
    HELD[held](here.harness)
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.execute()
    assert here.waiting() == (WEB,)


def test_a_write_that_nothing_refused_does_not_wait(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN)
    here.expect_grant()
    here.execute()
    assert here.waiting() == ()


def test_a_write_that_an_open_breaker_refused_does_not_wait_since_it_is_retried_by_itself(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN, writes_per_hour=1)
    count_write(here.harness.ledger, granting.GHCR.arn, NOW)
    here.execute()
    assert here.waiting() == ()
    assert (str(WEB), "RegisterTaskDefinition") in here.asked()


def test_it_waits_for_hours_after_the_last_refusal_and_no_longer(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN, stop=switch_text(STOP))
    here.execute()
    here.harness.later(seconds=WAITING_KEPT_S - 1)
    assert here.waiting() == (WEB,)
    here.execute(message_id="m-2")
    here.harness.later(seconds=WAITING_KEPT_S - 1)
    assert here.waiting() == (WEB,)
    here.harness.later(seconds=1)
    assert here.waiting() == ()


# --- Who asks about it -------------------------------------------------------------------------------------------


def test_a_sweep_asks_about_it_before_it_lists_anything(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN, stop=switch_text(STOP))
    here.execute()
    here.harness.ledger.holds.keep_waiting(ROLE, now=NOW)
    here.ecs.add_client_error("list_task_definition_families", "AccessDeniedException")
    with pytest.raises(NotNow):
        here.sweep()
    assert sorted(here.asked()) == sorted([(str(WEB), LISTED), (str(ROLE), LISTED)])


def test_its_later_pages_do_not(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN, stop=switch_text(STOP))
    here.execute()
    here.ecs.add_response("list_task_definition_families", {"families": [], "nextToken": "2"})
    here.ecs.add_response("list_clusters", {"clusterArns": []})
    here.sweep()
    here.harness.sent.messages.clear()
    here.ecs.add_response("list_task_definition_families", {"families": [], "nextToken": "3"})
    here.sweep(json.dumps({"sweep": "asked-1", "token": "2"}))
    assert here.asked() == []


def test_each_hour_it_is_asked_about_for_as_long_as_it_is_refused(set_up: SetUp) -> None:
    here = set_up(granting.BROKEN, stop=switch_text(STOP))
    here.execute()
    for number in range(10):
        here.hour()
        assert here.asked() == [(str(WEB), RECHECK)]
        here.execute(ValidationRequest.parse(here.harness.sent.messages[0]["MessageBody"]), message_id=f"hour-{number}")
    here.harness.stop = GO_ON
    here.expect_grant()
    here.hour()
    here.execute(ValidationRequest.parse(here.harness.sent.messages[0]["MessageBody"]), message_id="the last")
    here.harness.later(seconds=WAITING_KEPT_S)
    here.hour()
    assert here.asked() == []


# --- Reviews -----------------------------------------------------------------------------------------------------

REVIEW = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id="s-1", at=NOW))


@pytest.mark.parametrize("held", ["stop", "role"])
def test_a_review_that_was_refused_waits_under_its_role(
    revoking: Callable[..., revocations.RevocationHarness], held: str
) -> None:
    here = revoking(revocations.UNUSED)
    here.unused_for(revocations.GRACE_DAYS)
    HELD[held](here.harness)
    assert here.review().withdrawn == 0
    assert here.harness.ledger.holds.waiting(now=here.harness.time) == (ROLE,)


def test_a_review_is_not_refused_by_an_open_breaker(revoking: Callable[..., revocations.RevocationHarness]) -> None:
    here = revoking(revocations.UNUSED, writes_per_hour=1)
    here.unused_for(revocations.GRACE_DAYS)
    count_write(here.harness.ledger, revocations.GHCR.arn, here.harness.time)
    here.expect_put(revocations.HUB)
    assert here.review().withdrawn == 1


def test_the_validator_sends_a_review_on_in_its_roles_group(ledger: Ledger) -> None:
    here = Harness(ledger, granting.BROKEN)
    assert here.validator().run(REVIEW.to_json(), message_id="m-1", receives=1, receipt_handle="r") == Forwarded(
        role=str(ROLE)
    )
    here.queues.command("direct", REVIEW, group=str(ROLE), message_id="m-1")
    sent, direct = here.sent.messages
    assert sent == {**direct, "QueueUrl": "grants.fifo"}


def test_another_accounts_role_is_rejected(ledger: Ledger) -> None:
    other = Arn.parse("arn:aws:iam::999999999999:role/web-execution")
    here = Harness(ledger, granting.BROKEN)
    with pytest.raises(Rejected, match="not of this account"):
        here.validator().run(
            request_about(other, REVIEW.provenance).to_json(), message_id="m-1", receives=1, receipt_handle="r"
        )
    assert here.sent.messages == []
