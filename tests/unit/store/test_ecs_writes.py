"""Each write to ECS, by family: recorded before and after, the oldest first, for as long as the history is kept."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pullguard.store.grants import HISTORY_KEPT_S
from pullguard.store.ledger import Ledger
from tests.fakes import NOW, revision_arn, service
from tests.flows import CAUSE
from tests.unit.store.items import expires

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SOURCE, NEW = str(revision_arn(revision=7)), str(revision_arn(revision=8))


def record(ledger: Ledger, outcome: str, *, write_id: str = "m-1", at: datetime = NOW, **members: Any) -> None:
    kept = {"kind": "reregister", "target": "web", "before": SOURCE, "after": None, "task_definition": SOURCE}
    data = {**kept, "cause": CAUSE.to_dict(), "outcome": outcome, **members}
    ledger.record_ecs_write("web", write_id=write_id, record=data, now=at)


def test_a_write_is_read_back_whole(ledger: Ledger) -> None:
    record(ledger, "unknown")
    record(ledger, "written", after=NEW)
    (write,) = ledger.ecs_writes("web")
    assert (write.family, write.kind, write.target) == ("web", "reregister", "web")
    assert (write.before, write.after, write.task_definition, write.outcome) == (SOURCE, NEW, SOURCE, "written")
    assert (write.at, write.cause, write.event_id, write.by) == (NOW.isoformat(), CAUSE.kind, "e-1", "pullguard")


def test_writes_are_listed_by_family_the_oldest_first(ledger: Ledger) -> None:
    record(ledger, "written", write_id="m-2", at=NOW + timedelta(hours=1), kind="move-service")
    record(ledger, "refused", kind="redeploy", target=service().service_arn)
    assert [each.kind for each in ledger.ecs_writes("web")] == ["redeploy", "move-service"]
    assert (ledger.families(), ledger.ecs_writes("api")) == (("web",), ())


def test_a_write_expires_with_the_history(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    record(ledger, "written")
    assert expires(dynamodb, "FAMILY#web", f"WRITE#{NOW.isoformat()}#m-1") == NOW.timestamp() + HISTORY_KEPT_S
    assert expires(dynamodb, "FAMILIES", "FAMILY#web") is None


def test_an_outcome_of_another_version_is_unknown(ledger: Ledger) -> None:
    record(ledger, "postponed")
    assert [each.outcome for each in ledger.ecs_writes("web")] == ["unknown"]
