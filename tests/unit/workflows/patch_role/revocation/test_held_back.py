"""Reasons to delay a revocation: observing, a stop or a hold, IAM's refusal, and another run; not the breaker."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.domain.stop import Stop, switch_text
from tests.fakes import Crash, granted, secret
from tests.unit.workflows.granted_role import ROLE, a_write, count_write, holder, keep, recorded
from tests.unit.workflows.patch_role.revocation.scene import GHCR, GRACE_DAYS, HUB, UNUSED, SetUp

OBSERVE = {"pullguard:mode": "observe"}
OBSERVED: dict[str, dict[str, Any]] = {
    "the-mode-is-observe": {"mode": "observe"},
    "a-tag-on-the-role": {"roles": (holder(GHCR, HUB, tags=OBSERVE),)},
    "a-tag-on-the-secret": {"secrets": (secret(tags=OBSERVE), HUB)},
}


@pytest.mark.parametrize("changes", OBSERVED.values(), ids=OBSERVED)
def test_observing_revokes_nothing_and_reports_nothing(set_up: SetUp, changes: dict[str, Any]) -> None:
    mode = changes.get("mode", "remediate")
    here = set_up(replace(UNUSED, **{name: each for name, each in changes.items() if name != "mode"}), mode=mode)
    here.unused_for(GRACE_DAYS)
    for message_id in ("m-1", "m-2"):
        assert here.review(message_id=message_id).withdrawn == 0
    assert here.reported() == []
    assert here.kept() == set(granted(GHCR, HUB))
    assert here.record(GHCR).unneeded_since is None


LIMITS = "arn:aws:iam::111122223333:policy/limits"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "its-owner-took-the-tag": ({"managed": False}, "is not opted in: it has no tag pullguard:managed=true"),
    "it-has-not-the-required-boundary": ({"required_boundary": LIMITS}, f"lacks the permissions boundary {LIMITS}"),
}


@pytest.mark.parametrize("changes", [each for each, _ in REFUSED.values()], ids=REFUSED)
def test_a_role_on_which_iam_would_refuse_the_write_is_reported_and_not_tried(
    set_up: SetUp, changes: dict[str, Any]
) -> None:
    here = set_up(replace(UNUSED, roles=(holder(GHCR, HUB, **changes),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    planned = [each["remediation"] for each in here.harness.sent.details("Remediation Planned")]
    assert {(each["secret"], "does not consent" in each["why"]) for each in planned} == {
        (str(each.arn), True) for each in (GHCR, HUB)
    }
    assert here.kept() == set(granted(GHCR, HUB))


@pytest.mark.parametrize(("changes", "why"), REFUSED.values(), ids=REFUSED)
def test_a_role_on_which_iam_refuses_the_write_keeps_its_grants_and_reports_them(
    set_up: SetUp, changes: dict[str, Any], why: str
) -> None:
    here = set_up(replace(UNUSED, roles=(holder(GHCR, **changes),)))
    here.allow(without_consent=True)
    keep(here.harness.ledger, *recorded(GHCR, is_confirmed=False))
    here.expect_delete(error="AccessDenied")
    here.sweep()
    assert here.review().withdrawn == 0
    (detail,) = here.harness.sent.details("Remediation Failed")
    assert "the grant REMAINS" in detail["remediation"]["why"]
    assert why in detail["remediation"]["why"]
    assert set(granted(GHCR)) <= here.kept()


STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00")


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_nothing_is_revoked_while_it_is_stopped_or_held(set_up: SetUp, how: str) -> None:
    here = set_up(UNUSED, stop=switch_text(STOP)) if how == "stopped" else set_up(UNUSED)
    if how == "held":
        here.harness.ledger.roles.save_hold(ROLE, STOP)
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert str(STOP) in here.why("Remediation Planned")
    assert here.kept() == set(granted(GHCR, HUB))


def test_an_open_circuit_breaker_holds_back_no_revocation_and_counts_it(set_up: SetUp) -> None:
    here = set_up(UNUSED, writes_per_hour=1)
    here.unused_for(GRACE_DAYS)
    count_write(here.harness.ledger, GHCR.arn, here.harness.time)
    here.expect_put(HUB)
    assert here.review().withdrawn == 1
    assert here.harness.ledger.roles.item(ROLE).writes_this_hour(GHCR.arn, here.harness.time) == 2


def test_a_refusal_of_iam_is_reported_and_forgets_nothing(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB, error="AccessDenied")
    assert here.review().withdrawn == 0
    assert "the grant REMAINS" in here.why("Remediation Failed")
    assert "iam:PutRolePolicy" in here.why("Remediation Failed")
    assert here.kept() == set(granted(GHCR, HUB))
    here.expect_put(HUB)
    assert here.review(message_id="m-2").withdrawn == 1


def test_a_run_that_dies_after_the_write_is_made_good_by_the_next_exactly_once(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.review()
    here.harness.world.roles = (holder(HUB),)
    for message_id in ("m-2", "m-1"):
        assert "not known yet" in here.review(message_id=message_id).why
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    assert here.review(message_id="m-2").withdrawn == 0
    assert here.kept() == set(granted(HUB))
    assert [each.outcome for each in here.harness.ledger.roles.writes(ROLE)] == ["written"]


@pytest.mark.parametrize(("minutes", "stays"), [(1, True), (6, False)], ids=["a-moment-ago", "long-ago"])
def test_a_recent_grant_that_iam_does_not_show_yet_is_not_overwritten(
    set_up: SetUp, minutes: int, *, stays: bool
) -> None:
    quay = secret("registry/quay", "QuayQu", registry="quay.io")
    here = set_up(replace(UNUSED, secrets=(GHCR, HUB, quay)))
    here.unused_for(GRACE_DAYS)
    at = here.harness.time - timedelta(minutes=minutes)
    write = a_write(granted(GHCR, HUB), granted(GHCR, HUB, quay), at=at)
    keep(here.harness.ledger, *recorded(quay, granted_at=at, is_confirmed=False), writes=(write,))
    here.expect_put(*((HUB, quay) if stays else (HUB,)))
    assert here.review().withdrawn == 1
    assert here.kept() == set(granted(*((HUB, quay) if stays else (HUB,))))
