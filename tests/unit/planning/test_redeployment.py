"""After a rotation that the registry took: which services start their tasks anew, one by one, and which do not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.actions import Redeploy, Refusal
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.facts import Facts, Secret, ServiceUse, Usage, Verification
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.provenance import Provenance
from pullguard.domain.stop import Stop, switch_text
from pullguard.planning.planner import Rules
from pullguard.planning.redeployment import REDEPLOYED_WITHIN, Verified, redeployments, verified
from pullguard.store.ledger import Ledger
from pullguard.workflows.redeploy import BY_HAND, NOTHING
from pullguard.workflows.reregister import Reregistered, Reregisterer
from tests.fakes import (
    ACCOUNT,
    CLUSTER,
    GOOD_VALUE,
    NOW,
    Crash,
    World,
    container,
    denied,
    revision_arn,
    role,
    role_arn,
    secret,
    service,
    task_definition,
)
from tests.flows import Harness

IMAGE = "ghcr.io/acme/web:1"
ROTATED_AT = NOW - timedelta(seconds=30)
GHCR = secret(value=replace(GOOD_VALUE, version_id="v2", created_at=ROTATED_AT), stages={"v2": ("AWSCURRENT",)})
ROTATION = Provenance(kind="Secret Label Updated", event_id="e-1", at=NOW - timedelta(seconds=29))
TOOK = {IMAGE: Verification(answer="ok")}


def running(name: str = "web", *, ago: timedelta = timedelta(days=1), count: int = 2, **more: Any) -> ServiceUse:
    return replace(service(name, **more), desired_count=count, running_count=count, deployed_at=NOW - ago)


def world(*services: ServiceUse, its: Secret = GHCR, **changes: Any) -> World:
    whole = World(
        (task_definition(container(its)),),
        (role(reads=[its]),),
        (its,),
        running=Usage(newest=True, services=services or (running(),)),
        verifications=TOOK,
    )
    return replace(whole, **changes)


def steps(facts: Facts, cause: Provenance = ROTATION) -> list[str]:
    return [
        step.service if isinstance(step, Redeploy) else f"refused {step.target}"
        for step in redeployments(facts, verified(facts), cause)
    ]


def arn_of(name: str = "web") -> str:
    return service(name).service_arn


# --- The need ----------------------------------------------------------------------------------------------------

NEEDED: dict[str, tuple[World, list[str]]] = {
    "a service that was deployed before": (world(), [arn_of()]),
    "two, in order": (world(running("b"), running("a")), [arn_of("a"), arn_of("b")]),
    "one that was deployed since": (world(running(ago=timedelta(seconds=29))), []),
    "one that runs nothing": (world(running(count=0)), []),
    "one whose deployment is not known": (world(replace(running(), deployed_at=None)), []),
    "one of CodeDeploy": (world(running(controller="CODE_DEPLOY")), [f"refused {arn_of()}"]),
    "no service": (world(running=Usage(newest=True)), []),
    "no verification": (world(verifications={}), []),
    **{
        f"the registry says {answer}": (world(verifications={IMAGE: Verification(answer=answer)}), [])
        for answer in ("rejected", "no-such-image", "rate-limited", "unreachable", "anonymous-ok")
    },
    "one of two containers is not verified": (
        world(
            task_definitions=(
                task_definition(container(GHCR), container(GHCR, name="side", image="ghcr.io/acme/side:1")),
            )
        ),
        [],
    ),
    "a container without credentials does not matter": (
        world(task_definitions=(task_definition(container(GHCR), container(name="side", image="quay.io/a/b:1")),)),
        [arn_of()],
    ),
    "an old version": (
        world(its=replace(GHCR, value=replace(GOOD_VALUE, version_id="v2", created_at=NOW - timedelta(hours=1)))),
        [],
    ),
    "the version that was verified is no longer the current one": (
        world(its=replace(GHCR, stages={"v3": ("AWSCURRENT",), "v2": ("AWSPREVIOUS",)})),
        [],
    ),
}


def owned(*, tags: dict[str, str] | None = None, registry: str | None = "ghcr.io", **changes: Any) -> World:
    """The world whose owners say this of the secret, by its tags, and of the role, by ``changes``."""
    its = secret(
        registry=registry, tags=tags or {}, value=GHCR.value, stages=GHCR.stages, outside=changes.pop("outside", "")
    )
    return world(its=its, roles=(role(reads=[its], **changes),))


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/required"
AS_TASK_ROLE = task_definition(container(GHCR), task_role=str(role_arn()))
OTHER = replace(secret("other", registry=None), value=GHCR.value, stages=GHCR.stages)
# Who agrees to it, and what the refusal says; None where there is none.
CONSENT: dict[str, tuple[World, str | None]] = {
    "both": (owned(), None),
    "the secret's owner, who names the role": (owned(tags={"pullguard:roles": "api-* web-*"}), None),
    "not the role's owner": (owned(managed=False), "has no tag pullguard:managed=true"),
    "a role without the boundary": (owned(required_boundary=BOUNDARY), "lacks the permissions boundary"),
    "the secret's owner, for other roles": (owned(tags={"pullguard:roles": "api-*"}), "does not name the role"),
    "not the secret's owner": (owned(registry=None), "is not opted in"),
    "the secret's owner, in a tag that does not parse": (owned(registry="ghcr.io evil_host!"), "is not opted in"),
    "the secret's owner, for another registry": (owned(registry="quay.io"), "the image is on ghcr.io"),
    "a secret outside of the deployment's pattern": (
        owned(outside="prod/*"),
        "does not match the deployment's pattern",
    ),
    "a task role that nobody named": (world(task_definitions=(AS_TASK_ROLE,)), "is also the task role"),
    "one secret's owner, and not the other's": (
        world(
            task_definitions=(task_definition(container(GHCR), container(OTHER, name="side")),),
            secrets=(GHCR, OTHER),
            roles=(role(reads=[GHCR, OTHER]),),
        ),
        "the secret other is not opted in",
    ),
}


@pytest.mark.parametrize(("here", "why"), CONSENT.values(), ids=CONSENT)
def test_a_redeployment_needs_every_owners_consent(here: World, why: str | None) -> None:
    (step,) = redeployments(here.facts(), verified(here.facts()), ROTATION)
    assert isinstance(step, Redeploy) is (why is None)
    assert why is None or (isinstance(step, Refusal) and why in step.why and step.target == arn_of())


def test_of_a_role_that_cannot_be_read_nobody_agreed() -> None:
    facts = replace(world().facts(), role=denied())
    (step,) = redeployments(facts, verified(facts), ROTATION)
    assert isinstance(step, Refusal)


@pytest.mark.parametrize(("here", "expected"), NEEDED.values(), ids=NEEDED)
def test_who_is_redeployed(here: World, expected: list[str]) -> None:
    assert steps(here.facts()) == expected


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("Secret Label Updated", True),
        ("PutSecretValue", True),
        ("UpdateSecret", True),
        ("UpdateSecretVersionStage", True),
        ("RotationSucceeded", True),
        ("RotationStarted", False),
        ("RotationFailed", False),
        ("Sweep", False),
        ("RegisterTaskDefinition", False),
        ("ECS Task State Change", False),
        ("TagResource", False),
    ],
)
def test_only_a_rotation_is_a_reason(kind: str, is_one: bool) -> None:
    assert bool(steps(world().facts(), replace(ROTATION, kind=kind))) is is_one


@pytest.mark.parametrize(
    ("ago", "is_one"), [(REDEPLOYED_WITHIN, True), (REDEPLOYED_WITHIN + timedelta(seconds=1), False)]
)
def test_a_rotation_of_long_ago_is_none(ago: timedelta, is_one: bool) -> None:
    old = replace(GHCR, value=replace(GOOD_VALUE, version_id="v2", created_at=NOW - ago))
    assert bool(steps(world(its=old).facts(), replace(ROTATION, at=NOW - ago))) is is_one


def test_a_rotation_that_comes_back_after_days_redeploys_nothing(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    old = replace(ASKED_FOR, provenance=replace(ROTATION, at=NOW - timedelta(days=3)))
    services = Services(harness)
    assert run(harness, services, request=old).why == NOTHING
    assert services.redeployed == []


@pytest.mark.parametrize("change", [{"image": "ghcr.io/acme/web:2"}, {"version": "v1"}, {"secret": secret("x").arn}])
def test_a_proof_of_something_else_is_none(change: dict[str, Any]) -> None:
    facts = world().facts()
    proofs = tuple(replace(proof, **change) for proof in verified(facts))
    assert redeployments(facts, proofs, ROTATION) == ()


def test_a_proof_comes_back_from_the_ledger(ledger: Ledger) -> None:
    proofs = verified(world().facts())
    ledger.keep_verified(revision_arn(), proofs, now=NOW)
    assert ledger.entry(revision_arn()).verified == proofs
    assert [type(proof) for proof in proofs] == [Verified]


# --- The flow ----------------------------------------------------------------------------------------------------

ASKED_FOR = ValidationRequest(task_definition=revision_arn(), provenance=ROTATION)
ON = Rules(redeploy_on_rotation=True)


class Services:
    """In the place of ECS: redeploying a service makes its deployment new."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.redeployed: list[str] = []
        self.denied: frozenset[str] = frozenset()
        self.broken = False

    def redeploy(self, cluster: str, service: str) -> None:
        assert cluster == CLUSTER
        if service in self.denied:
            raise Denied("ecs:UpdateService", service, "AccessDeniedException")
        if self.broken:
            raise Crash("update_service")
        self.redeployed.append(service)
        usage = self.harness.world.running
        self.harness.world.running = replace(
            usage,
            services=tuple(
                replace(use, deployed_at=self.harness.time) if use.service_arn == service else use
                for use in usage.services
            ),
        )


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, world(running("a"), running("b")), rules=ON)


