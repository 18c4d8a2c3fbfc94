"""An owner ends consent while a run writes: the next validations find out, and revoke what is not confirmed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.errors import NotNow
from pullguard.domain.messages import Review
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.domain.role_policy import RevocationRules
from pullguard.domain.stop import GO_ON, Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER
from tests.fakes import NOW, Crash, World, container, denied, granted, key, revision_arn, role, secret, task_definition
from tests.flows import CAUSE, OWN_POLICY
from tests.unit.workflows.granted_role import ROLE, a_write, holder, keep, recorded
from tests.unit.workflows.patch_role.scene import BROKEN, GHCR, HUB, PatchHarness, SetUp

REVIEW = Review(role=ROLE, provenance=CAUSE)
WRITTEN = replace(BROKEN, roles=(holder(GHCR),))
UNTAGGED = replace(WRITTEN, secrets=(secret(registry=None),))
OBSERVED = replace(WRITTEN, roles=(holder(GHCR, tags={"pullguard:mode": "observe"}),))


def grant(here: PatchHarness) -> None:
    """Let the grant be written; what the world becomes meanwhile, the next validation sees."""
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def review(
    here: PatchHarness, world: World, *, after: timedelta = LAST_CHECK_AFTER, message_id: str = "m-2", **changes: Any
) -> Any:
    """Let the role be reviewed, as every write requests, or a sweep."""
    here.harness.later(seconds=after.total_seconds())
    here.harness.world = replace(world, asked=[])
    return here.patch(REVIEW, message_id=message_id, **changes)


def asked(here: PatchHarness) -> list[str]:
    """The roles of which the next sweep asks for a review."""
    here.harness.granted_roles().ask("s-1")
    return [each["role"] for each in here.harness.sent.bodies("grants.fifo")]


def failures(here: PatchHarness) -> list[Any]:
    return [each["remediation"] for each in here.harness.sent.details("Remediation Failed")]


# --- Confirmed ---


@pytest.mark.parametrize(
    ("world", "seconds", "confirmed"),
    [
        (WRITTEN, SHOWS_AFTER.total_seconds(), True),
        (WRITTEN, SHOWS_AFTER.total_seconds() - 1, False),
        (BROKEN, SHOWS_AFTER.total_seconds() - 1, False),
        (replace(WRITTEN, unreadable={str(GHCR.arn): denied()}), LAST_CHECK_AFTER.total_seconds(), False),
    ],
    ids=["iam-shows-it-and-both-owners-consent", "it-may-be-an-older-version", "not-shown", "consent-is-unknown"],
)
def test_a_grant_is_confirmed_by_the_first_validation_five_minutes_after_it(
    set_up: SetUp, ledger: Ledger, world: World, seconds: int, *, confirmed: bool
) -> None:
    here = set_up(BROKEN)
    grant(here)
    review(here, world, after=timedelta(seconds=seconds))
    (record,) = ledger.roles.item(ROLE).grants
    assert (record.granted, record.granted_at, record.is_confirmed) == (granted(GHCR)[0], NOW, confirmed)
    assert record.task_definition == str(revision_arn())


def test_a_confirmed_grant_stays_when_consent_ends_and_is_reported_once(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    grant(here)
    review(here, WRITTEN)
    for number in range(2):
        assert review(here, UNTAGGED, message_id=f"m-{number}").withdrawn == 0
    (detail,) = here.harness.sent.details("Remediation Planned")
    assert "does not consent to this grant any more" in detail["remediation"]["why"]
    assert ledger.roles.granted(ROLE) == granted(GHCR)


# --- Not confirmed ---


ENDED: dict[str, tuple[World, str]] = {
    "the-secrets-tag-is-gone": (UNTAGGED, "is not opted in"),
    "the-roles-tag-is-gone": (replace(WRITTEN, roles=(holder(GHCR, managed=False),)), "is not opted in"),
    "a-mode-tag-was-set": (OBSERVED, "to observe only"),
    "the-tag-names-other-roles": (
        replace(WRITTEN, secrets=(secret(tags={"pullguard:roles": "api-*"}),)),
        "does not name the role",
    ),
    "although-its-task-definition-is-gone": (replace(UNTAGGED, task_definitions=()), "is not opted in"),
}


@pytest.mark.parametrize(("world", "why"), ENDED.values(), ids=ENDED)
def test_an_unconfirmed_grant_is_revoked_by_the_exact_request(
    set_up: SetUp, ledger: Ledger, world: World, why: str
) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.expect(None)
    assert review(here, world).withdrawn == 1
    assert (ledger.roles.granted(ROLE), [each.outcome for each in ledger.roles.writes(ROLE)]) == (
        (),
        ["written", "written"],
    )
    revoked = here.harness.sent.details("Remediation Completed")[-1]["remediation"]
    assert (revoked["kind"], revoked["secret"], revoked["after"]) == ("withdraw", str(GHCR.arn), None)
    assert why in revoked["why"]


def test_the_next_message_about_the_task_definition_revokes_it_too(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.harness.world = replace(UNTAGGED, asked=[])
    here.expect(None)
    assert here.patch(message_id="m-2").taken_back == 1  # a minute after it, say
    assert ledger.roles.granted(ROLE) == ()


def test_a_new_key_renews_nothing_so_that_the_grant_stays(set_up: SetUp, ledger: Ledger) -> None:
    """The secret got a key of its own, and lost its tag while that was granted: the grant was confirmed before."""
    keyed = replace(GHCR, key=key())
    keep(ledger, *recorded(GHCR))
    here = set_up(replace(WRITTEN, secrets=(keyed,)))
    here.expect(render(policy_document(granted(keyed))))
    assert here.patch().written
    lapsed = replace(WRITTEN, roles=(holder(keyed),), secrets=(replace(keyed, tags={}),))
    assert review(here, lapsed).withdrawn == 0
    assert ledger.roles.granted(ROLE) == granted(keyed)


def test_a_grant_of_an_earlier_message_is_left(set_up: SetUp, ledger: Ledger) -> None:
    keep(ledger, *recorded(HUB))
    here = set_up(replace(BROKEN, roles=(holder(HUB),), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    here.expect(render(policy_document(granted(HUB))))
    world = replace(UNTAGGED, roles=(holder(GHCR, HUB),), secrets=(secret(registry=None), HUB))
    assert review(here, world).withdrawn == 1
    assert ledger.roles.granted(ROLE) == granted(HUB)


def test_a_grant_that_aws_does_not_let_be_revoked_is_known_and_reported_as_remaining(
    set_up: SetUp, ledger: Ledger
) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.expect(None, error="AccessDenied")
    assert review(here, UNTAGGED).withdrawn == 0
    (record,) = ledger.roles.item(ROLE).grants
    assert not record.is_confirmed
    (failure,) = failures(here)
    assert "the grant REMAINS" in failure["why"]
    assert "iam:DeleteRolePolicy" in failure["why"]
    assert failure["snippet"] == f"aws iam delete-role-policy --role-name web-execution --policy-name {OWN_POLICY}"


def test_every_sweep_asks_for_it_and_a_review_revokes_it(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    assert asked(here) == []
    grant(here)
    here.expect(None, error="AccessDenied")
    review(here, UNTAGGED)
    assert asked(here) == [str(ROLE)]
    here.expect(None)
    assert review(here, UNTAGGED, message_id="m-3").withdrawn == 1
    assert ledger.roles.granted(ROLE) == ()


def test_a_revocation_is_reported_although_the_bus_refuses_once(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.expect(None)
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        review(here, UNTAGGED)
    assert ledger.roles.granted(ROLE) == granted(GHCR)
    review(here, replace(UNTAGGED, roles=(role(),)), message_id="m-3")
    assert ledger.roles.granted(ROLE) == ()
    revoked = here.harness.sent.details("Remediation Completed")[-1]["remediation"]
    assert (revoked["kind"], "is not opted in" in revoked["why"]) == ("withdraw", True)


SETTLED: dict[str, tuple[World, bool]] = {
    "somebody-has-removed-it": (replace(UNTAGGED, roles=(role(),)), False),
    "the-role-is-gone": (replace(UNTAGGED, roles=()), False),
    "both-owners-consent-again": (WRITTEN, True),
}


@pytest.mark.parametrize(("world", "kept"), SETTLED.values(), ids=SETTLED)
def test_an_unneeded_revocation_costs_no_write(set_up: SetUp, ledger: Ledger, world: World, *, kept: bool) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.expect(None, error="AccessDenied")
    review(here, UNTAGGED)
    assert review(here, world, message_id="m-3").withdrawn == 0
    assert ledger.roles.granted(ROLE) == (granted(GHCR) if kept else ())


def test_nothing_is_revoked_from_a_role_that_was_created_again(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    grant(here)
    again = holder(GHCR, created_at=NOW + timedelta(minutes=10))
    assert review(here, replace(UNTAGGED, roles=(again,))).withdrawn == 0
    assert ledger.roles.granted(ROLE) == ()


UNREADABLE: dict[str, dict[str, Any]] = {
    "the-role": {str(ROLE): denied()},
    "the-secret": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_grant_stays_known(set_up: SetUp, ledger: Ledger, unreadable: dict[str, Any]) -> None:
    here = set_up(BROKEN)
    grant(here)
    with suppress(NotNow):
        assert review(here, replace(UNTAGGED, unreadable=unreadable)).withdrawn == 0
    (record,) = ledger.roles.item(ROLE).grants
    assert not record.is_confirmed
    here.expect(None)
    assert review(here, UNTAGGED, message_id="m-3").withdrawn == 1


def test_a_stack_that_only_observes_by_now_writes_nothing(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.harness.mode = "observe"
    assert "only observes" in review(here, UNTAGGED).why
    assert ledger.roles.granted(ROLE) == granted(GHCR)


DIED: dict[str, Callable[[PatchHarness], None]] = {
    "before-it-was-told": lambda here: here.harness.sent.failing.append("put_events"),
    "before-the-last-check-was-requested": lambda here: here.harness.sent.failing.append("send_message_batch"),
}


@pytest.mark.parametrize("die", DIED.values(), ids=DIED)
def test_a_grant_that_a_dead_run_left_is_found_and_revoked(
    set_up: SetUp, ledger: Ledger, die: Callable[[PatchHarness], None]
) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))))
    die(here)
    with pytest.raises(Crash):
        here.patch()
    assert asked(here) == [str(ROLE)]
    here.expect(None)
    assert review(here, UNTAGGED).withdrawn == 1
    assert ledger.roles.granted(ROLE) == ()
    assert [each["remediation"]["kind"] for each in here.harness.sent.details("Remediation Completed")] == [
        "grant",
        "withdraw",
    ]


def test_another_grant_of_the_same_message_is_judged_by_itself(set_up: SetUp, ledger: Ledger) -> None:
    both = task_definition(container(GHCR), container(HUB, image="docker.io/acme/proxy:1", name="proxy"))
    here = set_up(replace(BROKEN, task_definitions=(both,), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    here.expect(render(policy_document(granted(HUB))))
    world = replace(here.harness.world, roles=(holder(GHCR, HUB),), secrets=(secret(registry=None), HUB))
    assert review(here, world).withdrawn == 1
    (record,) = ledger.roles.item(ROLE).grants
    assert (record.granted, record.is_confirmed) == (granted(HUB)[0], True)


# --- While writes are stopped ---

STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00", reason="a bad deploy")


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_while_it_is_stopped_or_held_not_even_a_grant_without_consent_is_revoked(
    set_up: SetUp, ledger: Ledger, how: str
) -> None:
    here = set_up(BROKEN)
    grant(here)
    if how == "stopped":
        here.harness.stop = switch_text(STOP)
    else:
        ledger.roles.save_hold(ROLE, STOP)
    assert review(here, UNTAGGED).withdrawn == 0
    (planned,) = here.harness.sent.details("Remediation Planned")
    assert planned["remediation"]["kind"] == "withdraw"
    assert str(STOP) in planned["remediation"]["why"]
    assert ledger.holds.waiting(now=here.harness.time) == (ROLE,)
    here.harness.stop = GO_ON
    ledger.roles.end_hold(ROLE)
    here.expect(None)
    assert review(here, UNTAGGED, message_id="m-3").withdrawn == 1


def test_an_open_circuit_breaker_does_not_hold_up_the_revocation_which_is_counted(
    set_up: SetUp, ledger: Ledger
) -> None:
    here = set_up(BROKEN, writes_per_hour=1)
    here.harness.time = NOW.replace(minute=0)
    grant(here)
    here.expect(None)
    assert review(here, UNTAGGED).withdrawn == 1
    assert ledger.roles.item(ROLE).writes_this_hour(GHCR.arn, here.harness.time) == 2


def test_rules_and_grace_are_for_confirmed_grants_only(set_up: SetUp) -> None:
    here = set_up(BROKEN)
    grant(here)
    here.expect(None)
    never = RevocationRules(unneeded=False, without_consent=False, grace=timedelta(days=365))
    assert review(here, UNTAGGED, rules=never).withdrawn == 1


def test_a_write_of_which_nothing_is_known_is_waited_for_before_anything_is_revoked(
    set_up: SetUp, ledger: Ledger
) -> None:
    keep(ledger, writes=(a_write((), granted(GHCR), outcome="planned"),))
    here = set_up(UNTAGGED)
    assert "not known yet" in review(here, UNTAGGED, after=SHOWS_AFTER - timedelta(seconds=1)).why
    here.expect(None)
    assert review(here, UNTAGGED, after=timedelta(seconds=1)).withdrawn == 1
