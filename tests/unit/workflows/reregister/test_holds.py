"""While everything is stopped, or the family or its role is held, ECS is not written to."""

from typing import Any

import pytest

from pullguard.domain.stop import GO_ON, Stop, switch_text
from pullguard.store.families import FamilyStore
from pullguard.workflows.reregister import LOCK_S
from tests.fakes import role_arn
from tests.unit.workflows.reregister.scene import STALE, SUCCESSOR, ReregisterHarness, SetUp

STOPPED = switch_text(Stop(by="ada", at="2026-11-23T11:59:00+00:00"))


def test_while_everything_is_stopped_nothing_is_registered(set_up: SetUp) -> None:
    here = set_up(STALE, stop=STOPPED)
    for message_id in ("m-1", "m-2"):
        assert here.run(message_id=message_id).registered is None
        here.harness.later(seconds=LOCK_S)
    assert here.reported() == ["Remediation Planned"]


@pytest.mark.parametrize("held", ["everything", "family", "role"])
def test_right_after_it_ends_the_next_message_registers(set_up: SetUp, held: str) -> None:
    here = set_up(STALE, stop=STOPPED if held == "everything" else GO_ON)
    if held != "everything":
        hold(here, held)
    assert here.run().registered is None
    here.harness.stop = GO_ON
    here.harness.ledger.families.end_hold("web")
    here.harness.ledger.roles.end_hold(role_arn())
    here.expect_description()
    here.expect_registration()
    assert here.run(message_id="m-2").registered == str(SUCCESSOR)


def test_while_everything_is_stopped_no_service_is_moved(moving: ReregisterHarness) -> None:
    moving.harness.stop = STOPPED
    moving.expect_comparison()
    assert moving.run().moved == 0
    assert moving.reported() == ["Remediation Planned"]


def hold(here: ReregisterHarness, held: str) -> None:
    stop = Stop(by="ada", at="2026-11-23T11:59:00+00:00")
    if held == "family":
        here.harness.ledger.families.save_hold("web", stop)
    else:
        here.harness.ledger.roles.save_hold(role_arn(), stop)


@pytest.mark.parametrize("held", ["family", "role"])
def test_nothing_is_registered_if_the_family_or_the_role_is_held(set_up: SetUp, held: str) -> None:
    here = set_up(STALE)
    hold(here, held)
    assert here.run().registered is None
    ((_, why),) = here.deeds("Remediation Planned")
    assert f"the {held} is held since" in why


@pytest.mark.parametrize("held", ["family", "role"])
def test_no_service_is_moved_if_the_family_or_the_role_is_held(moving: ReregisterHarness, held: str) -> None:
    hold(moving, held)
    moving.expect_comparison()
    assert moving.run().moved == 0
    assert [target for target, _ in moving.deeds("Remediation Planned")] == ["web"]


def hold_before_the_record(here: ReregisterHarness, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    kept = FamilyStore.record_write

    def hold_then_keep(store: FamilyStore, *args: Any, **kwargs: Any) -> None:
        hold(here, held)
        kept(store, *args, **kwargs)

    monkeypatch.setattr(FamilyStore, "record_write", hold_then_keep)


@pytest.mark.parametrize("held", ["family", "role"])
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_registration(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    here = set_up(STALE)
    here.expect_description()
    hold_before_the_record(here, monkeypatch, held)
    assert here.run().registered is None
    assert [write.outcome for write in here.harness.ledger.families.writes("web")] == ["refused"]
    assert here.reported() == ["Remediation Planned"]


@pytest.mark.parametrize("held", ["family", "role"])
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_move(
    moving: ReregisterHarness, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    moving.expect_comparison()
    moving.expect_service()
    hold_before_the_record(moving, monkeypatch, held)
    assert moving.run().moved == 0
    assert [write.outcome for write in moving.harness.ledger.families.writes("web")] == ["refused"]
    assert moving.reported() == ["Remediation Planned"]