def run(
    here: Harness, services: Services, request: ValidationRequest = ASKED_FOR, occasion: str = "m-1"
) -> Reregistered:
    ecs: Any = services
    return Reregisterer(executor=here.executor(), ecs=ecs).run(request, occasion=occasion)


def commands(here: Harness) -> list[dict[str, Any]]:
    return [each for each in here.sent.messages if each["QueueUrl"] == "reregistrations.fifo"]


def test_services_are_redeployed_one_at_a_time_each_after_a_new_verification(harness: Harness) -> None:
    services = Services(harness)
    for number in range(4):
        harness.validate(ASKED_FOR, occasion=f"v-{number}")
        if len(commands(harness)) > number:
            run(harness, services, occasion=f"m-{number}")
    assert services.redeployed == [arn_of("a"), arn_of("b")]
    assert len(commands(harness)) == 2
    assert [each["attempt"] for each in harness.sent.bodies("validations")] == [1, 1]
    reported = harness.sent.details("Remediation Completed")
    assert [each["remediation"]["target"] for each in reported] == services.redeployed
    assert {each["remediation"]["kind"] for each in reported} == {"redeploy"}


def test_all_redeployments_are_one_group_of_the_queue(ledger: Ledger) -> None:
    other = task_definition(container(GHCR), family="other")
    both = world()
    here = Harness(ledger, replace(both, task_definitions=(*both.task_definitions, other)), rules=ON)
    here.validate(ASKED_FOR)
    here.validate(replace(ASKED_FOR, task_definition=other.arn))
    assert [each["MessageGroupId"] for each in commands(here)] == [commands(here)[0]["MessageGroupId"]] * 2


