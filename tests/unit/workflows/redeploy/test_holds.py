"""A stop or a hold keeps services from being redeployed."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.errors import NotNow
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.intents import IntentStore
from pullguard.workflows.redeploy import BY_HAND
from tests.fakes import role
from tests.flows import Harness
from tests.unit.planning.rotation_scene import arn_of
from tests.unit.workflows.redeploy.scene import ASKED_FOR, Services, run

HOLD = Stop(by="ada", at="2026-11-23T11:59:00+00:00")
HELD: dict[str, Callable[[Harness], None]] = {
    "everything is stopped": lambda here: setattr(here, "stop", switch_text(HOLD)),
    "the family is held": lambda here: here.ledger.families.save_hold("web", HOLD),
    "the role is held": lambda here: here.ledger.roles.save_hold(role().arn, HOLD),
}


@pytest.mark.parametrize("held", HELD)
def test_a_held_service_is_not_redeployed_and_reported_once_for_each_service(harness: Harness, held: str) -> None:
    harness.validate(ASKED_FOR)
    HELD[held](harness)
    services = Services(harness)
    for message_id in ("m-1", "m-2"):
        assert f"{held} since" in run(harness, services, message_id=message_id).why
    assert (services.redeployed, harness.ledger.families.writes("web")) == ([], ())
    reported = [each["remediation"] for each in harness.sent.details("Remediation Planned")]
    assert [each["target"] for each in reported] == [arn_of("a"), arn_of("b")]
    assert all(held in each["why"] and "pullguard resume" in each["remedy"] for each in reported)
    assert all(BY_HAND in each["remedy"] and each["target"] in each["snippet"] for each in reported)


def test_another_familys_and_another_roles_hold_hold_nothing(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.ledger.families.save_hold("web-2", HOLD)
    harness.ledger.roles.save_hold(role(name="other").arn, HOLD)
    services = Services(harness)
    run(harness, services)
    assert services.redeployed == [arn_of("a")]


@pytest.mark.parametrize("held", HELD)
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_redeployment(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    harness.validate(ASKED_FOR)
    intend = IntentStore.keep

    def intend_and_hold(store: IntentStore, *args: Any, **named: Any) -> None:
        intend(store, *args, **named)
        HELD[held](harness)

    monkeypatch.setattr(IntentStore, "keep", intend_and_hold)
    services = Services(harness)
    assert held in run(harness, services).why
    assert services.redeployed == []
    assert [write.outcome for write in harness.ledger.families.writes("web")] == ["refused"]
    assert harness.sent.reported() == ["Remediation Planned", "Remediation Planned"]


def test_nothing_is_redeployed_if_the_stop_cannot_be_read_and_the_message_comes_back(harness: Harness) -> None:
    harness.validate(ASKED_FOR)
    harness.stop = "no such text"
    services = Services(harness)
    assert "the stop parameter says" in run(harness, services).why
    harness.stop = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter")
    with pytest.raises(NotNow):
        run(harness, services, message_id="m-2")
    assert services.redeployed == []
