"""The ledger's history of our writes, and the statements that they added."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.write_history import EcsWrite, Outcome, Write, additions
from tests.fakes import key, role_arn, secret_arn

ROLE = role_arn()
AT = "2026-11-23T12:00:00+00:00"
A, B = Granted(secret=secret_arn("a"), key=None), Granted(secret=secret_arn("b"), key=key().arn)
RECORD: dict[str, Any] = {
    "before": None,
    "after": "{}",
    "cause": {"kind": "PutSecretValue", "event_id": "event-1"},
    "task_definition": "web:7",
    "role_id": "AROAEXAMPLE",
    "outcome": "written",
}


def policy(*granted: Granted) -> str | None:
    return render(policy_document(granted)) if granted else None


def write(before: str | None = None, after: str | None = None, **changes: Any) -> Write:
    whole = Write.from_record(ROLE, f"{AT}#m1", RECORD | {"before": before, "after": after})
    return replace(whole, **changes)


def test_a_write_is_read_from_its_record() -> None:
    read = Write.from_record(ROLE, f"{AT}#m1", RECORD)
    assert read == Write(
        version=read.version,
        at=AT,
        before=None,
        after="{}",
        cause="PutSecretValue",
        event_id="event-1",
        task_definition="web:7",
        by="pullguard",
        outcome="written",
        role=str(ROLE),
    )
    assert len(read.version) == 8
    assert read.version != Write.from_record(ROLE, f"{AT}#m2", RECORD).version


def test_a_record_of_an_earlier_version_lacks_members() -> None:
    read = Write.from_record(ROLE, AT, {})
    assert (read.at, read.before, read.after, read.cause, read.event_id) == (AT, None, None, "", "")
    assert (read.by, read.outcome, read.policy, read.task_definition) == ("pullguard", "unknown", POLICY_NAME, "")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("written", "written"), ("refused", "refused"), ("unknown", "unknown"), ("lost", "unknown"), (None, "unknown")],
)
def test_an_outcome_that_is_not_known_is_unknown(said: str | None, outcome: Outcome) -> None:
    assert Write.from_record(ROLE, AT, {"outcome": said}).outcome == outcome


def test_programs_get_policies_as_objects_and_other_texts_as_they_are() -> None:
    given = write('{"Version": "2012-10-17"}', "no JSON").to_dict()
    assert (given["before"], given["after"]) == ({"Version": "2012-10-17"}, "no JSON")
    assert given["policy"] == POLICY_NAME


def test_a_write_to_ecs_names_what_was_written_to() -> None:
    record = {"kind": "move-service", "target": "service/prod/web", "before": "web:7", "after": "web:8"}
    read = EcsWrite.from_record("web", f"{AT}#m1#service/prod/web", record)
    assert (read.family, read.kind, read.target) == ("web", "move-service", "service/prod/web")
    assert (read.at, read.before, read.after) == (AT, "web:7", "web:8")
    assert read.to_dict()["family"] == "web"


ADDED: dict[str, tuple[list[Write], dict[Granted, str]]] = {
    "nothing-was-written": ([], {}),
    "the-first-grant": ([write(None, policy(A))], {A: "web:7"}),
    "only-what-is-new": ([write(policy(A), policy(A, B))], {B: "web:7"}),
    "a-revocation-adds-nothing": ([write(policy(A, B), policy(A))], {}),
    "a-refused-write-adds-nothing": ([write(None, policy(A), outcome="refused")], {}),
    "a-write-of-unknown-outcome-may-have": ([write(None, policy(A), outcome="unknown")], {A: "web:7"}),
    "the-last-task-definition-counts": (
        [write(None, policy(A)), write(None, policy(A), task_definition="api:1")],
        {A: "api:1"},
    ),
    "a-policy-that-is-not-ours": ([write(None, '{"Statement": []}')], {}),
}


@pytest.mark.parametrize(("writes", "added"), ADDED.values(), ids=ADDED)
def test_additions_are_the_grants_that_our_writes_added(writes: list[Write], added: dict[Granted, str]) -> None:
    assert additions(writes) == added
