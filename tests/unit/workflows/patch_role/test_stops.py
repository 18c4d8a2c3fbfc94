"""No writes while everything is stopped, while a role is held, or while either is unknown."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.role_item import RoleItem
from pullguard.domain.stop import GO_ON, Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.store.roles import RoleStore
from tests.fakes import granted, role_arn
from tests.unit.workflows.patch_role.scene import BROKEN, GHCR, SetUp

STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00", reason="a bad deploy")


def test_nothing_is_written_while_everything_is_stopped_and_the_plan_is_reported_once(set_up: SetUp) -> None:
    here = set_up(BROKEN, stop=switch_text(STOP))
    for message_id in ("m-1", "m-2"):
        assert not here.patch(message_id=message_id).written
    (detail,) = here.harness.sent.details("Remediation Planned")
    assert f"everything is stopped {STOP}" in detail["remediation"]["why"]
    assert "pullguard resume" in detail["remediation"]["remedy"]
    assert here.harness.ledger.roles.granted(role_arn()) == ()
    assert here.reported() == ["Remediation Planned"]
    assert here.harness.sent.messages == []


def test_another_stop_is_reported_again(set_up: SetUp) -> None:
    here = set_up(BROKEN, stop=switch_text(STOP))
    here.patch()
    here.harness.stop = switch_text(replace(STOP, at="2026-11-24T08:00:00+00:00"))
    here.patch(message_id="m-2")
    assert here.reported() == ["Remediation Planned"] * 2


def test_after_the_stop_the_same_message_writes(set_up: SetUp) -> None:
    here = set_up(BROKEN, stop=switch_text(STOP))
    here.patch()
    here.harness.stop = GO_ON
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def test_a_stop_uses_up_nothing_of_the_hours_writes(set_up: SetUp) -> None:
    here = set_up(BROKEN, stop=switch_text(STOP), writes_per_hour=1)
    for number in range(3):
        here.patch(message_id=f"m-{number}")
    here.harness.stop = GO_ON
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-9").written


def test_a_held_role_is_left_alone_and_no_other(set_up: SetUp, ledger: Ledger) -> None:
    ledger.roles.save_hold(role_arn(), STOP)
    here = set_up(BROKEN)
    assert not here.patch().written
    (detail,) = here.harness.sent.details("Remediation Planned")
    assert f"the role is held {STOP}" in detail["remediation"]["why"]
    assert "pullguard resume web-execution" in detail["remediation"]["remedy"]
    ledger.roles.end_hold(role_arn())
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-2").written


def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_write(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    replaced = RoleStore.replace

    def plan_then_hold(self: RoleStore, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        is_planned = replaced(self, role, known, new)
        if known.hold is None and new.hold is None:
            ledger.roles.save_hold(role, STOP)
        return is_planned

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RoleStore, "replace", plan_then_hold)
        assert not here.patch().written
    item = ledger.roles.item(role_arn())
    assert (item.hold, item.grants, [each.outcome for each in item.writes]) == (STOP, (), ["refused"])
    assert [each.outcome for each in ledger.roles.writes(role_arn())] == ["refused"]
    assert here.reported() == ["Remediation Planned"]


@pytest.mark.parametrize("hold", [True, False], ids=["set", "ended"])
def test_a_hold_that_changes_between_the_facts_and_the_plan_has_them_read_again(
    set_up: SetUp, ledger: Ledger, *, hold: bool
) -> None:
    here = set_up(BROKEN)
    if not hold:
        ledger.roles.save_hold(role_arn(), STOP)
    replaced = RoleStore.replace

    def hold_then_plan(self: RoleStore, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        if len(new.writes) > len(known.writes):
            ledger.roles.save_hold(role, STOP)
        return replaced(self, role, known, new)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RoleStore, "replace", hold_then_plan)
        assert not here.patch().written
    assert ledger.roles.writes(role_arn()) == ()
    assert len(here.harness.sent.messages) == (1 if hold else 0)
    ledger.roles.end_hold(role_arn())
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-2").written


@pytest.mark.parametrize("code", ["ParameterNotFound", "AccessDeniedException", "ThrottlingException"])
def test_without_an_answer_nothing_is_written_and_the_message_comes_back(set_up: SetUp, code: str) -> None:
    here = set_up(BROKEN, stop=ClientError({"Error": {"Code": code, "Message": ""}}, "GetParameter"))
    for message_id in ("m-1", "m-1", "m-2"):
        with pytest.raises(NotNow, match="the stop parameter cannot be read"):
            here.patch(message_id=message_id)
    assert here.reported() == ["Remediation Failed"]
    assert "ssm:GetParameter" in here.failure()["why"] or code == "ParameterNotFound"
    assert here.harness.ledger.roles.granted(role_arn()) == ()
