"""The deeds in a family: not repeated after people undo it, and each write recorded before and after."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pullguard.store.ledger import Ledger
from pullguard.store.table import HISTORY_KEPT_S
from tests.fakes import NOW, revision_arn, service
from tests.flows import CAUSE
from tests.unit.store.items import expires

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SOURCE, NEW, LATER = (revision_arn(revision=number) for number in (7, 8, 9))
SERVICE = service().service_arn


def test_a_registration_is_remembered_for_its_source_only(ledger: Ledger) -> None:
    ledger.families.keep_reregistered(SOURCE, NEW)
    assert [ledger.families.reregistered(each) for each in (SOURCE, NEW, revision_arn("api"))] == [NEW, None, None]
    ledger.families.keep_reregistered(SOURCE, LATER)
    assert ledger.families.reregistered(SOURCE) == LATER


def test_only_the_last_move_of_a_service_counts(ledger: Ledger) -> None:
    assert not ledger.families.was_moved(SERVICE, SOURCE, NEW)
    ledger.families.keep_move(SERVICE, SOURCE, NEW)
    assert ledger.families.was_moved(SERVICE, SOURCE, NEW)
    assert not ledger.families.was_moved(SERVICE, NEW, SOURCE)
    assert not ledger.families.was_moved(service("other").service_arn, SOURCE, NEW)
    ledger.families.keep_move(SERVICE, NEW, LATER)
    assert [ledger.families.was_moved(SERVICE, *each) for each in ((SOURCE, NEW), (NEW, LATER))] == [False, True]


@pytest.mark.parametrize("number", [0, 1])
def test_each_thing_that_was_done_can_be_let_again(ledger: Ledger, number: int) -> None:
    ledger.families.keep_reregistered(SOURCE, NEW)
    ledger.families.keep_move(SERVICE, SOURCE, NEW)
    done = (f"REREGISTERED#{SOURCE}", f"MOVED#{SERVICE}")
    assert (ledger.families.done_in("web"), ledger.families.done_in("api")) == (done, ())
    ledger.families.let_again("web", done[number])
    assert ledger.families.done_in("web") == (done[1 - number],)
    assert (ledger.families.reregistered(SOURCE) is None, ledger.families.was_moved(SERVICE, SOURCE, NEW)) == (
        number == 0,
        number == 0,
    )


# --- Writes ---


def record(ledger: Ledger, outcome: str, *, write_id: str = "m-1", at: datetime = NOW, **members: Any) -> None:
    kept = {"kind": "reregister", "target": "web", "before": str(SOURCE), "after": None, "task_definition": str(SOURCE)}
    data = {**kept, "cause": CAUSE.to_dict(), "outcome": outcome, **members}
    ledger.families.record_write("web", write_id=write_id, record=data, now=at)


def test_a_write_is_read_back_whole(ledger: Ledger) -> None:
    record(ledger, "unknown")
    record(ledger, "written", after=str(NEW))
    (write,) = ledger.families.writes("web")
    assert (write.family, write.kind, write.target) == ("web", "reregister", "web")
    assert (write.before, write.after, write.task_definition, write.outcome) == (
        str(SOURCE),
        str(NEW),
        str(SOURCE),
        "written",
    )
    assert (write.at, write.cause, write.event_id, write.by) == (NOW.isoformat(), CAUSE.kind, "e-1", "pullguard")


def test_writes_are_listed_by_family_the_oldest_first(ledger: Ledger) -> None:
    record(ledger, "written", write_id="m-2", at=NOW + timedelta(hours=1), kind="move-service")
    record(ledger, "refused", kind="redeploy", target=service().service_arn)
    assert [each.kind for each in ledger.families.writes("web")] == ["redeploy", "move-service"]
    assert (ledger.families.known(), ledger.families.writes("api")) == (("web",), ())


def test_a_write_expires_with_the_history(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    record(ledger, "written")
    assert expires(dynamodb, "FAMILY#web", f"WRITE#{NOW.isoformat()}#m-1") == NOW.timestamp() + HISTORY_KEPT_S
    assert expires(dynamodb, "FAMILIES", "FAMILY#web") is None


def test_an_outcome_of_another_version_is_unknown(ledger: Ledger) -> None:
    record(ledger, "postponed")
    assert [each.outcome for each in ledger.families.writes("web")] == ["unknown"]
