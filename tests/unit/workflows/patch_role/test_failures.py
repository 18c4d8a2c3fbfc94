"""Failures: IAM's refusals, its quota, the circuit breaker, and two runs on one role."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from pullguard.checks.examine import examine
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import OwnPolicy, policy_document, render
from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.store.ledger import Ledger
from pullguard.workflows.reconcile_role import RETRY_AFTER
from tests.fakes import (
    NOW,
    Crash,
    World,
    container,
    denied,
    granted,
    key,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import request
from tests.unit.workflows.granted_role import ROLE, a_write, count_write, holder, keep, recorded
from tests.unit.workflows.patch_role.scene import BROKEN, GHCR, HUB, PatchHarness, SetUp, own


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_refusal_of_iam_is_reported_with_its_remedy(set_up: SetUp, code: str) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error=code)
    assert not here.patch().written
    failure = here.failure()
    assert "iam:PutRolePolicy" in failure["why"]
    assert code in failure["why"]
    assert "ManagedRolePattern" in failure["remedy"]
    assert "pullguard:managed=true" in failure["remedy"]
    assert "RequireRoleBoundary" in failure["remedy"]
    assert here.harness.sent.messages == []


def test_a_lasting_refusal_is_reported_once_a_day(set_up: SetUp) -> None:
    here = set_up(BROKEN)
    for hours in (0, 1, 24):
        here.harness.time = NOW
        here.harness.later(hours=hours)
        here.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
        here.patch(message_id=f"m-{hours}")
    assert here.reported() == ["Remediation Failed"] * 2


def test_a_write_that_iam_refuses_is_not_counted_and_kept_as_refused(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN, writes_per_hour=2)
    for number in range(3):
        here.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
        here.patch(message_id=f"m-{number}")
    assert {each["remediation"]["why"] for each in here.harness.sent.details("Remediation Failed")} == {
        "AWS refused iam:PutRolePolicy on the role web-execution (AccessDenied)"
    }
    assert [each.outcome for each in ledger.roles.writes(role_arn())] == ["refused"] * 3
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-9").written
    assert ledger.roles.writes(role_arn())[-1].outcome == "written"


def test_any_other_error_of_iam_sends_the_message_back(set_up: SetUp) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error="Throttling")
    with pytest.raises(ClientError, match="Throttling"):
        here.patch()
    assert here.reported() == []


def test_a_policy_that_finds_no_room_is_reported_and_not_tried(set_up: SetUp, ledger: Ledger) -> None:
    # The grant alone would fit; with all that was granted a moment ago and IAM does not show yet, it does not.
    many = tuple(secret(f"{number:03}-{'x' * 57}") for number in range(81))
    before = granted(*many)
    assert OwnPolicy().fits(before, others_chars=0)
    keep(ledger, *recorded(*many, granted_at=NOW), writes=(a_write((), before),))
    here = set_up(replace(BROKEN, secrets=(GHCR, *many)))
    assert not here.patch().written
    assert here.harness.sent.messages == []
    assert "exceed the 10240 characters that IAM allows" in here.failure()["why"]
    assert "managed policy" in here.failure()["remedy"]
    assert set(ledger.roles.granted(role_arn())) == set(before)


def test_a_role_with_eighty_secrets_fits_and_one_write_is_made_for_each(set_up: SetUp) -> None:
    many = tuple(secret(f"registry/team-{number:03}") for number in range(80))
    families = tuple(task_definition(container(each), family=f"f{number}") for number, each in enumerate(many))
    here = set_up(World(families, (role(),), many))  # with the default of WritesPerHour
    for number, family in enumerate(families):
        here.expect(render(policy_document(granted(*many[: number + 1]))))
        assert here.patch(request(family.arn), message_id=f"m-{number}").written
        here.harness.world.roles = (role(inline_policies=(own(*many[: number + 1]),)),)
    assert set(here.harness.ledger.roles.granted(role_arn())) == set(granted(*many))


def test_a_role_with_eighty_secrets_under_keys_of_their_own_is_reported_at_its_limit(set_up: SetUp) -> None:
    many = tuple(secret(f"registry/team-{number:03}", key=key(number)) for number in range(80))
    full = next(n for n in range(80) if not OwnPolicy().fits(granted(*many[:n]), others_chars=0))
    one_more = task_definition(container(many[full - 1]))
    here = set_up(World((one_more,), (role(inline_policies=(own(*many[: full - 1]),)),), many))
    assert not here.patch().written
    examined = examine(here.harness.world.facts()).findings
    assert "inline-policy-quota" in {each.check for each in examined}


# --- Too many writes, or two at once ---


def last_delay_s(here: PatchHarness) -> int:
    messages = [each for each in here.harness.sent.messages if each["QueueUrl"] == "validations"]
    return int(messages[-1]["DelaySeconds"])


def test_the_circuit_breaker_stops_and_reports(set_up: SetUp) -> None:
    here = set_up(BROKEN, writes_per_hour=2)  # each write is undone by others
    here.harness.time = NOW.replace(minute=0)
    for number in range(2):
        here.expect(render(policy_document(granted(GHCR))))
        assert here.patch(message_id=f"m-{number}").written
        here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    assert not here.patch(message_id="m-2").written
    assert "was written to 2 times in this hour" in here.failure()["why"]
    here.harness.later(hours=1)
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-3").written


def opened(set_up: SetUp, world: World = BROKEN) -> PatchHarness:
    """The breaker of the grant is open: others have undone the only write of the hour."""
    here = set_up(world, writes_per_hour=1)
    count_write(here.harness.ledger, GHCR.arn, NOW)
    return here


def test_an_open_breaker_is_reported_once_in_its_hour_by_the_first_run(set_up: SetUp) -> None:
    others = tuple(task_definition(container(GHCR), family=f"f{number}") for number in range(20))
    here = opened(set_up, replace(BROKEN, task_definitions=others))
    written = [here.patch(request(each.arn), message_id=f"m-{each.family}").written for each in others]
    assert written == [False] * 20
    assert here.reported() == ["Remediation Failed"]
    here.harness.later(hours=1)
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(request(others[0].arn), message_id="m-later").written


def test_a_crash_before_the_report_leaves_the_open_breaker_to_the_next(set_up: SetUp) -> None:
    here = opened(set_up)
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.patch(message_id="m-2")
    scope = f"the grant of {GHCR.arn} on the role {role_arn()}"
    assert not here.harness.ledger.claims.happened(f"tripped {scope} {NOW:%Y-%m-%dT%H}", now=NOW)


def test_an_open_breaker_requests_another_validation_until_the_hour_is_over(set_up: SetUp) -> None:
    here = opened(set_up)
    delays_s = []
    here.harness.time = NOW.replace(minute=0, second=1)
    while here.harness.time < NOW.replace(minute=0) + timedelta(hours=1):
        here.patch(message_id=f"m-{here.harness.time}")
        delays_s.append(last_delay_s(here))
        here.harness.later(seconds=delays_s[-1])
    assert delays_s == [900] * 4
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-last").written


@pytest.mark.parametrize(("minute", "second", "delay_s"), [(50, 0, 601), (1, 0, 841), (14, 59, 2), (45, 0, 900)])
def test_it_asks_at_the_next_quarter_of_the_hour(set_up: SetUp, minute: int, second: int, delay_s: int) -> None:
    here = opened(set_up)
    here.harness.time = NOW.replace(minute=minute, second=second)
    here.patch(message_id="m-2")
    assert last_delay_s(here) == delay_s


def test_it_asks_once_in_a_quarter_for_the_same_event_and_again_after_a_crash(set_up: SetUp) -> None:
    here = opened(set_up)
    here.harness.sent.failing = ["send_message_batch"]
    with pytest.raises(Crash):
        here.patch(message_id="m-2")
    for message_id in ("m-2", "m-2", "m-3"):
        here.patch(message_id=message_id)
    assert len(here.harness.sent.bodies("validations")) == 1


def test_an_open_breaker_holds_back_additions_and_no_revocation(set_up: SetUp, ledger: Ledger) -> None:
    here = opened(set_up, replace(BROKEN, roles=(holder(HUB),), secrets=(GHCR, replace(HUB, tags={}))))
    keep(ledger, *recorded(HUB, is_confirmed=False))
    here.expect(None)
    assert here.patch().taken_back == 1
    assert here.reported() == ["Remediation Failed", "Remediation Completed"]


def test_a_write_of_another_run_is_checked_again_until_it_is_known(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    keep(ledger, writes=(a_write((), granted(GHCR), outcome="planned"),))
    patched = here.patch()
    assert (patched.written, "not known yet" in patched.why) == (False, True)
    assert [each["DelaySeconds"] for each in here.harness.sent.messages] == [RETRY_AFTER.total_seconds()]
    assert [each.outcome for each in ledger.roles.writes(role_arn())] == ["unknown"]
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-2").written


def test_a_role_that_cannot_be_read_is_not_written_and_its_message_comes_back(set_up: SetUp) -> None:
    here = set_up(BROKEN)
    unread = replace(BROKEN, unreadable={str(role_arn()): denied()})
    with pytest.raises(NotNow, match="could not be read"):
        here.patch(readers=lambda: unread)
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(message_id="m-2").written


def test_a_role_whose_policies_cannot_be_read_is_not_written_and_its_message_comes_back(set_up: SetUp) -> None:
    here = set_up(replace(BROKEN, roles=(role(inline_policies=denied("iam:ListRolePolicies")),)))
    with pytest.raises(NotNow, match="its policies could not be read"):
        here.patch()


def test_a_message_whose_run_died_after_the_write_is_reported_once_and_written_once(
    set_up: SetUp, ledger: Ledger
) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))))
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.patch()
    here.harness.world.roles = (holder(GHCR),)
    assert "not known yet" in here.patch().why
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    assert not here.patch().written
    assert (here.reported(), len(ledger.roles.writes(ROLE))) == (["Remediation Completed"], 1)
    assert ledger.roles.granted(ROLE) == granted(GHCR)
