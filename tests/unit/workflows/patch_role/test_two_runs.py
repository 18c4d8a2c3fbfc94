"""Two runs on one role, of which the second does not see in IAM what the first has written a moment ago."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.errors import PullguardError
from pullguard.domain.messages import Review
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.domain.stop import GO_ON
from pullguard.store.ledger import Ledger
from pullguard.store.roles import RoleStore
from pullguard.workflows.execute import WAITS_S
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER, RETRY_AFTER
from pullguard.workflows.role_reports import REVOKED_SHOWS_S
from tests.fakes import Crash, Sent, World, container, denied, granted, role, secret, task_definition
from tests.flows import CAUSE, request
from tests.unit.workflows.granted_role import ROLE, holder, keep, recorded
from tests.unit.workflows.patch_role.scene import GHCR, HUB, PatchHarness, SetUp

API = task_definition(container(HUB, image="docker.io/acme/api:1"), family="api")
LACKING = World((task_definition(container(GHCR)), API), (role(),), (GHCR, HUB))
GRANTED = replace(LACKING, roles=(holder(GHCR),))
UNTAGGED = replace(GRANTED, secrets=(secret(registry=None), HUB))
NO_ANSWER = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetParameter")
REVIEW = Review(role=ROLE, provenance=CAUSE)


def expect(here: PatchHarness, *secrets: Any, **changes: Any) -> None:
    here.expect(render(policy_document(granted(*secrets))) if secrets else None, **changes)


def set_world(here: PatchHarness, world: World) -> None:
    here.harness.world = replace(world, asked=[])


def other(here: PatchHarness, world: World) -> Any:
    """Let another message ask for its grant; ``world`` is what it finds."""
    set_world(here, world)
    return here.patch(request(API.arn), message_id="m-2")


# --- What the first run comes to, and what the second one writes ---


def grants(here: PatchHarness) -> None:
    expect(here, GHCR)
    here.patch()


def cannot_read_the_role(here: PatchHarness) -> None:
    set_world(here, replace(LACKING, unreadable={str(ROLE): denied()}))
    here.patch()


def cannot_read_the_stop(here: PatchHarness) -> None:
    here.harness.stop = NO_ANSWER
    here.patch()


def cannot_read_the_stop_after_its_plan(here: PatchHarness) -> None:
    replaced = RoleStore.replace

    def plan(self: RoleStore, *args: Any) -> bool:
        here.harness.stop = NO_ANSWER
        return replaced(self, *args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RoleStore, "replace", plan)
        here.patch()


def is_refused(here: PatchHarness) -> None:
    expect(here, GHCR, error="AccessDenied")
    here.patch()


def is_refused_and_cannot_report(here: PatchHarness) -> None:
    expect(here, GHCR, error="AccessDenied")
    here.harness.sent.failing = ["put_events"]
    here.patch()


def gets_no_answer(here: PatchHarness) -> None:
    expect(here, GHCR, error="ServiceFailure")
    here.patch()


def cannot_report(here: PatchHarness) -> None:
    expect(here, GHCR)
    here.harness.sent.failing = ["put_events"]
    here.patch()


def cannot_request_the_next_validation(here: PatchHarness) -> None:
    expect(here, GHCR)
    here.harness.sent.failing = ["send_message_batch"]
    here.patch()


def revokes(here: PatchHarness) -> None:
    keep(here.harness.ledger, *recorded(GHCR, is_confirmed=False))
    set_world(here, UNTAGGED)
    expect(here)
    here.patch(REVIEW)


def revokes_and_cannot_report(here: PatchHarness) -> None:
    here.harness.sent.failing = ["put_events"]
    revokes(here)


def cannot_read_the_stop_to_revoke(here: PatchHarness) -> None:
    keep(here.harness.ledger, *recorded(GHCR))
    here.harness.stop = NO_ANSWER
    set_world(here, replace(UNTAGGED, secrets=(HUB,)))
    here.patch(REVIEW)


def grants_and_then_revokes(here: PatchHarness) -> None:
    grants(here)
    set_world(here, UNTAGGED)
    expect(here)
    here.patch(REVIEW)


def grants_and_then_cannot_revoke(here: PatchHarness) -> None:
    grants(here)
    set_world(here, UNTAGGED)
    expect(here, error="AccessDenied")
    here.patch(REVIEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``shown`` is what the second run sees; ``writes`` the secrets in its policy, None if it has to wait."""

    first: Callable[[PatchHarness], None]
    shown: World = field(default_factory=lambda: LACKING)
    writes: tuple[Any, ...] | None


