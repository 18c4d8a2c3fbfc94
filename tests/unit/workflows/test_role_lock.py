"""When the lease of a role is given back, and when it is left to end: IAM may not show yet what was written.

A second writer finds the world as it was before the first one's write, as one does to whom IAM does not show it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.messages import LISTED, Review, ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role import NamedPolicy
from pullguard.domain.stop import GO_ON
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.execute import WAITS_S
from pullguard.workflows.patch_role import Patched, RolePatcher
from pullguard.workflows.revoke import Revoker
from pullguard.workflows.role_lock import ROLE_LOCK_S
from tests.fakes import (
    NOW,
    REGION,
    ROLE_ID,
    Sent,
    World,
    container,
    denied,
    granted,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import ASKED_FOR, Harness, Writes, request

ROLE, GHCR = role_arn(), secret()
HUB = secret("registry/hub", "HubHub", registry="docker.io")
API = task_definition(container(HUB, image="docker.io/acme/api:1"), family="api")
LACKING = World((task_definition(container(GHCR)), API), (role(),), (GHCR, HUB))
NO_ANSWER = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetParameter")


def holding(*secrets: Any, **changes: Any) -> Any:
    """The role with our policy, which grants these secrets."""
    policy = NamedPolicy(name=POLICY_NAME, document=policy_document(granted(*secrets)))
    return role(inline_policies=(policy,), **changes)


GRANTED = replace(LACKING, roles=(holding(GHCR),))
UNREAD_ROLE = replace(LACKING, unreadable={str(ROLE): denied()})
UNREADABLE = replace(GRANTED, unreadable={str(GHCR.arn): denied("secretsmanager:DescribeSecret")})
UNTAGGED = replace(GRANTED, secrets=(secret(registry=None), HUB))
OBSERVED = replace(GRANTED, roles=(holding(GHCR, tags={"pullguard:mode": "observe"}),))


class Act(Writes):
    """A stage with writers of one role, whose writes to IAM are exactly those that are expected."""

    def patch(self, *worlds: World, request: ValidationRequest = ASKED_FOR, occasion: str = "m-1") -> Patched:
        """Handle one message, which finds another world each time that it looks; the last one stays."""
        seen = list(worlds)
        executor = self.harness.executor(readers=lambda: seen.pop(0) if len(seen) > 1 else seen[0])
        return RolePatcher(executor=executor, iam=self.iam).patch(request, occasion=occasion)

    def other(self) -> Patched:
        """Let another message ask for its grant; IAM shows it nothing of what was written a moment ago."""
        return self.patch(LACKING, request=request(API.arn), occasion="m-2")

    def review(self, world: World) -> Any:
        executor = self.harness.executor(readers=lambda: world)
        revoker = Revoker(
            executor=executor,
            definition_store=self.harness.definition_store,
            starts=self.harness.starts,
            iam=self.iam,
            revoke=True,
            grace_days=0,
        )
        review = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id="s-1", at=NOW))
        return revoker.review(review, occasion="m-1")

    def unused(self, *secrets: Any) -> None:
        """Let the last complete sweep have found that nothing needs the grants of these secrets."""
        ledger = self.harness.ledger
        self.harness.starts.keep_schedules(())
        ledger.roles.keep_grants(ROLE, granted(*secrets), role_id=ROLE_ID, task_definition=str(revision_arn("web", 6)))
        for each in secrets:
            ledger.roles.mark_unused(ROLE, each.arn, sweep="s-1", now=NOW - timedelta(days=20))
        self.harness.definition_store.save_complete(Sweep(id="s-1", began_at=NOW.isoformat(), due=None), now=NOW)

    def owe(self, *secrets: Any) -> None:
        """Let the ledger know of grants that were written, and stand without an owner's consent."""
        record = {"before": None, "after": render(policy_document(granted(*secrets))), "outcome": "written"}
        self.harness.ledger.roles.record_write(ROLE, write_id="m-0", record=record, now=NOW - timedelta(days=1))
        for each in granted(*secrets):
            without_consent = GrantWithoutConsent(
                granted=each, before=None, task_definition=str(revision_arn()), why="no tag"
            )
            self.harness.ledger.roles.keep_without_consent(ROLE, (without_consent,))


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Act]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield Act(Harness(ledger, LACKING), stubber, Iam(client))
        stubber.assert_no_pending_responses()


def refuse_events(here: Act) -> None:
    """Let the bus take no event any more."""
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
    here.harness.sent.put_events = lambda **_: answer  # type: ignore[method-assign]


# --- What the first writer comes to, and what the second one writes ----------------------------------------------


def confirms(here: Act) -> None:
    here.expect(GHCR)
    here.patch(LACKING, LACKING, GRANTED)


def cannot_read_the_role_again(here: Act) -> None:
    here.patch(LACKING, UNREAD_ROLE)


def cannot_read_the_stop(here: Act) -> None:
    here.harness.stop = NO_ANSWER
    here.patch(LACKING)


def is_refused(here: Act) -> None:
    here.expect(GHCR, error="AccessDenied")
    here.patch(LACKING)


