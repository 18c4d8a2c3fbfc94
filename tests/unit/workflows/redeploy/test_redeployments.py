"""Services are redeployed one at a time, each after a new proof of the need."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.usage import Usage
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules
from pullguard.store.ledger import Ledger
from pullguard.workflows.redeploy import BY_HAND, NOTHING
from tests.fakes import CLUSTER, NOW, Crash, role
from tests.flows import Harness
from tests.unit.planning.rotation_scene import GHCR, IMAGE, ROTATION, arn_of, running, world
from tests.unit.workflows.redeploy.scene import ASKED_FOR, ON, Services, commands, run


def test_a_rotation_that_comes_back_after_days_redeploys_nothing(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    old = replace(ASKED_FOR, provenance=replace(ROTATION, at=NOW - timedelta(days=3)))
    services = Services(harness)
    assert run(harness, services, request=old).why == NOTHING
    assert services.redeployed == []


def test_services_are_redeployed_one_at_a_time_each_after_a_new_verification(harness: Harness) -> None:
    services = Services(harness)
    for number in range(4):
        harness.validate(ASKED_FOR, message_id=f"v-{number}")
        if len(commands(harness)) > number:
            run(harness, services, message_id=f"m-{number}")
    assert services.redeployed == [arn_of("a"), arn_of("b")]
    assert len(commands(harness)) == 2
    assert [each["attempt"] for each in harness.sent.bodies("validations")] == [1, 1]
    reported = harness.sent.details("Remediation Completed")
    assert [each["remediation"]["target"] for each in reported] == services.redeployed
    assert {each["remediation"]["kind"] for each in reported} == {"redeploy"}


def test_a_copy_of_a_command_redeploys_nothing_again(ledger: Ledger) -> None:
    here = Harness(ledger, world(), rules=ON)
    services = Services(here)
    here.validate(ASKED_FOR)
    assert run(here, services).redeployed == arn_of()
    assert run(here, services, message_id="m-2").why == NOTHING
    assert services.redeployed == [arn_of()]


@pytest.mark.parametrize("names", [("a",), ("a", "b")], ids=["the last", "one of two"])
def test_a_redeployment_that_a_run_did_not_report_is_reported_by_the_next(
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


def test_an_intended_redeployment_is_not_reported(ledger: Ledger) -> None:
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
    assert run(here, services, message_id="m-2").redeployed is None
    assert services.redeployed == [arn_of()]
    assert len(here.sent.details("Remediation Failed")) == 1


def test_an_open_breaker_asks_once_for_all_services_that_ran_into_it(ledger: Ledger) -> None:
    services_of = tuple(running(name) for name in "abcde")
    here = Harness(ledger, world(*services_of), rules=ON, writes_per_hour=1)
    here.validate(ASKED_FOR)
    for each in services_of:
        ledger.write_counts.add(f"service {each.service_arn}", now=here.time)
    assert run(here, Services(here)).redeployed is None
    (asked,) = here.sent.bodies("validations")
    assert asked["cause"] == ASKED_FOR.provenance.to_dict()


def test_a_refused_call_is_reported_and_does_not_keep_the_other_services(harness: Harness) -> None:
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
    run(harness, services, message_id="m-2")
    assert len(harness.sent.bodies("validations")) == requests  # what AWS refuses is not asked for without end
