"""Grants that stay: those not due, those that a task definition in use names, and those with unknown use."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.domain.role import NamedPolicy
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import ScheduleUse, Usage
from pullguard.store.entries import Entry
from pullguard.workflows.reconcile_role import NOTHING
from pullguard.workflows.role_reader import DEPENDENTS_MAX
from tests.fakes import ACCOUNT, NOW, container, denied, granted, revision_arn, role, task_definition
from tests.flows import OWN_POLICY
from tests.unit.workflows.granted_role import ROLE, holder
from tests.unit.workflows.patch_role.revocation.scene import (
    GHCR,
    GRACE_DAYS,
    HUB,
    KEYED,
    UNUSED,
    RevocationHarness,
    SetUp,
)


def needed_again(here: RevocationHarness) -> None:
    here.unused_for(GRACE_DAYS)
    here.harness.world.task_definitions += (task_definition(container(GHCR), family="api"),)
    here.know()
    here.sweep()


def switched_off(here: RevocationHarness) -> None:
    here.unused_for(GRACE_DAYS)
    here.allow(unneeded=False)


def only_incomplete(here: RevocationHarness) -> None:
    here.know()
    here.sweep(complete=False)


NOTHING_DUE: dict[str, Callable[[RevocationHarness], None]] = {
    "the-grace-is-not-over": lambda here: here.unused_for(GRACE_DAYS - 0.01),
    "no-sweep-was-ever-complete": only_incomplete,
    "the-last-complete-sweep-did-not-find-it-unused": needed_again,
    "it-is-switched-off": switched_off,
}


@pytest.mark.parametrize("arrange", NOTHING_DUE.values(), ids=NOTHING_DUE)
def test_a_forged_message_revokes_nothing_that_is_not_due(
    set_up: SetUp, arrange: Callable[[RevocationHarness], None]
) -> None:
    here = set_up(UNUSED)
    arrange(here)
    result = here.review()
    assert (result.withdrawn, here.reported()) == (0, [])
    assert result.why == NOTHING
    assert here.kept() == set(granted(GHCR, HUB))


def test_an_incomplete_sweep_revokes_nothing_and_marks_nothing(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.know()
    for _ in range(3):
        here.sweep(complete=False)
        assert here.review().withdrawn == 0
        here.harness.later(days=30)
    assert here.record(GHCR).unneeded_since is None


def test_an_incomplete_sweep_after_a_complete_one_revokes_nothing(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.sweep(complete=False)
    assert here.review().withdrawn == 0
    assert here.kept() == set(granted(GHCR, HUB))


def test_a_task_definition_that_needs_it_again_for_a_day_begins_a_new_grace(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS - 1)
    api = task_definition(container(GHCR), family="api")
    here.harness.world.task_definitions += (api,)
    here.know()
    here.sweep()
    assert here.review().withdrawn == 0
    here.harness.world.task_definitions = UNUSED.task_definitions
    entries = here.harness.ledger.entries
    entries.forget_references(api.arn, entries.get(api.arn))
    for days in (1, GRACE_DAYS - 1):
        here.harness.later(days=days)
        here.sweep()
        assert here.review(message_id=f"after-{days}").withdrawn == 0
    here.harness.later(days=1)
    here.sweep()
    here.expect_put(HUB)
    assert here.review(message_id="m-9").withdrawn == 1


NAMED_AGAIN: dict[str, Any] = {
    "as-credentials": container(GHCR),
    "by-its-name": container("registry/ghcr"),
    "by-an-arn-without-its-suffix": container(str(GHCR.arn)[:-7]),
    "in-a-place-that-we-do-not-judge": container(HUB, secrets=[{"name": "X", "valueFrom": f"{GHCR.arn}:password::"}]),
    "once-its-reference-is-fixed": container(str(GHCR.arn)[:-6] + "OldOld"),
    "where-credentials-are-missing": container(None),
}


@pytest.mark.parametrize("named", NAMED_AGAIN.values(), ids=NAMED_AGAIN)
def test_a_grant_that_a_task_definition_in_use_names_stays_whatever_the_ledger_says(set_up: SetUp, named: Any) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.task_definitions = (task_definition(named),)
    assert here.review().withdrawn == 0
    assert here.kept() == set(granted(GHCR, HUB))
    assert here.record(GHCR).unneeded_since is None


FORGOTTEN = task_definition(container(GHCR), family="batch", revision=6)
RULE = ScheduleUse(kind="rule", name="nightly", within="t", task_definition=FORGOTTEN.arn)
STARTED: dict[str, Callable[[RevocationHarness], None]] = {
    "alone": lambda here: here.harness.starts.keep_alone(FORGOTTEN.arn, ran=True),
    "alone-and-failed": lambda here: here.harness.starts.keep_alone(FORGOTTEN.arn, ran=False),
    "by-a-rule": lambda here: here.harness.starts.keep_schedules((RULE,)),
}


@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("start", STARTED.values(), ids=STARTED)
def test_a_forgotten_revision_that_is_started_again_keeps_the_grants_that_it_names(
    set_up: SetUp, start: Callable[[RevocationHarness], None], *, newest: bool
) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.task_definitions += (FORGOTTEN,)  # no edge leads to it
    here.harness.world.running = Usage(newest=newest)
    start(here)
    assert here.review().withdrawn == 0
    assert here.kept() == set(granted(GHCR, HUB))


OTHERS: dict[str, TaskDefinition | None] = {
    "another-role": replace(FORGOTTEN, execution_role="arn:aws:iam::111122223333:role/other"),
    "no-role": replace(FORGOTTEN, execution_role=None),
    "a-role-that-is-none": replace(FORGOTTEN, execution_role="arn:aws:s3:::bucket"),
    "it-is-deleted": None,
}


@pytest.mark.parametrize("started", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("start", STARTED.values(), ids=STARTED)
def test_a_start_with_another_role_keeps_nothing(
    set_up: SetUp, start: Callable[[RevocationHarness], None], started: TaskDefinition | None
) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.task_definitions += () if started is None else (started,)
    start(here)
    here.expect_put(HUB)
    assert here.review().withdrawn == 1


NOT_KNOWN: dict[str, Callable[[RevocationHarness], None]] = {
    "schedules-denied": lambda here: here.harness.starts.keep_schedules(denied("scheduler:ListSchedules")),
    "schedules-never-listed": lambda here: here.harness.starts._delete("SCHEDULES", "LISTED"),
    "what-is-started": lambda here: (
        here.harness.starts.keep_alone(FORGOTTEN.arn, ran=True),
        here.harness.world.unreadable.update({str(FORGOTTEN.arn): denied("ecs:DescribeTaskDefinition")}),
    )[0],
}


@pytest.mark.parametrize("arrange", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_nothing_is_revoked_if_the_starts_are_unknown(
    set_up: SetUp, arrange: Callable[[RevocationHarness], None], caplog: pytest.LogCaptureFixture
) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    arrange(here)
    result = here.review()
    assert (result.withdrawn, here.kept()) == (0, set(granted(GHCR, HUB)))
    assert "what rules and schedules start is not known" in caplog.text or "could not be read" in caplog.text
    assert here.record(GHCR).unneeded_since == NOW  # the grace period goes on


UNREADABLE: dict[str, dict[str, Any]] = {
    "a-task-definition": {str(revision_arn()): denied("ecs:DescribeTaskDefinition")},
    "where-it-runs": {"usage": denied("ecs:ListServices")},
    "a-secret-that-it-names": {str(HUB.arn): denied("secretsmanager:DescribeSecret")},
    "the-secret-itself": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_secret_revokes_nothing_and_does_not_delay_the_role(
    set_up: SetUp, unreadable: dict[str, Any]
) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.unreadable = unreadable
    result = here.review()
    assert (result.withdrawn, here.kept()) == (0, set(granted(GHCR, HUB)))
    here.harness.world.unreadable = {}
    here.expect_put(HUB)
    assert here.review(message_id="m-2").withdrawn == 1


def test_a_role_that_cannot_be_read_revokes_nothing_and_its_message_comes_back(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.unreadable = {str(ROLE): denied()}
    with pytest.raises(NotNow, match="could not be read"):
        here.review()
    assert here.kept() == set(granted(GHCR, HUB))


def test_a_role_that_is_gone_has_nothing_to_revoke(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.roles = ()
    assert (here.review().withdrawn, here.review().why) == (0, "there is no such role")


def test_more_dependents_than_can_be_described_revoke_nothing(set_up: SetUp, caplog: pytest.LogCaptureFixture) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    for number in range(DEPENDENTS_MAX):
        arn = revision_arn(f"f{number}")
        here.harness.ledger.entries.keep_references(arn, Entry(), frozenset({role_name(ACCOUNT, "web-execution")}))
    assert here.review().withdrawn == 0
    assert "too many" in caplog.text


def test_more_started_than_can_be_described_revoke_nothing(set_up: SetUp, caplog: pytest.LogCaptureFixture) -> None:
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    uses = (replace(RULE, task_definition=revision_arn(f"f{number}")) for number in range(DEPENDENTS_MAX))
    here.harness.starts.keep_schedules(tuple(uses))
    assert here.review().withdrawn == 0
    assert "too many" in caplog.text


def test_grants_of_another_stack_stay_beside_a_revocation(set_up: SetUp) -> None:
    here = set_up(replace(UNUSED, roles=(holder(GHCR, HUB, KEYED),), secrets=(GHCR, HUB, KEYED)))
    here.unused_for(GRACE_DAYS)
    here.expect_put(HUB, KEYED)
    assert here.review().withdrawn == 1
    assert here.kept() == set(granted(HUB))
    here.harness.world.roles = (holder(HUB, KEYED),)
    here.harness.later(minutes=15)
    here.review(message_id="m-2")
    assert here.kept() == set(granted(HUB))


def test_a_foreign_statement_stays_beside_a_revocation(set_up: SetUp) -> None:
    document = policy_document(granted(GHCR, HUB))
    alien = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    policy = NamedPolicy(name=OWN_POLICY, document={**document, "Statement": [*document["Statement"], alien]})
    here = set_up(replace(UNUSED, roles=(role(inline_policies=(policy,)),)))
    here.unused_for(GRACE_DAYS)
    left = policy_document(granted(HUB))
    text = render({**left, "Statement": [*left["Statement"], alien]})
    names = {"RoleName": "web-execution", "PolicyName": OWN_POLICY}
    here.stubber.add_response("put_role_policy", {}, {**names, "PolicyDocument": text})
    assert here.review().withdrawn == 1


def test_a_review_of_another_accounts_role_is_rejected(set_up: SetUp) -> None:
    here = set_up(UNUSED)
    foreign = Arn.parse(str(ROLE).replace(ACCOUNT, "999999999999"))
    review = Review(role=foreign, provenance=Provenance(kind=LISTED, event_id="s-1", at=NOW))
    with pytest.raises(Rejected, match="not of this account"):
        here.harness.patcher(here.iam, here.rules).run(review.to_json(), message_id="m-1")


def test_a_grant_to_an_earlier_role_of_the_name_is_nothing_to_revoke(set_up: SetUp) -> None:
    # The role's new owner wrote the very grants that the earlier role had.
    here = set_up(UNUSED)
    here.unused_for(GRACE_DAYS)
    here.harness.world.roles = (holder(GHCR, HUB, created_at=NOW),)
    assert here.review().withdrawn == 0
    assert here.kept() == set()
