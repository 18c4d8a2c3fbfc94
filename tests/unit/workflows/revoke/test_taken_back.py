"""Unused grants are revoked: from the mark of a complete sweep to the exact request to IAM."""

from dataclasses import replace

from pullguard.domain.messages import LISTED
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.usage import Usage
from tests.fakes import NOW, World, container, granted, revision_arn, role, secret, task_definition
from tests.unit.workflows.revoke.scene import (
    GHCR,
    GRACE_DAYS,
    HUB,
    KEYED,
    ROLE,
    UNUSED,
    USES_HUB,
    Acted,
    holder,
    record,
)


def test_what_nothing_needs_is_taken_back_after_the_grace_and_told(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    assert here.asked() == [str(ROLE)]
    here.expect_put(HUB)
    assert here.review().withdrawn == 1
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert detail["remediation"]["kind"] == "withdraw"
    assert detail["remediation"]["secret"] == str(GHCR.arn)
    assert detail["remediation"]["before"] == render(policy_document(granted(GHCR, HUB)))
    assert detail["remediation"]["after"] == render(policy_document(granted(HUB)))
    assert here.kept() == set(granted(HUB))


def test_every_withdrawal_is_recorded_as_the_other_writes_are(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.review()
    written = here.harness.ledger.roles.writes(ROLE)[-1]
    assert written.at == here.harness.time.isoformat()
    assert (written.cause, written.event_id, written.by) == (LISTED, "s-2", "pullguard")
    assert written.task_definition == str(revision_arn("web", 6))
    assert written.before == render(policy_document(granted(GHCR, HUB)))
    assert written.after == render(policy_document(granted(HUB)))


def test_after_it_those_who_use_the_role_are_looked_at_again(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.review()
    assert [each["task_definition"] for each in here.harness.sent.bodies("validations")] == [str(revision_arn())]


def test_a_policy_that_would_be_empty_is_deleted(act: Acted) -> None:
    here = act(World((), (holder(KEYED),), (KEYED,)), KEYED)
    here.unused_for(GRACE_DAYS)
    here.expect_delete()
    assert here.review().withdrawn == 1
    assert here.harness.ledger.roles.writes(ROLE)[-1].after is None
    assert here.kept() == set()


def test_a_policy_that_is_gone_already_costs_no_write(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(role(),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 1
    assert (here.reported(), here.kept()) == ([], set(granted(HUB)))


def test_without_a_grace_one_complete_sweep_is_enough(act: Acted) -> None:
    here = act(UNUSED)
    here.grace_days = 0
    here.know()
    here.sweep()
    here.expect_put(HUB)
    assert here.review().withdrawn == 1


def test_a_deleted_secret_that_is_named_no_more_is_taken_back(act: Acted) -> None:
    here = act(replace(UNUSED, secrets=(HUB,)))
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    assert here.review().withdrawn == 1


def test_a_secret_that_lost_its_opt_in_is_taken_back_like_any_other(act: Acted) -> None:
    here = act(replace(UNUSED, secrets=(secret(registry=None), HUB)))
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    assert here.review().withdrawn == 1


def test_what_only_a_dead_revision_names_goes(act: Acted) -> None:
    here = act(replace(UNUSED, running=Usage(newest=False)), GHCR)
    here.harness.world = replace(here.harness.world, roles=(holder(GHCR),), task_definitions=(USES_HUB,))
    here.unused_for(GRACE_DAYS)
    here.harness.world = replace(here.harness.world, task_definitions=(task_definition(container(GHCR)),))
    here.expect_delete()
    assert here.review().withdrawn == 1


def test_what_a_run_that_died_had_granted_is_known_by_the_record_of_its_write(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(GHCR, HUB, KEYED)))
    before, after = (render(policy_document(granted(*held))) for held in ((GHCR, HUB), (GHCR, HUB, KEYED)))
    here.harness.ledger.roles.record_write(ROLE, write_id="m-9", record=record(before, after), now=NOW)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB, KEYED)
    assert here.review().withdrawn == 1
    assert here.kept() == set(granted(HUB, KEYED))