def cannot_ask_an_owner(here: Act) -> None:
    here.expect(GHCR)
    here.patch(LACKING, LACKING, UNREADABLE)


def cannot_revert(here: Act) -> None:
    here.expect(GHCR)
    here.expect(error="AccessDenied")
    here.patch(LACKING, LACKING, UNTAGGED)


def takes_back(here: Act) -> None:
    here.expect(GHCR)
    here.expect()
    here.patch(LACKING, LACKING, OBSERVED)


def takes_back_what_it_wrote_earlier(here: Act) -> None:
    with pytest.raises(NotNow):
        cannot_ask_an_owner(here)
    here.expect()
    here.patch(OBSERVED)


def cannot_read_whether_it_stands(here: Act) -> None:
    with pytest.raises(NotNow):
        cannot_ask_an_owner(here)
    here.patch(UNREAD_ROLE)


def revokes(here: Act) -> None:
    here.unused(GHCR)
    here.expect()
    here.review(GRANTED)


def withdraws_and_cannot_tell(here: Act) -> None:
    here.unused(GHCR)
    here.expect()
    refuse_events(here)
    here.review(GRANTED)


def cannot_read_the_stop_to_withdraw(here: Act) -> None:
    here.unused(GHCR)
    here.harness.stop = NO_ANSWER
    here.review(GRANTED)


def takes_back_at_a_review(here: Act) -> None:
    here.owe(GHCR)
    here.expect()
    here.review(replace(UNTAGGED, task_definitions=()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``writes`` are the secrets in the second one's policy; None where the lease keeps it out."""

    first: Callable[[Act], None]
    writes: tuple[Any, ...] | None


CASES = (
    Case(first=confirms, writes=(GHCR, HUB)),
    Case(first=cannot_read_the_role_again, writes=(HUB,)),
    Case(first=cannot_read_the_stop, writes=(HUB,)),
    Case(first=is_refused, writes=(HUB,)),
    Case(first=cannot_read_the_stop_to_withdraw, writes=(GHCR, HUB)),
    Case(first=cannot_ask_an_owner, writes=None),
    Case(first=cannot_revert, writes=None),
    Case(first=takes_back, writes=None),
    Case(first=takes_back_what_it_wrote_earlier, writes=None),
    Case(first=cannot_read_whether_it_stands, writes=None),
    Case(first=revokes, writes=None),
    Case(first=withdraws_and_cannot_tell, writes=None),
    Case(first=takes_back_at_a_review, writes=None),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.first.__name__.replace("_", "-"))
def test_the_lease_is_given_back_where_nothing_is_written_that_a_second_writer_would_have_to_read(
    act: Act, case: Case
) -> None:
    with suppress(PullguardError):
        case.first(act)
    act.harness.stop, act.harness.sent = GO_ON, Sent()
    if case.writes is None:
        assert "another run is at" in act.other().why
        return
    act.expect(*case.writes)
    assert act.other().written


def test_the_message_that_left_its_lease_gets_through_when_it_comes_again(act: Act, ledger: Ledger) -> None:
    with pytest.raises(NotNow, match="could not be read"):
        cannot_ask_an_owner(act)
    act.patch(GRANTED)
    assert ledger.roles.granted(ROLE) == granted(GHCR)
    assert act.harness.sent.reported() == ["Remediation Completed"]
    act.expect(GHCR, HUB)
    assert act.other().written  # with what is confirmed the lease goes as well


@pytest.mark.parametrize(
    ("first", "delay_s"),
    [(confirms, WAITS_S[0]), (takes_back, ROLE_LOCK_S), (takes_back_what_it_wrote_earlier, ROLE_LOCK_S)],
)
def test_what_is_taken_back_may_show_for_a_while_and_is_looked_at_after_that(
    act: Act, first: Callable[[Act], None], delay_s: int
) -> None:
    first(act)
    assert [each["DelaySeconds"] for each in act.harness.sent.messages] == [delay_s]


def test_what_is_taken_back_may_show_for_a_while_and_no_withdrawal_of_the_same_run_reads_it(
    act: Act, ledger: Ledger
) -> None:
    act.owe(GHCR)
    act.unused(HUB)
    shown = replace(UNTAGGED, task_definitions=(), roles=(holding(GHCR, HUB),))
    act.expect(HUB)
    assert (act.review(shown).taken_back, ledger.roles.granted(ROLE)) == (1, granted(HUB))


def test_nor_does_a_grant_of_the_same_message_which_is_looked_at_again(act: Act, ledger: Ledger) -> None:
    other_image = container(HUB, image="docker.io/acme/proxy:1", name="proxy")
    both = replace(LACKING, task_definitions=(task_definition(container(GHCR), other_image),))
    act.expect(GHCR, HUB)
    with pytest.raises(NotNow):
        act.patch(both, both, UNREADABLE)
    lowered = replace(UNTAGGED, task_definitions=both.task_definitions, roles=(holding(GHCR, HUB),))
    act.expect(HUB)
    patched = act.patch(lowered)
    assert (patched.written, patched.taken_back, ledger.roles.granted(ROLE)) == (False, 1, granted(HUB))
    assert act.harness.sent.messages[-1]["DelaySeconds"] == ROLE_LOCK_S
