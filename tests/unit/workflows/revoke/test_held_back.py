"""Reasons to delay a revocation: observing, a stop or a hold, the circuit breaker, IAM's refusal, and another run."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.stop import Stop, switch_text
from pullguard.workflows.role_lock import ROLE_LOCK_S
from tests.fakes import Crash, granted, secret
from tests.unit.workflows.revoke.scene import GHCR, GRACE_DAYS, HUB, ROLE, UNUSED, Acted, holder

OBSERVE = {"pullguard:mode": "observe"}
OBSERVED: dict[str, dict[str, Any]] = {
    "the-mode-is-observe": {"mode": "observe"},
    "a-tag-on-the-role": {"roles": (holder(GHCR, HUB, tags=OBSERVE),)},
    "a-tag-on-the-secret": {"secrets": (secret(tags=OBSERVE), HUB)},
}


@pytest.mark.parametrize("changes", OBSERVED.values(), ids=OBSERVED)
def test_observing_tells_once_what_would_be_taken_back(act: Acted, changes: dict[str, Any]) -> None:
    mode = changes.get("mode", "remediate")
    here = act(replace(UNUSED, **{name: each for name, each in changes.items() if name != "mode"}), mode=mode)
    here.unused_for(GRACE_DAYS)
    for occasion in ("m-1", "m-2"):
        assert here.review(occasion=occasion).withdrawn == 0
    assert here.reported() == ["Remediation Planned"]
    assert here.kept() == set(granted(GHCR, HUB))


LIMITS = "arn:aws:iam::111122223333:policy/limits"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "its-owner-took-the-tag": ({"managed": False}, "is not opted in: it has no tag pullguard:managed=true"),
    "it-has-not-the-required-boundary": ({"required_boundary": LIMITS}, f"lacks the permissions boundary {LIMITS}"),
}


@pytest.mark.parametrize(("changes", "why"), REFUSED.values(), ids=REFUSED)
def test_a_role_on_which_iam_would_refuse_the_write_is_refused(act: Acted, changes: dict[str, Any], why: str) -> None:
    here = act(replace(UNUSED, roles=(holder(GHCR, HUB, **changes),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert why in here.why("Remediation Refused")
    assert here.kept() == set(granted(GHCR, HUB))


STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00")


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_while_it_is_stopped_or_held_nothing_is_taken_back(act: Acted, how: str) -> None:
    here = act(UNUSED, stop=switch_text(STOP)) if how == "stopped" else act(UNUSED)
    if how == "held":
        here.harness.ledger.roles.save_hold(ROLE, STOP)
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert str(STOP) in here.why("Remediation Planned")
    assert here.kept() == set(granted(GHCR, HUB))


def test_the_circuit_breaker_counts_withdrawals_too(act: Acted) -> None:
    here = act(UNUSED, writes_per_hour=1)
    here.unused_for(GRACE_DAYS)
    here.harness.ledger.write_counts.add(f"the grant of {GHCR.arn} on the role {ROLE}", now=here.harness.time)
    assert here.review().withdrawn == 0
    assert "was written to 1 times in this hour" in here.why("Remediation Failed")


def test_a_refusal_of_iam_is_told_and_forgets_nothing(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB, error="AccessDenied")
    assert here.review().withdrawn == 0
    assert "iam:PutRolePolicy" in here.why("Remediation Failed")
    assert here.kept() == set(granted(GHCR, HUB))


def test_a_run_that_dies_after_the_write_is_made_good_by_the_next_exactly_once(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.review()
    here.harness.world.roles = (holder(HUB),)
    assert "another run is at" in here.review(occasion="m-2").why  # the dead run's writes are unknown yet
    assert here.review().withdrawn == 1
    here.harness.later(seconds=ROLE_LOCK_S)
    assert here.review(occasion="m-2").withdrawn == 0
    assert here.kept() == set(granted(HUB))
    assert len(here.harness.ledger.roles.writes(ROLE)) == 2


@pytest.mark.parametrize(("minutes", "revoked"), [(1, 0), (6, 1)], ids=["a-moment-ago", "long-ago"])
def test_what_was_granted_a_moment_ago_and_iam_does_not_show_yet_is_not_written_away(
    act: Acted, minutes: int, revoked: int
) -> None:
    here, quay = act(UNUSED), secret("registry/quay", "QuayQu", registry="quay.io")
    here.unused_for(GRACE_DAYS)
    here.harness.ledger.roles.record_write(
        ROLE, write_id="m-0", record={}, now=here.harness.time - timedelta(minutes=minutes)
    )
    here.harness.ledger.roles.keep_grants(ROLE, granted(quay))
    if revoked:
        here.expect_put(HUB)
    reviewed = here.review()
    assert reviewed.withdrawn == revoked
    assert revoked or "IAM does not show yet" in reviewed.why