CASES = (
    Case(first=grants, writes=(GHCR, HUB)),
    Case(first=grants, shown=GRANTED, writes=(GHCR, HUB)),
    Case(first=cannot_read_the_role, writes=(HUB,)),
    Case(first=cannot_read_the_stop, writes=(HUB,)),
    Case(first=cannot_read_the_stop_after_its_plan, writes=(HUB,)),
    Case(first=is_refused, writes=(HUB,)),
    Case(first=is_refused_and_cannot_report, writes=(HUB,)),
    Case(first=cannot_read_the_stop_to_revoke, shown=GRANTED, writes=(GHCR, HUB)),
    Case(first=cannot_request_the_next_validation, writes=None),
    Case(first=gets_no_answer, writes=None),
    Case(first=cannot_report, writes=None),
    Case(first=revokes, shown=UNTAGGED, writes=(HUB,)),
    Case(first=revokes_and_cannot_report, shown=UNTAGGED, writes=None),
    Case(first=grants_and_then_revokes, shown=LACKING, writes=(HUB,)),
    Case(first=grants_and_then_revokes, shown=UNTAGGED, writes=(HUB,)),
    Case(first=grants_and_then_cannot_revoke, shown=LACKING, writes=(GHCR, HUB)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.first.__name__.replace("_", "-"))
def test_the_second_run_takes_up_what_the_first_one_left_or_waits(set_up: SetUp, case: Case) -> None:
    here = set_up(LACKING)
    with suppress(PullguardError, ClientError, Crash):
        case.first(here)
    here.harness.stop, here.harness.sent = GO_ON, Sent()
    if case.writes is None:
        assert "not known yet" in other(here, case.shown).why
        assert [each["DelaySeconds"] for each in here.harness.sent.messages] == [RETRY_AFTER.total_seconds()]
        here.harness.later(seconds=SHOWS_AFTER.total_seconds())
        expect(here, HUB)
        assert other(here, LACKING).written
        return
    expect(here, *case.writes)
    assert other(here, case.shown).written


def test_the_message_of_a_run_that_died_gets_through_when_it_comes_again(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(LACKING)
    with pytest.raises(Crash):
        cannot_report(here)
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    set_world(here, GRANTED)
    here.patch()
    assert ledger.roles.granted(ROLE) == granted(GHCR)
    assert here.reported() == ["Remediation Completed"]
    expect(here, GHCR, HUB)
    assert other(here, GRANTED).written


@pytest.mark.parametrize(("first", "delay_s"), [(grants, WAITS_S[0]), (revokes, REVOKED_SHOWS_S)])
def test_a_revoked_grant_may_show_for_a_while_and_is_checked_after_that(
    set_up: SetUp, first: Callable[[PatchHarness], None], delay_s: int
) -> None:
    here = set_up(LACKING)
    first(here)
    delays = [each["DelaySeconds"] for each in here.harness.sent.messages]
    assert delays == [delay_s, LAST_CHECK_AFTER.total_seconds()]


def test_one_write_revokes_and_adds(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(LACKING)
    keep(ledger, *recorded(GHCR, is_confirmed=False))
    expect(here, HUB)
    patched = other(here, UNTAGGED)
    assert (patched.written, patched.taken_back, ledger.roles.granted(ROLE)) == (True, 1, granted(HUB))
    assert here.harness.sent.messages[0]["DelaySeconds"] == REVOKED_SHOWS_S
    assert len(ledger.roles.writes(ROLE)) == 1