def test_a_copy_of_a_command_redeploys_nothing_again(ledger: Ledger) -> None:
    here = Harness(ledger, world(), rules=ON)
    services = Services(here)
    here.validate(ASKED_FOR)
    assert run(here, services).redeployed == arn_of()
    assert run(here, services, occasion="m-2").why == NOTHING
    assert services.redeployed == [arn_of()]


@pytest.mark.parametrize("names", [("a",), ("a", "b")], ids=["the last", "one of two"])
def test_what_a_run_redeployed_and_did_not_come_to_tell_is_told_by_the_next(
    ledger: Ledger, names: tuple[str, ...]
) -> None:
    here = Harness(ledger, world(*map(running, names)), rules=ON)
    services = Services(here)
    here.validate(ASKED_FOR)
    here.sent.failing.append("put_events")
    with pytest.raises(Crash):
        run(here, services)
    run(here, services)
    reported = [each["remediation"]["target"] for each in here.sent.details("Remediation Completed")]
    assert reported == services.redeployed == [arn_of(name) for name in names]


def test_what_a_run_only_meant_to_do_is_not_told(ledger: Ledger) -> None:
    here = Harness(ledger, world(), rules=ON)
    services = Services(here)
    here.validate(ASKED_FOR)
    services.broken = True
    with pytest.raises(Crash):
        run(here, services)
    assert here.sent.reported() == []
    services.broken = False
    whole, here.world = here.world, replace(here.world, roles=(role(),))
    run(here, services)
    assert services.redeployed == []
    assert here.sent.reported() == []
    here.world = whole
    run(here, services)
    assert here.sent.reported() == ["Remediation Completed"]


