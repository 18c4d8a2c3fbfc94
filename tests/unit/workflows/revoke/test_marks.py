"""The marks that sweeps leave on what is unused, and the messages that ask for a review."""

import json

import pytest

from pullguard.domain.errors import Rejected
from pullguard.domain.messages import LISTED, Review, parse_command
from pullguard.domain.provenance import Provenance
from pullguard.workflows.settle import Settler
from tests.fakes import ACCOUNT, NOW, Crash, revision_arn
from tests.unit.workflows.revoke.scene import GHCR, GRACE_DAYS, HUB, ROLE, UNUSED, Acted


def test_marks_are_set_although_nothing_is_to_be_revoked(act: Acted) -> None:
    here = act(UNUSED)
    here.revoke = False
    here.unused_for(GRACE_DAYS)
    marks = {each.granted.secret: each.unused_since for each in here.harness.ledger.roles.grant_records(ROLE)}
    assert marks == {GHCR.arn: NOW, HUB.arn: None}
    assert here.asked() == []


def test_a_mark_of_an_earlier_sweep_is_none_of_the_last_ones(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    (due,) = (each for each in here.harness.ledger.roles.grant_records(ROLE) if each.unused_since)
    assert due.is_due("s-2", grace_days=GRACE_DAYS, now=here.harness.time)
    assert not due.is_due("s-3", grace_days=GRACE_DAYS, now=here.harness.time)


def test_a_sweep_that_dies_before_it_counts_as_complete_marks_again_and_one_that_dies_after_asks_again(
    act: Acted,
) -> None:
    here = act(UNUSED)
    here.grace_days = 0
    here.know()
    here.harness.sent.failing = ["send_message"]
    with pytest.raises(Crash):
        here.sweep()
    sweep = here.harness.definition_store.sweep()
    assert sweep is not None
    assert sweep.end == "complete"
    Settler(
        definition_store=here.harness.definition_store, unused=here.harness.unused(grace_days=0), now=here.harness.now
    ).check(sweep, 0)
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


def test_a_message_about_both_is_a_look_which_writes_only_what_is_needed() -> None:
    cause = Provenance(kind=LISTED, event_id="s-1", at=NOW).to_dict()
    both = {"role": str(ROLE), "task_definition": str(revision_arn()), "cause": cause}
    assert not isinstance(parse_command(json.dumps(both)), Review)
