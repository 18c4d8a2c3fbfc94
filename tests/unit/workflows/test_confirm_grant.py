"""After a policy is written: the grants are kept if both owners still consent, and taken back if not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.alerts import describe
from pullguard.aws.iam import Iam
from pullguard.domain.actions import Grant
from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import NamedPolicy
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.confirm_grant import Confirmer, completed, grant_of, own_policy, without
from pullguard.workflows.role_lock import Unconfirmed
from pullguard.workflows.write_policy import Change
from tests.fakes import (
    REGION,
    ROLE_ID,
    World,
    container,
    denied,
    granted,
    key,
    revision_arn,
    role,
    secret,
    task_definition,
)
from tests.flows import ASKED_FOR, CAUSE, Harness, Writes

GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret(key=key())
AFTER = render(policy_document(granted(GHCR)))
OURS = NamedPolicy(name=POLICY_NAME, document=policy_document(granted(GHCR)))
ROLE = role(inline_policies=(OURS,))
CONSENT = World((task_definition(container(GHCR)),), (ROLE,), (GHCR,))
UNTAGGED = replace(CONSENT, secrets=(secret(registry=None),))
GRANT = Grant(task_definition=revision_arn(), role=ROLE.arn, secret=GHCR.arn, key=None, findings=("f",))
CHANGE = Change(before=None, after=AFTER, task_definition=str(revision_arn()), cause=CAUSE)
DONE = (completed(GRANT, CHANGE),)
OWED = GrantWithoutConsent(
    granted=Granted(secret=GHCR.arn, key=None), before=None, task_definition=str(revision_arn()), why="no tag"
)


@pytest.fixture
def writes(ledger: Ledger) -> Iterator[Writes]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield Writes(Harness(ledger, CONSENT), stubber, Iam(client))
        stubber.assert_no_pending_responses()


def confirmer(here: Writes) -> Confirmer:
    return Confirmer(executor=here.harness.executor(), iam=here.iam)


def confirm(here: Writes) -> int:
    return confirmer(here).confirm(ROLE, DONE, ASKED_FOR, occasion="m-1")


# --- The parts ---


def test_a_completed_grant_names_the_policy_before_and_after_it() -> None:
    assert completed(GRANT, CHANGE, "and a note") == Remediation(
        event="Remediation Completed", deed=describe(GRANT, "and a note"), before=None, after=AFTER
    )


WITHOUT: dict[str, tuple[tuple[Any, ...], GrantWithoutConsent, tuple[Granted, ...] | None]] = {
    "the-only-grant": ((GHCR,), OWED, None),
    "one-of-two": ((GHCR, HUB), OWED, granted(HUB)),
    "one-that-was-narrower-before": (
        (KEYED,),
        replace(OWED, granted=granted(KEYED)[0], before=granted(GHCR)[0]),
        granted(GHCR),
    ),
    "one-that-is-not-there": ((HUB,), OWED, granted(HUB)),
}


@pytest.mark.parametrize(("own", "owed", "left"), WITHOUT.values(), ids=WITHOUT)
def test_our_policy_without_a_grant(
    own: tuple[Any, ...], owed: GrantWithoutConsent, left: tuple[Granted, ...] | None
) -> None:
    document = render(policy_document(granted(*own)))
    assert without(document, (owed,)) == (None if left is None else render(policy_document(left)))


OTHER = NamedPolicy(name="own", document={})
ROLES: dict[str, tuple[Any, NamedPolicy | None]] = {
    "among-others": (role(inline_policies=(OTHER, OURS)), OURS),
    "absent": (role(inline_policies=(OTHER,)), None),
    "unreadable": (role(inline_policies=denied()), None),
}


@pytest.mark.parametrize(("its_role", "expected"), ROLES.values(), ids=ROLES)
def test_our_policy_on_a_role(its_role: Any, expected: NamedPolicy | None) -> None:
    assert own_policy(its_role) == expected


def test_the_grant_of_a_record() -> None:
    assert grant_of(ROLE, OWED) == replace(GRANT, findings=())


# --- Consent ---


def test_a_grant_with_consent_is_kept_and_reported(writes: Writes) -> None:
    assert confirm(writes) == 0
    ledger = writes.harness.ledger
    (record,) = ledger.roles.grant_records(ROLE.arn)
    assert (record.granted.secret, record.role_id, record.task_definition) == (GHCR.arn, ROLE_ID, str(revision_arn()))
    (detail,) = writes.harness.sent.details("Remediation Completed")
    assert (detail["remediation"]["before"], detail["remediation"]["after"]) == (None, AFTER)


def test_a_grant_without_consent_is_taken_back_by_the_exact_request(writes: Writes) -> None:
    writes.harness.world = UNTAGGED
    writes.expect()
    assert confirm(writes) == 1
    ledger = writes.harness.ledger
    assert [(each.before, each.after, each.outcome) for each in ledger.roles.writes(ROLE.arn)] == [
        (AFTER, None, "written")
    ]
    assert (ledger.roles.granted(ROLE.arn), ledger.roles.without_consent(ROLE.arn)) == ((), ())
    (detail,) = writes.harness.sent.details("Remediation Failed")
    assert "was taken back" in detail["remediation"]["why"]


STAYS: dict[str, Any] = {
    "aws-refuses": lambda here: here.expect(error="AccessDenied"),
    "everything-is-stopped": lambda here: setattr(here.harness, "stop", switch_text(Stop(by="ada", at="noon"))),
    "the-role-is-held": lambda here: here.harness.ledger.roles.save_hold(ROLE.arn, Stop(by="ada", at="noon")),
    "the-stack-observes": lambda here: setattr(here.harness, "mode", "observe"),
}


@pytest.mark.parametrize("prevent", STAYS.values(), ids=STAYS)
def test_a_grant_that_cannot_be_taken_back_is_owed_and_reported_with_the_command(writes: Writes, prevent: Any) -> None:
    writes.harness.world = UNTAGGED
    prevent(writes)
    with pytest.raises(Unconfirmed):
        confirm(writes)
    ledger = writes.harness.ledger
    (owed,) = ledger.roles.without_consent(ROLE.arn)
    assert (owed.granted, owed.before) == (OWED.granted, None)
    assert ledger.roles.granted(ROLE.arn) == ()
    (detail,) = writes.harness.sent.details("Remediation Failed")
    assert detail["remediation"]["snippet"] == (
        f"aws iam delete-role-policy --role-name web-execution --policy-name {POLICY_NAME}"
    )


REASONS: dict[str, tuple[World, str | None]] = {
    "both-consent": (CONSENT, None),
    "the-secret-is-not-opted-in": (UNTAGGED, "is not opted in"),
    "the-role-is-not-opted-in": (replace(CONSENT, roles=(role(managed=False),)), "is not opted in"),
    "the-role-is-gone": (replace(CONSENT, roles=()), "the role is gone"),
    "the-task-definition-is-gone": (World(), "the task definition is gone"),
}


@pytest.mark.parametrize(("world", "why"), REASONS.values(), ids=REASONS)
def test_why_consent_is_lacking(writes: Writes, world: World, why: str | None) -> None:
    writes.harness.world = world
    reasons = confirmer(writes).revoked(str(revision_arn()), (GHCR.arn,))
    assert list(reasons) == ([] if why is None else [str(GHCR.arn)])
    assert why is None or why in reasons[str(GHCR.arn)]


UNREAD: dict[str, dict[str, Any]] = {
    "the-task-definition": {"task-definition": denied()},
    "the-role": {str(ROLE.arn): denied()},
    "the-secret": {str(GHCR.arn): denied()},
}


@pytest.mark.parametrize("unreadable", UNREAD.values(), ids=UNREAD)
def test_where_consent_cannot_be_read_nothing_is_kept_and_the_message_comes_back(
    writes: Writes, unreadable: dict[str, Any]
) -> None:
    writes.harness.world = replace(CONSENT, unreadable=unreadable)
    with pytest.raises(Unconfirmed, match="could not be read"):
        confirm(writes)
    assert writes.harness.ledger.roles.granted(ROLE.arn) == ()
    assert writes.harness.sent.reported() == []


# --- An earlier run of the same message ---


def intend(here: Writes) -> None:
    here.harness.executor().intend(*DONE, occasion="m-1")


def test_what_an_earlier_run_wrote_is_confirmed(writes: Writes) -> None:
    intend(writes)
    assert confirmer(writes).confirm_earlier(ASKED_FOR, occasion="m-1") == 0
    assert writes.harness.ledger.roles.granted(ROLE.arn) == granted(GHCR)
    assert writes.harness.sent.reported() == ["Remediation Completed"]


NOT_WRITTEN: dict[str, World] = {
    "no-policy": replace(CONSENT, roles=(role(),)),
    "another-policy": replace(
        CONSENT, roles=(role(inline_policies=(replace(OURS, document=policy_document(granted(HUB))),)),)
    ),
    "no-role": replace(CONSENT, roles=()),
}


@pytest.mark.parametrize("world", NOT_WRITTEN.values(), ids=NOT_WRITTEN)
def test_what_an_earlier_run_did_not_write_is_not_confirmed(writes: Writes, world: World) -> None:
    intend(writes)
    writes.harness.world = world
    assert confirmer(writes).confirm_earlier(ASKED_FOR, occasion="m-1") == 0
    assert (writes.harness.ledger.roles.granted(ROLE.arn), writes.harness.sent.reported()) == ((), [])


def test_where_the_role_cannot_be_read_the_earlier_run_stays_unconfirmed(writes: Writes) -> None:
    intend(writes)
    writes.harness.world = replace(CONSENT, unreadable={str(ROLE.arn): denied()})
    with pytest.raises(Unconfirmed):
        confirmer(writes).confirm_earlier(ASKED_FOR, occasion="m-1")


def test_a_message_without_an_earlier_run_reads_nothing(writes: Writes) -> None:
    writes.harness.world = replace(CONSENT, asked=[])
    assert confirmer(writes).confirm_earlier(ASKED_FOR, occasion="m-1") == 0
    assert writes.harness.world.asked == []
