"""An owner ends consent during a write: the grant is revoked; a failure is recorded, reported and retried."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.errors import NotNow
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.messages import LISTED, Review, ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role import NamedPolicy
from pullguard.domain.stop import GO_ON, Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.patch_role import RolePatcher
from pullguard.workflows.revoke import Revoker, Withdrawn
from pullguard.workflows.role_lock import ROLE_LOCK_S
from tests.fakes import NOW, REGION, Crash, World, container, denied, granted, key, revision_arn, role, role_arn, secret
from tests.fakes import task_definition as definition
from tests.flows import ASKED_FOR, Harness, Writes
from tests.unit.store.test_malformed_items import MALFORMED

GHCR = secret()
HUB = secret("registry/hub", "HubHub", registry="docker.io")
ROLE, CONSENTED = role_arn(), World((definition(container(GHCR)),), (role(),), (GHCR,))


def holding(*secrets: Any, **changes: Any) -> Any:
    """The role with our policy, which grants these secrets."""
    return role(
        inline_policies=(NamedPolicy(name=POLICY_NAME, document=policy_document(granted(*secrets))),), **changes
    )


WRITTEN = replace(CONSENTED, roles=(holding(GHCR),))
UNTAGGED = replace(WRITTEN, secrets=(secret(registry=None),))


class Act(Writes):
    """A stage whose world is another one after the proof, and writes to IAM that are exactly those expected."""

    def patch(self, *worlds: World, request: ValidationRequest = ASKED_FOR) -> Any:
        """Handle one message, which finds another world each time that it looks; the last one stays."""
        seen = list(worlds)
        executor = self.harness.executor(readers=lambda: seen.pop(0) if len(seen) > 1 else seen[0])
        return RolePatcher(executor=executor, iam=self.iam).patch(request, occasion="m-1")

    def untagged_in_between(self, *, error: str | None = "AccessDenied") -> None:
        """Let a grant be written, its secret lose the tag, and IAM answer ``error`` when it is taken back."""
        self.expect(GHCR)
        self.expect(error=error)
        if error is None:
            self.patch(CONSENTED, CONSENTED, UNTAGGED)
            return
        with pytest.raises(NotNow, match="stands on"):
            self.patch(CONSENTED, CONSENTED, UNTAGGED)

    def review(self, world: World) -> Withdrawn:
        """Let the next sweep have the role looked at, when the lease of who wrote before has ended."""
        self.harness.later(seconds=ROLE_LOCK_S)
        self.harness.world = world
        executor = self.harness.executor()
        revoker = Revoker(
            executor=executor,
            definition_store=self.harness.definition_store,
            starts=self.harness.starts,
            iam=self.iam,
            revoke=False,
            grace_days=14,
        )
        review = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id="s-1", at=NOW))
        return revoker.review(review, occasion="m-2")

    def asked(self) -> list[str]:
        """The roles of which a sweep asks for a review, although nothing is to be revoked."""
        self.harness.unused(revoke=False).ask("s-1", complete=False)
        return [each["role"] for each in self.harness.sent.bodies("grants.fifo")]

    def failures(self) -> list[Any]:
        return [each["remediation"] for each in self.harness.sent.details("Remediation Failed")]


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Callable[..., Act]]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield lambda **changes: Act(Harness(ledger, CONSENTED, **changes), stubber, Iam(client))
        stubber.assert_no_pending_responses()


Acted = Callable[..., Act]


def test_what_can_be_taken_back_at_once_leaves_nothing_to_do(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between(error=None)
    assert (ledger.roles.without_consent(ROLE), ledger.roles.granted(ROLE)) == ((), ())
    (failure,) = here.failures()
    assert "taken back" in failure["why"]


def test_what_was_granted_before_of_the_same_secret_is_left(act: Acted, ledger: Ledger) -> None:
    """The secret got a key of its own, and lost its tag while that was granted: the earlier grant stays."""
    here, keyed = act(), replace(GHCR, key=key())
    wanted = (Granted(secret=GHCR.arn, key=key().arn),)
    names = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
    document = render(policy_document(wanted))
    here.stubber.add_response("put_role_policy", {}, {**names, "PolicyDocument": document})
    here.expect(GHCR)
    ledger.roles.keep_grants(ROLE, granted(GHCR))
    world = replace(CONSENTED, roles=(holding(GHCR),), secrets=(keyed,))
    # Three looks: the proof, what else the policy grants, and whether the owners still agree.
    here.patch(world, world, replace(world, secrets=(replace(secret(registry=None), key=key()),)))
    assert ledger.roles.without_consent(ROLE) == ()


def test_what_aws_does_not_let_be_taken_back_is_known_and_told_as_standing(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    (known,) = ledger.roles.without_consent(ROLE)
    assert (known.granted, known.before) == (granted(GHCR)[0], None)
    assert ledger.roles.granted(ROLE) == ()
    (failure,) = here.failures()
    assert "the grant STANDS" in failure["why"]
    assert "iam:DeleteRolePolicy" in failure["why"]
    assert failure["snippet"] == f"aws iam delete-role-policy --role-name web-execution --policy-name {POLICY_NAME}"


def test_the_same_message_takes_it_back_when_it_comes_again(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    here.expect()
    assert not here.patch(UNTAGGED).written
    assert ledger.roles.without_consent(ROLE) == ()
    assert [("STANDS" in each["why"], "was taken back:" in each["why"]) for each in here.failures()] == [
        (True, False),
        (False, True),
    ]


GONE_OR_LOWERED = {
    "its-task-definition-is-gone": replace(UNTAGGED, task_definitions=()),
    "a-tag-has-lowered-the-mode": replace(UNTAGGED, roles=(holding(GHCR, tags={"pullguard:mode": "observe"}),)),
}


@pytest.mark.parametrize("world", GONE_OR_LOWERED.values(), ids=GONE_OR_LOWERED)
def test_it_does_so_although_the_message_would_ask_for_nothing_now(act: Acted, ledger: Ledger, world: World) -> None:
    here = act()
    here.untagged_in_between()
    here.expect()
    here.patch(world)
    assert ledger.roles.without_consent(ROLE) == ()


def test_after_the_dead_letters_every_sweep_asks_for_it_and_a_review_takes_it_back(act: Acted, ledger: Ledger) -> None:
    here = act()
    assert here.asked() == []
    here.untagged_in_between()
    assert here.asked() == [str(ROLE)]
    here.expect()
    assert here.review(UNTAGGED).taken_back == 1
    assert (ledger.roles.without_consent(ROLE), ledger.roles.granted(ROLE)) == ((), ())
    assert "it stood until now" in here.failures()[-1]["why"]


def test_that_it_is_gone_is_told_although_the_bus_refuses_once(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    here.expect()
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.review(UNTAGGED)
    assert len(ledger.roles.without_consent(ROLE)) == 1
    here.harness.sent.failing = []
    here.review(replace(UNTAGGED, roles=(role(),)))
    assert ledger.roles.without_consent(ROLE) == ()
    assert "it stood until now" in here.failures()[-1]["why"]


def test_a_review_that_is_refused_too_keeps_it(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    here.expect(error="AccessDenied")
    result = here.review(UNTAGGED)
    assert (result.taken_back, "stands on" in result.why) == (0, True)
    assert len(ledger.roles.without_consent(ROLE)) == 1


def test_what_was_granted_before_is_left(act: Acted, ledger: Ledger) -> None:
    here = act()
    known = GrantWithoutConsent(
        granted=granted(GHCR)[0], before=granted(GHCR)[0], task_definition=str(revision_arn()), why="no tag"
    )
    ledger.roles.keep_without_consent(ROLE, (known,))
    here.expect(GHCR, HUB)
    assert here.review(replace(UNTAGGED, roles=(holding(GHCR, HUB),))).taken_back == 1


SETTLED: dict[str, tuple[World, tuple[Granted, ...]]] = {
    "somebody-has-removed-it": (replace(UNTAGGED, roles=(role(),)), ()),
    "the-role-is-gone": (replace(UNTAGGED, roles=()), ()),
    "both-owners-agree-again": (WRITTEN, granted(GHCR)),
}


@pytest.mark.parametrize("case", SETTLED.values(), ids=SETTLED)
def test_what_needs_no_taking_back_any_more_is_forgotten(
    act: Acted, ledger: Ledger, case: tuple[World, tuple[Granted, ...]]
) -> None:
    world, kept = case
    here = act()
    here.untagged_in_between()
    assert here.review(world).taken_back == 0
    assert (ledger.roles.without_consent(ROLE), ledger.roles.granted(ROLE)) == ((), kept)


def test_what_a_later_need_has_made_this_stacks_own_stays(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    ledger.roles.keep_grants(ROLE, granted(GHCR), task_definition=str(revision_arn("api")))
    assert here.review(replace(UNTAGGED, task_definitions=())).taken_back == 0
    assert (ledger.roles.without_consent(ROLE), ledger.roles.granted(ROLE)) == ((), granted(GHCR))


UNREADABLE = {
    "the-role": {str(ROLE): denied()},
    "the-task-definition": {str(revision_arn()): denied("ecs:DescribeTaskDefinition")},
    "the-secret": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_stays_known(act: Acted, ledger: Ledger, unreadable: dict[str, Any]) -> None:
    here = act()
    here.untagged_in_between()
    assert "could not be read" in here.review(replace(UNTAGGED, unreadable=unreadable)).why
    assert len(ledger.roles.without_consent(ROLE)) == 1


def test_a_stack_that_only_observes_by_now_writes_nothing_and_tells(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.untagged_in_between()
    here.harness.mode = "observe"
    assert "only observes" in here.review(UNTAGGED).why
    assert len(ledger.roles.without_consent(ROLE)) == 1


def test_a_run_that_dies_before_it_takes_back_has_left_it_known(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.expect(GHCR)
    here.expect(error="AccessDenied")
    here.harness.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.patch(CONSENTED, CONSENTED, UNTAGGED)
    assert len(ledger.roles.without_consent(ROLE)) == 1


def test_a_mode_tag_that_is_set_while_it_is_written_is_honoured(act: Acted, ledger: Ledger) -> None:
    here = act()
    here.expect(GHCR)
    here.expect()
    here.patch(CONSENTED, CONSENTED, replace(WRITTEN, roles=(holding(GHCR, tags={"pullguard:mode": "observe"}),)))
    assert ledger.roles.granted(ROLE) == ()
    assert "observe only" in here.failures()[0]["why"]


# --- An unreadable record --------------------------------------------------------------------------------------------


def spoil(ledger: Ledger, malformed: dict[str, Any]) -> None:
    """Make the record of the pending revocation unreadable."""
    names = {"pk": {"S": f"ROLE#{ROLE}"}, "sk": {"S": f"UNAGREED#{GHCR.arn}"}}
    ledger.entries._client.put_item(TableName="ledger", Item={**names, **malformed})


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_what_its_record_does_not_say_is_owed_and_taken_back_by_what_the_write_says(
    act: Acted, ledger: Ledger, malformed: dict[str, Any]
) -> None:
    here = act()
    here.untagged_in_between()
    spoil(ledger, malformed)
    assert here.asked() == [str(ROLE)]
    here.expect()
    assert here.review(UNTAGGED).taken_back == 1
    assert ledger.roles.without_consent(ROLE) == ()
    assert "it stood until now" in here.failures()[-1]["why"]


@pytest.mark.parametrize("case", SETTLED.values(), ids=SETTLED)
def test_what_needs_no_taking_back_is_forgotten_with_its_record(
    act: Acted, ledger: Ledger, case: tuple[World, tuple[Granted, ...]]
) -> None:
    world, kept = case
    here = act()
    here.untagged_in_between()
    spoil(ledger, {})
    assert here.review(world).taken_back == 0
    assert (ledger.roles.without_consent(ROLE), ledger.roles.granted(ROLE)) == ((), kept)


def test_what_the_write_found_there_is_left_although_the_record_does_not_say_it(act: Acted, ledger: Ledger) -> None:
    here, keyed = act(), replace(GHCR, key=key())
    less, more = (render(policy_document(granted(each))) for each in (GHCR, keyed))
    for number, (before, after) in enumerate(((None, less), (less, more), (more, less))):  # the last did not come about
        record = {"before": before, "after": after, "task_definition": str(revision_arn())}
        ledger.roles.record_write(ROLE, write_id=str(number), record=record, now=NOW)
    spoil(ledger, {})
    here.expect(GHCR)
    untagged = replace(UNTAGGED, roles=(holding(keyed),), secrets=(replace(secret(registry=None), key=key()),))
    assert here.review(untagged).taken_back == 1


def test_what_neither_a_record_nor_a_write_says_stays_owed_while_it_stands(act: Acted, ledger: Ledger) -> None:
    here = act()
    ledger.roles.record_write(ROLE, write_id="w", record={}, now=NOW)
    spoil(ledger, {})
    assert "is unknown" in here.review(UNTAGGED).why
    assert here.asked() == [str(ROLE)]
    assert here.review(replace(UNTAGGED, roles=(role(),))).why
    assert ledger.roles.without_consent(ROLE) == ()


# --- While writes are stopped ------------------------------------------------------------------------------------

STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00", reason="a bad deploy")


@pytest.mark.parametrize("how", ["stopped", "held"])
def test_while_it_is_stopped_or_held_not_even_a_grant_is_taken_back_and_people_hear_that_it_stands(
    act: Acted, ledger: Ledger, how: str
) -> None:
    here = act()
    here.untagged_in_between()  # and IAM refuses to have it taken back
    if how == "stopped":
        here.harness.stop = switch_text(STOP)
    else:
        ledger.roles.save_hold(ROLE, STOP)
    here.harness.later(days=1)  # failures are reported once a day
    with pytest.raises(NotNow, match="stands on"):
        here.patch(UNTAGGED)
    assert "STANDS" in here.failures()[-1]["why"]
    assert str(STOP) in here.failures()[-1]["why"]
    assert ledger.holds.waiting(now=here.harness.time) == (ROLE,)
    assert here.review(UNTAGGED).taken_back == 0
    here.harness.stop = GO_ON
    ledger.roles.end_hold(ROLE)
    here.expect()
    assert here.review(UNTAGGED).taken_back == 1


def test_an_open_circuit_breaker_does_not_hold_up_the_taking_back_which_is_counted(act: Acted, ledger: Ledger) -> None:
    here = act(writes_per_hour=1)
    here.untagged_in_between(error=None)
    assert ledger.write_counts.in_hour(f"the grant of {GHCR.arn} on the role {ROLE}", now=NOW) == 2
