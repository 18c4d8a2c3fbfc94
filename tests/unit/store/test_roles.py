"""Grant records, policy writes, unused marks, and grants without an owner's consent."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pullguard.domain.grant_record import GrantRecord, GrantWithoutConsent
from pullguard.domain.policy_document import Granted
from pullguard.store.ledger import Ledger
from pullguard.store.table import HISTORY_KEPT_S
from tests.fakes import NOW, ROLE_ID, key, revision_arn, role_arn, secret_arn
from tests.unit.store.items import expires

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROLE = role_arn()


def test_grants_are_added_and_each_write_is_kept(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    one, two = Granted(secret=secret_arn("a"), key=None), Granted(secret=secret_arn("b"), key=key().arn)
    ledger.roles.record_write(ROLE, write_id="1", record={"before": None, "after": "x"}, now=NOW)
    assert ledger.roles.granted(ROLE) == ()
    ledger.roles.keep_grants(ROLE, (one,))
    ledger.roles.record_write(ROLE, write_id="2", record={"before": "x", "after": "y"}, now=NOW)
    ledger.roles.keep_grants(ROLE, (one, two))
    assert ledger.roles.granted(ROLE) == (one, two)
    assert ledger.roles.granted(role_arn("other")) == ()
    for write in ("1", "2"):
        kept_until = expires(dynamodb, f"ROLE#{ROLE}", f"WRITE#{NOW.isoformat()}#{write}")
        assert kept_until == NOW.timestamp() + HISTORY_KEPT_S
    assert expires(dynamodb, f"ROLE#{ROLE}", f"GRANTED#{one.secret}") is None


GHCR = Granted(secret=secret_arn(), key=None)
KEYED = Granted(secret=secret_arn("keyed"), key=key().arn)


def test_a_grant_record_names_the_role_id_and_the_task_definition(ledger: Ledger) -> None:
    ledger.roles.keep_grants(ROLE, (KEYED,), role_id=ROLE_ID, task_definition=str(revision_arn()))
    assert ledger.roles.grant_records(ROLE) == (
        GrantRecord(granted=KEYED, role_id=ROLE_ID, task_definition=str(revision_arn())),
    )


def test_a_grant_is_unused_since_the_first_sweep_that_found_it_so(ledger: Ledger) -> None:
    ledger.roles.keep_grants(ROLE, (GHCR, KEYED))
    for days, sweep in enumerate(("s-1", "s-2")):
        ledger.roles.mark_unused(ROLE, GHCR.secret, sweep=sweep, now=NOW + timedelta(days=days))
    marks = {each.granted: (each.unused_since, each.unused_sweep) for each in ledger.roles.grant_records(ROLE)}
    assert marks == {GHCR: (NOW, "s-2"), KEYED: (None, None)}


def test_a_grant_that_is_needed_again_starts_anew(ledger: Ledger) -> None:
    ledger.roles.keep_grants(ROLE, (GHCR,))
    ledger.roles.mark_unused(ROLE, GHCR.secret, sweep="s-1", now=NOW)
    ledger.roles.mark_needed(ROLE, GHCR.secret)
    assert ledger.roles.grant_records(ROLE) == (GrantRecord(granted=GHCR, task_definition=""),)
    ledger.roles.mark_unused(ROLE, GHCR.secret, sweep="s-9", now=NOW + timedelta(days=9))
    (record,) = ledger.roles.grant_records(ROLE)
    assert record.unused_since == NOW + timedelta(days=9)


def test_a_mark_makes_no_record_of_a_grant_that_was_forgotten(ledger: Ledger) -> None:
    ledger.roles.keep_grants(ROLE, (GHCR,))
    ledger.roles.forget_grant(ROLE, GHCR.secret)
    ledger.roles.mark_unused(ROLE, GHCR.secret, sweep="s-1", now=NOW)
    ledger.roles.mark_needed(ROLE, GHCR.secret)
    assert ledger.roles.grant_records(ROLE) == ()


def test_the_writes_of_a_role_are_listed_the_oldest_first_and_a_second_record_replaces_the_first(
    ledger: Ledger,
) -> None:
    later = NOW + timedelta(hours=1)
    ledger.roles.record_write(
        ROLE, write_id="m-2", record={"before": "a", "after": "b", "outcome": "unknown"}, now=later
    )
    ledger.roles.record_write(
        ROLE, write_id="m-1", record={"before": None, "after": "a", "outcome": "written"}, now=NOW
    )
    ledger.roles.record_write(
        ROLE, write_id="m-2", record={"before": "a", "after": "b", "outcome": "refused"}, now=later
    )
    writes = [(each.at, each.before, each.after, each.outcome) for each in ledger.roles.writes(ROLE)]
    assert writes == [(NOW.isoformat(), None, "a", "written"), (later.isoformat(), "a", "b", "refused")]
    assert ledger.roles.known() == (ROLE,)


@pytest.mark.parametrize("before", [None, KEYED], ids=["nothing-before", "another-grant-before"])
def test_a_grant_without_consent_is_kept_until_it_is_forgotten(ledger: Ledger, before: Granted | None) -> None:
    owed = GrantWithoutConsent(granted=GHCR, before=before, task_definition=str(revision_arn()), why="no tag")
    ledger.roles.keep_without_consent(ROLE, (owed,))
    assert ledger.roles.without_consent(ROLE) == (owed,)
    assert ledger.roles.without_consent(role_arn("other")) == ()
    ledger.roles.forget_without_consent(ROLE, (owed,))
    assert ledger.roles.without_consent(ROLE) == ()
