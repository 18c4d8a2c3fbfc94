"""What is taken back, and above all what is not: from the mark of a complete sweep to the very request to IAM."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.arn import Arn
from pullguard.aws.iam import Iam
from pullguard.errors import Rejected
from pullguard.events import Cause
from pullguard.flows.patch_role import RolePatcher
from pullguard.flows.role_lease import ROLE_LEASE_S
from pullguard.flows.settle import Settler
from pullguard.flows.withdraw import DEPENDENTS_MAX, Withdrawer, Withdrawn
from pullguard.ledger import Entry, Ledger
from pullguard.messages import LISTED, Review, parse_command
from pullguard.model import NamedPolicy, Usage
from pullguard.references import role_name
from pullguard.remedies.grant import POLICY_NAME, Granted, policy_document, render
from pullguard.roster import Sweep
from pullguard.stop import Stop, switch_text
from tests.fakes import (
    ACCOUNT,
    NOW,
    REGION,
    Crash,
    World,
    container,
    denied,
    key,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import Stage

GRACE_DAYS = 14
GHCR = secret()
HUB = secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret("keyed", "KeyKey", key=key())
ROLE = role_arn()
USES_HUB = task_definition(container(HUB, image="docker.io/acme/web:1"))


def granted(*secrets: Any) -> tuple[Granted, ...]:
    return tuple(Granted(secret=each.arn, key=each.key.arn if each.key else None) for each in secrets)


def holder(*secrets: Any, **changes: Any) -> Any:
    """The role with our policy, which grants these secrets."""
    policy = NamedPolicy(name=POLICY_NAME, document=policy_document(granted(*secrets)))
    return role(inline_policies=(policy,), **changes)


# web:7 needs the hub's secret; the other one was granted for a revision that is gone.
UNUSED = World((USES_HUB,), (holder(GHCR, HUB),), (GHCR, HUB))


class Act:
    """A stage where sweeps come and go, and a withdrawer whose writes to IAM are exactly those that are expected."""

    def __init__(self, stage: Stage, stubber: Stubber, iam: Iam, *held: Any) -> None:
        self.stage, self.stubber, self.iam = stage, stubber, iam
        self.revoke, self.grace_days = True, GRACE_DAYS
        self.sweeps = 0
        stage.ledger.record_write(
            ROLE, write_id="m-0", record=record(None, render(policy_document(granted(*held)))), now=NOW
        )
        stage.ledger.keep_grants(ROLE, granted(*held), task_definition=str(revision_arn("web", 6)))

    def know(self) -> None:
        """Let the ledger know what the world's task definitions reference, as their validations do."""
        for each in self.stage.world.task_definitions:
            self.stage.ledger.keep_references(each.arn, Entry(), references(self.stage.world, each))

    def sweep(self, *, complete: bool = True) -> str:
        """Let a sweep go over everything; return its id."""
        self.sweeps += 1
        roster, id_ = self.stage.roster, f"s-{self.sweeps}"
        sweep = Sweep(id=id_, began_at=NOW.isoformat(), due=None)
        roster.begin(sweep)
        for each in self.stage.world.task_definitions:
            roster.ask(each.arn, id_)
            roster.answer(each.arn, id_, certain=complete)
        unused = self.stage.unused(revoke=self.revoke, grace_days=self.grace_days)
        Settler(roster=roster, unused=unused, now=self.stage.now).check(sweep, 0)
        return id_

    def unused_for(self, days: float) -> None:
        """Let two complete sweeps, so many days apart, find what is unused."""
        self.know()
        self.sweep()
        self.stage.later(days=days)
        self.sweep()

    def expect_put(self, *secrets: Any, error: str | None = None) -> None:
        request = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
        request["PolicyDocument"] = render(policy_document(granted(*secrets)))
        if error is None:
            self.stubber.add_response("put_role_policy", {}, request)
        else:
            self.stubber.add_client_error("put_role_policy", error, expected_params=request)

    def expect_delete(self) -> None:
        request = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
        self.stubber.add_response("delete_role_policy", {}, request)

    def review(self, *, occasion: str = "m-1") -> Withdrawn:
        executor = self.stage.executor()
        withdrawer = Withdrawer(
            executor=executor,
            roster=self.stage.roster,
            iam=self.iam,
            revoke=self.revoke,
            grace_days=self.grace_days,
        )
        review = Review(role=ROLE, cause=Cause(kind=LISTED, event_id=f"s-{self.sweeps}", at=NOW))
        result = RolePatcher(executor=executor, iam=self.iam, withdrawer=withdrawer).run(
            review.to_json(), occasion=occasion
        )
        assert isinstance(result, Withdrawn)
        return result

    def asked(self) -> list[str]:
        return [each["role"] for each in self.stage.sent.bodies("grants.fifo")]

    def kept(self) -> set[Granted]:
        return set(self.stage.ledger.granted(ROLE))

    def told(self) -> list[str]:
        return self.stage.sent.told()

    def why(self, kind: str) -> str:
        (detail,) = self.stage.sent.details(kind)
        why: str = detail["remediation"]["why"]
        return why


