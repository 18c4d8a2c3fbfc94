"""``pullguard history``: writes to policies and to ECS."""

import json

import pytest

from pullguard.domain.policy_document import policy_document
from pullguard.domain.provenance import Provenance
from tests.fakes import NOW
from tests.unit.cli.conftest import Run, in_account
from tests.unit.cli.deployed import Stack
from tests.unit.cli.writes import (
    ONE,
    ROLE,
    TASK_DEFINITION,
    TWO,
    written,
)


@pytest.fixture
def stack(aws: None) -> Stack:
    return written()


def test_the_history_lists_writes_newest_first(run: Run, stack: Stack) -> None:
    reported = json.loads(run("history").out)
    newest, oldest = reported["writes"]
    assert reported["schema_version"] == 2
    assert (newest["role"], newest["at"]) == (str(ROLE), NOW.replace(minute=2).isoformat())
    assert (newest["cause"], newest["event_id"], newest["by"]) == ("RegisterTaskDefinition", "e-2", "pullguard")
    assert newest["task_definition"] == TASK_DEFINITION
    assert (newest["before"], newest["after"]) == (policy_document([ONE]), policy_document([ONE, TWO]))
    assert (oldest["before"], oldest["after"]) == (None, policy_document([ONE]))


def test_the_history_of_a_role_is_its_own(run: Run, stack: Stack) -> None:
    assert len(json.loads(run("history", "web-execution").out)["writes"]) == 2
    assert json.loads(run("history", "other").out)["writes"] == []
    assert "No writes to other are recorded" in run("history", "other", "--format", "text").out


def test_the_ledger_can_be_named_without_a_stack(run: Run, stack: Stack) -> None:
    in_account("cloudformation").delete_stack(StackName="pullguard")
    assert run("history").code == 2
    assert len(json.loads(run("history", "--table", "ledger").out)["writes"]) == 2


def test_the_history_lists_writes_to_ecs(run: Run, stack: Stack) -> None:
    new = TASK_DEFINITION.replace("web:7", "web:8")
    cause = Provenance(kind="RegisterTaskDefinition", event_id="e-9", at=NOW).to_dict()
    record = {
        "kind": "reregister",
        "target": TASK_DEFINITION,
        "before": TASK_DEFINITION,
        "after": new,
        "task_definition": TASK_DEFINITION,
        "cause": cause,
        "outcome": "written",
    }
    stack.ledger.families.record_write("web", write_id="m-9", record=record, now=NOW.replace(minute=9))
    reported = json.loads(run("history", "--family", "web").out)
    (write,) = reported["ecs_writes"]
    assert reported["writes"] == []
    assert (write["before"], write["after"], write["outcome"]) == (TASK_DEFINITION, new, "written")
    assert (write["cause"], write["event_id"], write["at"][:16]) == (
        "RegisterTaskDefinition",
        "e-9",
        "2026-11-23T12:09",
    )
    assert "registered web:8 from web:7" in " ".join(run("history", "--family", "web", "--format", "text").out.split())
    every = json.loads(run("history").out)
    assert (len(every["writes"]), len(every["ecs_writes"])) == (2, 1)
    assert json.loads(run("history", "web-execution").out)["ecs_writes"] == []
    assert "family web" in " ".join(run("history", "--format", "text").out.split())
