"""Our policy on a role is written by one exact request, recorded before and after it, and counted."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.errors import Denied
from pullguard.domain.policy_document import policy_document, render
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard.workflows.write_checks import Held
from pullguard.workflows.write_policy import Change, PolicyWriter, scopes
from tests.fakes import NOW, REGION, ROLE_ID, World, granted, revision_arn, role, secret
from tests.flows import CAUSE, Harness, Writes

GHCR, HUB, ROLE = secret(), secret("registry/hub", "HubHub", registry="docker.io"), role()
WORLD = World()
BOTH = render(policy_document(granted(GHCR, HUB)))
FIRST, LAST = (
    Change(before=before, after=after, task_definition=str(revision_arn()), cause=CAUSE)
    for before, after in ((None, BOTH), (BOTH, None))
)
SCOPES = tuple(f"the grant of {each.arn} on the role {ROLE.arn}" for each in (GHCR, HUB))


@pytest.fixture
def writes(ledger: Ledger) -> Iterator[Writes]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield Writes(Harness(ledger, WORLD), stubber, Iam(client))
        stubber.assert_no_pending_responses()


def write(here: Writes, change: Change = FIRST) -> None:
    writer = PolicyWriter(executor=here.harness.executor(), iam=here.iam)
    writer.write(ROLE, change, (GHCR.arn, HUB.arn), write_id="m-1")


def counted(here: Writes) -> list[int]:
    return [here.harness.ledger.write_counts.in_hour(each, now=NOW) for each in SCOPES]


@pytest.mark.parametrize(("change", "left"), [(FIRST, (GHCR, HUB)), (LAST, ())], ids=["put", "delete"])
def test_a_write_is_recorded_and_counted_for_each_secret(writes: Writes, change: Change, left: tuple[Any, ...]) -> None:
    writes.expect(*left)
    write(writes, change)
    (kept,) = writes.harness.ledger.roles.writes(ROLE.arn)
    assert (kept.before, kept.after, kept.outcome) == (change.before, change.after, "written")
    assert (kept.task_definition, kept.role_id, kept.event_id) == (str(revision_arn()), ROLE_ID, CAUSE.event_id)
    assert counted(writes) == [1, 1]


def test_a_refused_write_is_recorded_as_refused_and_not_counted(writes: Writes) -> None:
    writes.expect(GHCR, HUB, error="AccessDenied")
    with pytest.raises(Denied):
        write(writes)
    assert [each.outcome for each in writes.harness.ledger.roles.writes(ROLE.arn)] == ["refused"]
    assert counted(writes) == [0, 0]


def test_a_hold_that_comes_after_the_record_keeps_the_policy_from_being_written(writes: Writes) -> None:
    writes.harness.ledger.roles.save_hold(ROLE.arn, Stop(by="ada", at="noon"))
    with pytest.raises(Held):
        write(writes)
    assert [each.outcome for each in writes.harness.ledger.roles.writes(ROLE.arn)] == ["refused"]


def test_a_write_whose_outcome_is_unknown_stays_recorded_as_unknown(writes: Writes) -> None:
    writes.expect(GHCR, HUB, error="ServiceFailure")
    with pytest.raises(ClientError):
        write(writes)
    assert [each.outcome for each in writes.harness.ledger.roles.writes(ROLE.arn)] == ["unknown"]
    assert counted(writes) == [0, 0]


def test_each_secret_of_a_role_is_a_scope() -> None:
    assert scopes(ROLE, (GHCR.arn, HUB.arn)) == SCOPES
    assert scopes(ROLE, ()) == ()