def record(before: str | None, after: str | None, event_id: str = "e-0") -> dict[str, Any]:
    cause = Cause(kind="RegisterTaskDefinition", event_id=event_id, at=NOW).to_dict()
    return {"before": before, "after": after, "task_definition": str(revision_arn("web", 6)), "cause": cause}


def references(world: World, definition: Any) -> frozenset[str]:
    named = {str(each.arn) for each in world.secrets if str(each.arn) in json.dumps(definition.raw)}
    return frozenset({role_name(ACCOUNT, "web-execution"), *named})


Acted = Callable[..., Act]


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Acted]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield lambda world, *held, **changes: Act(
            Stage(ledger, replace(world, asked=[]), **changes), stubber, Iam(client), *(held or (GHCR, HUB))
        )
        stubber.assert_no_pending_responses()


# --- What is taken back ------------------------------------------------------------------------------------------


def test_what_nothing_needs_is_taken_back_after_the_grace_and_told(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    assert here.asked() == [str(ROLE)]
    here.expect_put(HUB)
    assert here.review().withdrawn == 1
    (detail,) = here.stage.sent.details("Remediation Completed")
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
    written = here.stage.ledger.writes(ROLE)[-1]
    assert written.at == here.stage.time.isoformat()
    assert (written.cause, written.event_id, written.by) == (LISTED, "s-2", "pullguard")
    assert written.task_definition == str(revision_arn("web", 6))
    assert written.before == render(policy_document(granted(GHCR, HUB)))
    assert written.after == render(policy_document(granted(HUB)))


def test_after_it_those_who_use_the_role_are_looked_at_again(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB)
    here.review()
    assert [each["task_definition"] for each in here.stage.sent.bodies("validations")] == [str(revision_arn())]


def test_a_policy_that_would_be_empty_is_deleted(act: Acted) -> None:
    here = act(World((), (holder(KEYED),), (KEYED,)), KEYED)
    here.unused_for(GRACE_DAYS)
    here.expect_delete()
    assert here.review().withdrawn == 1
    assert here.stage.ledger.writes(ROLE)[-1].after is None
    assert here.kept() == set()


def test_a_policy_that_is_gone_already_costs_no_write(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(role(),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 1
    assert (here.told(), here.kept()) == ([], set(granted(HUB)))


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


# --- What is not -------------------------------------------------------------------------------------------------


def needed_again(here: Act) -> None:
    here.unused_for(GRACE_DAYS)
    here.stage.world.task_definitions += (task_definition(container(GHCR), family="api"),)
    here.know()
    here.sweep()


def switched_off(here: Act) -> None:
    here.unused_for(GRACE_DAYS)
    here.revoke = False


def only_incomplete(here: Act) -> None:
    here.know()
    here.sweep(complete=False)


NOTHING_DUE: dict[str, Callable[[Act], None]] = {
    "the-grace-is-not-over": lambda here: here.unused_for(GRACE_DAYS - 0.01),
    "no-sweep-was-ever-complete": only_incomplete,
    "the-last-complete-sweep-did-not-find-it-unused": needed_again,
    "it-is-switched-off": switched_off,
}


@pytest.mark.parametrize("arrange", NOTHING_DUE.values(), ids=NOTHING_DUE)
def test_a_forged_message_takes_back_nothing_that_is_not_due(act: Acted, arrange: Callable[[Act], None]) -> None:
    here = act(UNUSED)
    arrange(here)
    result = here.review()
    assert (result.withdrawn, here.told()) == (0, [])
    assert "unused for long enough" in result.why
    assert here.kept() == set(granted(GHCR, HUB))


def test_an_incomplete_sweep_takes_back_nothing_and_asks_for_nothing(act: Acted) -> None:
    here = act(UNUSED)
    here.know()
    for _ in range(3):
        here.sweep(complete=False)
        here.stage.later(days=30)
    assert here.asked() == []
    assert here.review().withdrawn == 0


def test_whoever_needs_it_again_for_a_day_begins_a_new_grace(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS - 1)
    here.stage.ledger.keep_grants(ROLE, granted(GHCR), task_definition=str(revision_arn()))
    here.stage.later(days=1)
    here.sweep()
    assert here.asked() == []
    assert here.review().withdrawn == 0


NAMED_AGAIN: dict[str, Any] = {
    "as-credentials": container(GHCR),
    "by-its-name": container("registry/ghcr"),
    "by-an-arn-without-its-suffix": container(str(GHCR.arn)[:-7]),
    "in-a-place-that-we-do-not-judge": container(HUB, secrets=[{"name": "X", "valueFrom": f"{GHCR.arn}:password::"}]),
    "once-its-reference-is-mended": container(str(GHCR.arn)[:-6] + "OldOld"),
    "where-credentials-are-missing": container(None),
}


@pytest.mark.parametrize("named", NAMED_AGAIN.values(), ids=NAMED_AGAIN)
def test_what_a_live_task_definition_names_stays_whatever_the_ledger_says(act: Acted, named: Any) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.stage.world.task_definitions = (task_definition(named),)
    assert here.review().withdrawn == 0
    assert here.kept() == set(granted(GHCR, HUB))
    assert here.review().why.startswith("nothing is unused for long enough")  # and the mark is gone


def test_what_only_a_dead_revision_names_goes(act: Acted) -> None:
    here = act(replace(UNUSED, running=Usage(newest=False)), GHCR)
    here.stage.world = replace(here.stage.world, roles=(holder(GHCR),), task_definitions=(USES_HUB,))
    here.unused_for(GRACE_DAYS)
    here.stage.world = replace(here.stage.world, task_definitions=(task_definition(container(GHCR)),))
    here.expect_delete()
    assert here.review().withdrawn == 1


UNREADABLE = {
    "the-role": {str(ROLE): denied()},
    "a-task-definition": {str(revision_arn()): denied("ecs:DescribeTaskDefinition")},
    "where-it-runs": {"usage": denied("ecs:ListServices")},
    "a-secret-that-it-names": {str(HUB.arn): denied("secretsmanager:DescribeSecret")},
    "the-secret-itself": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_takes_back_nothing_and_does_not_hold_up_the_role(
    act: Acted, unreadable: dict[str, Any]
) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.stage.world.unreadable = unreadable
    result = here.review()
    assert (result.withdrawn, here.kept()) == (0, set(granted(GHCR, HUB)))
    assert "could not be read" in result.why


def test_more_dependents_than_can_be_described_take_back_nothing(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    for number in range(DEPENDENTS_MAX):
        arn = revision_arn(f"f{number}")
        here.stage.ledger.keep_references(arn, Entry(), frozenset({role_name(ACCOUNT, "web-execution")}))
    assert "too many" in here.review().why


def test_a_role_that_another_stack_writes_to_is_left_and_told(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(GHCR, HUB, KEYED)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert "another stack may share the role" in here.why("Remediation Refused")


def test_a_policy_into_which_somebody_else_wrote_is_left_and_told(act: Acted) -> None:
    document = policy_document(granted(GHCR, HUB))
    alien = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    policy = NamedPolicy(name=POLICY_NAME, document={**document, "Statement": [*document["Statement"], alien]})
    here = act(replace(UNUSED, roles=(role(inline_policies=(policy,)),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert "holds what is not Pullguard's" in here.why("Remediation Refused")


def test_a_review_of_another_accounts_role_is_rejected(act: Acted) -> None:
    here = act(UNUSED)
    withdrawer = Withdrawer(
        executor=here.stage.executor(), roster=here.stage.roster, iam=here.iam, revoke=True, grace_days=0
    )
    foreign = Arn.parse(str(ROLE).replace(ACCOUNT, "999999999999"))
    cause = Cause(kind=LISTED, event_id="s-1", at=NOW)
    with pytest.raises(Rejected, match="not of this account"):
        withdrawer.review(Review(role=foreign, cause=cause), occasion="m-1")


def test_a_mark_of_an_earlier_sweep_is_none_of_the_last_ones(act: Acted) -> None:
    here = act(UNUSED)
    here.unused_for(GRACE_DAYS)
    (due,) = (each for each in here.stage.ledger.holdings(ROLE) if each.unused_since)
    assert due.is_due("s-2", grace_days=GRACE_DAYS, now=here.stage.time)
    assert not due.is_due("s-3", grace_days=GRACE_DAYS, now=here.stage.time)


def test_what_a_run_that_died_had_granted_is_known_by_the_record_of_its_write(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(GHCR, HUB, KEYED)))
    before, after = (render(policy_document(granted(*held))) for held in ((GHCR, HUB), (GHCR, HUB, KEYED)))
    here.stage.ledger.record_write(ROLE, write_id="m-9", record=record(before, after), now=NOW)
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB, KEYED)
    assert here.review().withdrawn == 1
    assert here.kept() == set(granted(HUB, KEYED))


# --- Held back ---------------------------------------------------------------------------------------------------

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
    assert here.told() == ["Remediation Planned"]
    assert here.kept() == set(granted(GHCR, HUB))


def test_a_role_whose_owner_has_withdrawn_the_key_is_refused(act: Acted) -> None:
    here = act(replace(UNUSED, roles=(holder(GHCR, HUB, managed=False),)))
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert "not opted in any more" in here.why("Remediation Refused")


STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00")


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_while_it_is_stopped_or_held_nothing_is_taken_back(act: Acted, how: str) -> None:
    here = act(UNUSED, stop=switch_text(STOP)) if how == "stopped" else act(UNUSED)
    if how == "held":
        here.stage.ledger.save_hold(ROLE, STOP)
    here.unused_for(GRACE_DAYS)
    assert here.review().withdrawn == 0
    assert str(STOP) in here.why("Remediation Planned")
    assert here.kept() == set(granted(GHCR, HUB))


def test_the_circuit_breaker_counts_withdrawals_too(act: Acted) -> None:
    here = act(UNUSED, writes_per_hour=1)
    here.unused_for(GRACE_DAYS)
    here.stage.ledger.count_write(f"the grant of {GHCR.arn} on the role {ROLE}", now=here.stage.time)
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
    here.stage.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.review()
    here.stage.world.roles = (holder(HUB),)
    assert "another run is at" in here.review(occasion="m-2").why  # nobody knows yet what the dead run wrote
    assert here.review().withdrawn == 1
    here.stage.later(seconds=ROLE_LEASE_S)
    assert here.review(occasion="m-2").withdrawn == 0
    assert here.kept() == set(granted(HUB))
    assert len(here.stage.ledger.writes(ROLE)) == 2


@pytest.mark.parametrize(("minutes", "withdrawn"), [(1, 0), (6, 1)], ids=["a-moment-ago", "long-ago"])
def test_what_was_granted_a_moment_ago_and_iam_does_not_show_yet_is_not_written_away(
    act: Acted, minutes: int, withdrawn: int
) -> None:
    here, quay = act(UNUSED), secret("registry/quay", "QuayQu", registry="quay.io")
    here.unused_for(GRACE_DAYS)
    here.stage.ledger.record_write(ROLE, write_id="m-0", record={}, now=here.stage.time - timedelta(minutes=minutes))
    here.stage.ledger.keep_grants(ROLE, granted(quay))
    if withdrawn:
        here.expect_put(HUB)
    reviewed = here.review()
    assert reviewed.withdrawn == withdrawn
    assert withdrawn or "IAM does not show yet" in reviewed.why


# --- Marks and messages ------------------------------------------------------------------------------------------


def test_marks_are_set_although_nothing_is_to_be_revoked(act: Acted) -> None:
    here = act(UNUSED)
    here.revoke = False
    here.unused_for(GRACE_DAYS)
    marks = {each.granted.secret: each.unused_since for each in here.stage.ledger.holdings(ROLE)}
    assert marks == {GHCR.arn: NOW, HUB.arn: None}
    assert here.asked() == []


def test_a_sweep_that_dies_before_it_counts_as_complete_marks_again_and_one_that_dies_after_asks_again(
    act: Acted,
) -> None:
    here = act(UNUSED)
    here.grace_days = 0
    here.know()
    here.stage.sent.failing = ["send_message"]
    with pytest.raises(Crash):
        here.sweep()
    sweep = here.stage.roster.sweep()
    assert sweep is not None
    assert sweep.end == "complete"
    Settler(roster=here.stage.roster, unused=here.stage.unused(grace_days=0), now=here.stage.now).check(sweep, 0)
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
    cause = Cause(kind=LISTED, event_id="s-1", at=NOW).to_dict()
    with pytest.raises(Rejected):
        parse_command(json.dumps({"role": text, "cause": cause}))


def test_a_message_about_both_is_a_look_which_writes_only_what_is_needed() -> None:
    cause = Cause(kind=LISTED, event_id="s-1", at=NOW).to_dict()
    both = {"role": str(ROLE), "task_definition": str(revision_arn()), "cause": cause}
    assert not isinstance(parse_command(json.dumps(both)), Review)