def test_observing_tells_what_would_be_done_and_asks_nobody(harness: Harness) -> None:
    harness.mode = "observe"
    harness.validate(ASKED_FOR)
    harness.validate(ASKED_FOR, occasion="again")
    assert commands(harness) == []
    reported = harness.sent.details("Remediation Planned")
    assert [each["remediation"]["target"] for each in reported] == [arn_of("a"), arn_of("b")]


def test_it_is_off_unless_it_is_switched_on(harness: Harness) -> None:
    harness.rules = Rules()
    harness.validate(ASKED_FOR)
    assert (commands(harness), harness.sent.events) == ([], [])
    assert ("usage", str(revision_arn())) not in harness.world.asked


def test_an_executor_without_the_rule_redeploys_nothing(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.rules = Rules()
    services = Services(harness)
    assert run(harness, services).why == NOTHING
    assert services.redeployed == []


REASONS_AGAINST: dict[str, dict[str, Any]] = {
    "the role lost its right": {"roles": (role(),)},
    "the secret changed again": {"secrets": (replace(GHCR, stages={"v3": ("AWSCURRENT",), "v2": ("AWSPREVIOUS",)}),)},
    "the secret is to be deleted": {"secrets": (replace(GHCR, deleted_at=NOW),)},
    "the role's owner withdraws": {"roles": (role(reads=[GHCR], managed=False),)},
    "the secret's owner withdraws": {"secrets": (replace(GHCR, tags={}),)},
    "the secret's owner excludes the role": {"secrets": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x"}),)},
    "the owner holds it back": {"secrets": (replace(GHCR, tags={**GHCR.tags, "pullguard:mode": "observe"}),)},
    "it was deployed meanwhile": {
        "running": Usage(newest=True, services=(running("a", ago=timedelta()), running("b", ago=timedelta())))
    },
}


@pytest.mark.parametrize("change", REASONS_AGAINST.values(), ids=REASONS_AGAINST)
def test_the_executor_proves_the_need_again(harness: Harness, change: dict[str, Any]) -> None:
    harness.validate(ASKED_FOR)
    harness.world = replace(harness.world, **change)
    services = Services(harness)
    assert run(harness, services).redeployed is None
    assert services.redeployed == []


def test_without_the_validators_word_nothing_is_redeployed(harness: Harness) -> None:
    """A forged command finds no proof in the ledger: an executor reads no values, so it cannot make one itself."""
    services = Services(harness)
    assert run(harness, services).why == NOTHING
    assert services.redeployed == []


def test_an_open_finding_of_the_validators_holds_it_back(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.world.verifications = {IMAGE: Verification(answer="rejected")}
    harness.validate(replace(ASKED_FOR, provenance=replace(ROTATION, kind="Sweep")))
    services = Services(harness)
    assert "credentials-rejected" in run(harness, services).why
    assert services.redeployed == []


def test_the_circuit_breaker_holds(ledger: Ledger) -> None:
    here = Harness(ledger, world(), rules=ON, writes_per_hour=1)
    services = Services(here)
    here.validate(ASKED_FOR)
    run(here, services)
    here.world.running = Usage(newest=True, services=(running(),))
    here.validate(ASKED_FOR)
    assert run(here, services, occasion="m-2").redeployed is None
    assert services.redeployed == [arn_of()]
    assert len(here.sent.details("Remediation Failed")) == 1


def test_an_open_breaker_asks_once_for_all_services_that_ran_into_it(ledger: Ledger) -> None:
    services_of = tuple(running(name) for name in "abcde")
    here = Harness(ledger, world(*services_of), rules=ON, writes_per_hour=1)
    here.validate(ASKED_FOR)
    for each in services_of:
        ledger.count_write(f"service {each.service_arn}", now=here.time)
    assert run(here, Services(here)).redeployed is None
    (asked,) = here.sent.bodies("validations")
    assert asked["cause"] == ASKED_FOR.provenance.to_dict()


def test_a_refused_call_is_told_and_does_not_keep_the_other_services(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    services = Services(harness)
    services.denied = frozenset({arn_of("a")})
    assert "ecs:UpdateService" in run(harness, services).why
    assert services.redeployed == [arn_of("b")]
    (reported,) = harness.sent.details("Remediation Failed")
    assert reported["remediation"]["target"] == arn_of("a")
    assert reported["remediation"]["remedy"] == BY_HAND
    assert reported["remediation"]["snippet"] == (
        f"aws ecs update-service --region us-east-1 --cluster {CLUSTER} --service {arn_of('a')} --force-new-deployment"
    )
    requests = len(harness.sent.bodies("validations"))
    run(harness, services, occasion="m-2")
    assert len(harness.sent.bodies("validations")) == requests  # what AWS refuses is not asked for without end


# --- What is held ---

HOLD = Stop(by="ada", at="2026-11-23T11:59:00+00:00")
HELD: dict[str, Callable[[Harness], None]] = {
    "everything is stopped": lambda here: setattr(here, "stop", switch_text(HOLD)),
    "the family is held": lambda here: here.ledger.save_family_hold("web", HOLD),
    "the role is held": lambda here: here.ledger.save_hold(role().arn, HOLD),
}


@pytest.mark.parametrize("held", HELD)
def test_what_is_held_is_not_redeployed_and_told_once_for_each_service(harness: Harness, held: str) -> None:
    harness.validate(ASKED_FOR)
    HELD[held](harness)
    services = Services(harness)
    for occasion in ("m-1", "m-2"):
        assert f"{held} since" in run(harness, services, occasion=occasion).why
    assert (services.redeployed, harness.ledger.ecs_writes("web")) == ([], ())
    reported = [each["remediation"] for each in harness.sent.details("Remediation Planned")]
    assert [each["target"] for each in reported] == [arn_of("a"), arn_of("b")]
    assert all(held in each["why"] and "pullguard resume" in each["remedy"] for each in reported)
    assert all(BY_HAND in each["remedy"] and each["target"] in each["snippet"] for each in reported)


def test_another_familys_and_another_roles_hold_hold_nothing(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.ledger.save_family_hold("web-2", HOLD)
    harness.ledger.save_hold(role(name="other").arn, HOLD)
    services = Services(harness)
    run(harness, services)
    assert services.redeployed == [arn_of("a")]


@pytest.mark.parametrize("held", HELD)
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_redeployment(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    harness.validate(ASKED_FOR)
    intend = Ledger.intend

    def intend_and_hold(ledger: Ledger, *args: Any, **named: Any) -> None:
        intend(ledger, *args, **named)
        HELD[held](harness)

    monkeypatch.setattr(Ledger, "intend", intend_and_hold)
    services = Services(harness)
    assert held in run(harness, services).why
    assert services.redeployed == []
    assert [write.outcome for write in harness.ledger.ecs_writes("web")] == ["refused"]
    assert harness.sent.reported() == ["Remediation Planned", "Remediation Planned"]


def test_where_the_stop_cannot_be_read_nothing_is_redeployed_and_the_message_comes_back(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.stop = "no such text"
    services = Services(harness)
    assert "the stop parameter says" in run(harness, services).why
    harness.stop = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter")
    with pytest.raises(NotNow):
        run(harness, services, occasion="m-2")
    assert services.redeployed == []


def test_a_rotation_in_a_batch_with_another_look_is_not_swallowed(harness: Harness) -> None:
    validator = harness.validator()
    validator.validate(replace(ASKED_FOR, provenance=replace(ROTATION, kind="TagResource")), occasion="v-1")
    validator.validate(ASKED_FOR, occasion="v-2")
    assert len(commands(harness)) == 1


def test_what_an_owner_does_not_agree_to_is_told_for_each_service_and_asks_nobody(harness: Harness) -> None:
    harness.world = replace(harness.world, roles=(role(reads=[GHCR], managed=False),))
    harness.validate(ASKED_FOR)
    assert commands(harness) == []
    reported = [each["remediation"] for each in harness.sent.details("Remediation Refused")]
    assert [(each["kind"], each["target"]) for each in reported] == [
        ("redeploy", arn_of("a")),
        ("redeploy", arn_of("b")),
    ]
    assert all("tag-role" in each["snippet"] for each in reported)


def test_what_pullguard_may_not_redeploy_is_told(ledger: Ledger) -> None:
    here = Harness(ledger, world(running(controller="EXTERNAL")), rules=ON)
    here.validate(ASKED_FOR)
    assert commands(here) == []
    (reported,) = here.sent.details("Remediation Refused")
    assert reported["remediation"]["kind"] == "redeploy"
    assert "EXTERNAL" in reported["remediation"]["why"]
