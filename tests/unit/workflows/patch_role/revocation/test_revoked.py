"""Unneeded grants are revoked: from the finding of a complete sweep to the exact request to IAM."""

import json
from dataclasses import replace
from datetime import timedelta

from pullguard.domain.messages import LISTED, UNLISTED, Review
from pullguard.domain.policy_document import POLICY_NAME, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.usage import Usage
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER
from pullguard.workflows.role_reports import REVOKED_SHOWS_S
from tests.fakes import NOW, World, container, granted, revision_arn, role, secret, task_definition
from tests.flows import request
from tests.unit.workflows.granted_role import ROLE, a_write, holder, keep
from tests.unit.workflows.patch_role.revocation.scene import GHCR, GRACE_DAYS, HUB, KEYED, UNUSED, USES_HUB, SetUp


def test_an_unneeded_grant_is_revoked_after_the_grace_and_reported(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    assert here.asked() == [str(ROLE)] * 2
    here.expect_put(HUB)
    assert here.review().withdrawn == 1
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert detail["remediation"]["kind"] == "withdraw"
    assert detail["remediation"]["secret"] == str(GHCR.arn)
    assert detail["remediation"]["why"] == "no task definition in use names it"
    assert detail["remediation"]["before"] == render(policy_document(granted(GHCR, HUB)))
    assert detail["remediation"]["after"] == render(policy_document(granted(HUB)))
    assert here.kept() == set(granted(HUB))


def test_every_revocation_is_recorded_as_the_other_writes_are(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.review()
    written = here.harness.ledger.roles.writes(ROLE)[-1]
    assert written.at == here.harness.time.isoformat()
    assert (written.cause, written.event_id, written.by) == (LISTED, "s-2", "pullguard")
    assert written.before == render(policy_document(granted(GHCR, HUB)))
    assert written.after == render(policy_document(granted(HUB)))
    (write,) = here.harness.ledger.roles.item(ROLE).writes
    assert write.users[str(GHCR.arn)] == str(revision_arn("web", 6))


def test_its_last_user_and_the_role_are_validated_again_after_it(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.review()
    requests = [each for each in here.harness.sent.messages if each["QueueUrl"] == "validations"]
    user, last = (json.loads(each["MessageBody"]) for each in requests)
    assert user["task_definition"] == str(revision_arn("web", 6))
    cause = Provenance(kind=LISTED, event_id="s-2", at=here.harness.time)
    assert last == json.loads(Review(role=ROLE, provenance=cause).to_json())
    assert [each["DelaySeconds"] for each in requests] == [REVOKED_SHOWS_S, LAST_CHECK_AFTER.total_seconds()]


def test_a_policy_that_would_be_empty_is_deleted(set_up: SetUp) -> None:
    here = set_up(World((), (holder(KEYED),), (KEYED,)), KEYED)
    here.unused_for(GRACE_DAYS)
    here.expect_delete()
    assert here.review().withdrawn == 1
    assert here.harness.ledger.roles.writes(ROLE)[-1].after is None
    assert here.kept() == set()


def test_a_policy_that_is_gone_already_costs_no_write(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, roles=(role(),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert (here.reported(), here.kept()) == ([], set())


def test_without_a_grace_the_first_complete_sweep_is_enough(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.allow(grace=timedelta(0))
    here.know()
    here.sweep()
    here.expect_put(HUB)
    assert here.review().withdrawn == 1


def test_a_deleted_secret_costs_no_write_and_goes_with_the_next_one(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(HUB, KEYED)), GHCR, HUB, KEYED)
    here.allow(unneeded=False)
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert here.kept() == set(granted(GHCR, HUB, KEYED))
    here.allow(unneeded=True)
    here.expect_put(HUB)
    assert here.review(message_id="m-2").withdrawn == 2
    why = {each["remediation"]["why"] for each in here.harness.sent.details("Remediation Completed")}
    assert why == {"the secret no longer exists", "no task definition in use names it"}


def test_an_unneeded_grant_goes_although_its_secret_lost_its_opt_in(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, secrets=(secret(registry=None), HUB)))
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    assert here.review().withdrawn == 1
    assert here.why("Remediation Completed") == "no task definition in use names it"


def test_a_needed_grant_whose_secret_lost_its_opt_in_stays_until_the_deployment_says_so(set_up: SetUp) -> None:
    """Allowing the revocation of unneeded grants does not allow this."""
    untagged = secret("registry/hub", "HubHub", registry=None)
    here = set_up(replace(UNUSED, roles=(holder(HUB),), secrets=(untagged,)), HUB)
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert "does not consent to this grant any more" in here.why("Remediation Planned")
    here.allow(without_consent=True)
    here.expect_delete()
    assert here.review(message_id="m-2").withdrawn == 1
    assert here.why("Remediation Completed") == "an owner does not consent"


def test_a_needed_grant_without_consent_is_revoked_after_the_grace_if_the_deployment_says_so(set_up: SetUp) -> None:
    untagged = secret("registry/hub", "HubHub", registry=None)
    here = set_up(replace(UNUSED, roles=(holder(HUB),), secrets=(untagged,)), HUB)
    here.allow(without_consent=True, unneeded=False)
    here.unused_for(GRACE_DAYS - 1)
    assert here.review().withdrawn == 0
    here.harness.later(days=1)
    here.expect_delete()
    assert here.review(message_id="m-2").withdrawn == 1


def test_a_grant_that_only_a_dead_revision_names_is_revoked_once_a_sweep_has_found_it_dead(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, running=Usage(newest=False)), GHCR)
    here.harness.world = replace(here.harness.world, roles=(holder(GHCR),), task_definitions=(USES_HUB,))
    here.unused_for(GRACE_DAYS)
    here.harness.world = replace(here.harness.world, task_definitions=(task_definition(container(GHCR)),))
    assert here.review().withdrawn == 0
    here.harness.validate(request(revision_arn(), kind=UNLISTED))
    for message_id, withdrawn in (("m-2", 0), ("m-3", 1)):  # the grace begins anew
        here.harness.later(days=GRACE_DAYS)
        here.sweep()
        if withdrawn:
            here.expect_delete()
        assert here.review(message_id=message_id).withdrawn == withdrawn


def test_a_grant_of_a_run_that_died_is_known_by_the_record_of_its_write(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(GHCR, HUB, KEYED)))
    dead = a_write(granted(GHCR, HUB), granted(GHCR, HUB, KEYED), outcome="planned", at=NOW - timedelta(minutes=5))
    keep(here.harness.ledger, writes=(dead,))
    here.unused_for(GRACE_DAYS)
    assert here.kept() == set(granted(GHCR, HUB, KEYED))
    here.expect_put(HUB, KEYED)
    assert here.review().withdrawn == 1
    assert here.kept() == set(granted(HUB, KEYED))
    here.harness.world.roles = (holder(HUB, KEYED),)
    here.harness.later(days=GRACE_DAYS)
    here.sweep()
    here.expect_put(HUB)  # its own grace period began with the first sweep that knew of it
    assert here.review(message_id="m-2").withdrawn == 1


def test_a_grant_in_the_policy_of_the_former_name_is_revoked_there(set_up: SetUp) -> None:
    """It had no room under the new name; what another stack granted there stays."""
    here = set_up(World((), (holder(GHCR, KEYED, policy=POLICY_NAME),), (KEYED,)), GHCR)
    keep(here.harness.ledger)
    here.harness.world.secrets = (secret(registry=None), KEYED)
    (unconfirmed,) = (replace(each, is_confirmed=False) for each in here.harness.ledger.roles.item(ROLE).grants)
    keep(here.harness.ledger, unconfirmed)
    names = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
    here.stubber.add_response(
        "put_role_policy", {}, {**names, "PolicyDocument": render(policy_document(granted(KEYED)))}
    )
    here.sweep(complete=False)
    assert here.review().withdrawn == 1
    assert here.kept() == set()
