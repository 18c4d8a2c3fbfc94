"""Since when a grant is unneeded, as complete sweeps find it, and the messages that ask for a review."""

import json
from datetime import timedelta

import pytest

from pullguard.domain.errors import Rejected
from pullguard.domain.messages import LISTED, Review, parse_command
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.domain.role_policy import RevocationRules
from pullguard.store.entries import Entry
from tests.fakes import ACCOUNT, NOW, Crash, granted, revision_arn
from tests.unit.workflows.granted_role import ROLE
from tests.unit.workflows.patch_role.revocation.scene import GHCR, GRACE_DAYS, HUB, UNUSED, SetUp


def test_marks_are_set_although_nothing_is_to_be_revoked(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.rules = RevocationRules()
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    marks = {each.granted.secret: each.unneeded_since for each in here.harness.ledger.roles.item(ROLE).grants}
    assert marks == {GHCR.arn: NOW, HUB.arn: None}


NAME = role_name(ACCOUNT, "web-execution")
USES: dict[str, tuple[list[tuple[str, ...]], bool]] = {
    "one-task-definition-names-both": ([(NAME, str(GHCR.arn))], False),
    "nothing-names-the-secret": ([(NAME,)], True),
    "nothing-names-the-role": ([(str(GHCR.arn),)], True),
    "two-name-one-of-them-each": ([(NAME,), (str(GHCR.arn),)], True),
    "nothing-at-all": ([], True),
}


@pytest.mark.parametrize(("uses", "marked"), USES.values(), ids=USES)
def test_a_grant_is_unneeded_unless_one_task_definition_names_its_role_and_its_secret(
    set_up: SetUp, uses: list[tuple[str, ...]], *, marked: bool
) -> None:
    here = set_up(UNUSED)
    for number, things in enumerate(uses):
        here.harness.ledger.entries.keep_references(revision_arn(f"f{number}"), Entry(), frozenset(things))
    here.sweep()
    here.review()
    assert here.record(GHCR).unneeded_since == (NOW if marked else None)


@pytest.mark.parametrize("sweep", ["s-1", "s-3", "e-1"], ids=["an-earlier-ones", "a-later-ones", "nobodys"])
def test_the_review_of_another_sweep_than_the_last_complete_one_revokes_nothing(set_up: SetUp, sweep: str) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    assert here.review(sweep=sweep).withdrawn == 0
    assert here.record(GHCR).unneeded_since == NOW  # and proves nothing either way
    here.expect_put(HUB)
    assert here.review(message_id="m-2").withdrawn == 1


@pytest.mark.parametrize("sweep", ["s-0", "s-2"], ids=["an-earlier-ones", "a-later-ones"])
def test_the_review_of_another_sweep_marks_nothing(set_up: SetUp, sweep: str) -> None:
    here = set_up(UNUSED)
    here.know()
    here.sweep()
    here.review(sweep=sweep)
    assert here.record(GHCR).unneeded_since is None


def test_a_mark_keeps_its_day_and_no_later_sweep_renews_it(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.know()
    for _ in range(3):
        here.sweep()
        here.review()
        here.harness.later(days=1)
    assert here.record(GHCR).unneeded_since == NOW
    assert here.harness.time - NOW < timedelta(days=GRACE_DAYS)
    assert here.kept() == set(granted(GHCR, HUB))


def test_a_sweep_that_dies_before_it_has_asked_asks_again(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.know()
    here.harness.sent.failing = ["send_message"]
    with pytest.raises(Crash):
        here.sweep()
    sweep = here.harness.definition_store.sweep()
    assert sweep is not None
    assert sweep.end == "complete"
    here.settle(sweep)
    assert here.asked() == [str(ROLE)]


MALFORMED = {
    "no-arn": "web-execution",
    "another-service": str(GHCR.arn),
    "a-wildcard": f"arn:aws:iam::{ACCOUNT}:role/*",
    "nothing": "",
    "a-number": 7,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_review_of_what_is_no_role_is_rejected(text: object) -> None:
    cause = Provenance(kind=LISTED, event_id="s-1", at=NOW).to_dict()
    with pytest.raises(Rejected):
        parse_command(json.dumps({"role": text, "cause": cause}))


def test_a_message_about_both_is_a_validation_that_writes_only_what_is_needed() -> None:
    cause = Provenance(kind=LISTED, event_id="s-1", at=NOW).to_dict()
    both = {"role": str(ROLE), "task_definition": str(revision_arn()), "cause": cause}
    assert not isinstance(parse_command(json.dumps(both)), Review)
