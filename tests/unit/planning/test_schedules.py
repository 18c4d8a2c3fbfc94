"""Rules and schedules that pin a revision: found exactly, reported with commands, never changed."""

import json
import shlex
import subprocess
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.usage import ScheduleUse, Usage
from pullguard.planning.planner import Rules as PlannerRules
from pullguard.planning.planner import make_plan
from pullguard.planning.schedules import pins
from pullguard.planning.scope import in_scope
from tests.fakes import REGION, World, container, denied, revision_arn, role, secret, task_definition

BEFORE, AFTER = revision_arn("web", 7), revision_arn("web", 8)
RULE = ScheduleUse(kind="rule", name="nightly", within="target-1", task_definition=BEFORE)
SCHEDULE = ScheduleUse(kind="schedule", name="weekly report", within="default", task_definition=BEFORE)
UNIVERSAL = ScheduleUse(kind="schedule", name="nightly", within="default", in_input=True, task_definition=BEFORE)


@pytest.mark.parametrize(
    ("named", "wanted"),
    [(str(BEFORE), str(AFTER)), ("web:7", "web:8"), ("my-web:7", "my-web:7"), ("web:77", "web:77")],
)
def test_the_command_changes_the_revision_in_the_input_and_no_other(named: str, wanted: str) -> None:
    (refusal,) = pins((UNIVERSAL,), BEFORE, AFTER)
    assert refusal.snippet is not None
    words = shlex.split(refusal.snippet.replace("\n", " "))
    script = words[words.index("sed") + 2]
    document = json.dumps({"Target": {"Input": json.dumps({"TaskDefinition": named, "Cluster": "main"})}}, indent=2)
    changed = subprocess.run(["sed", "-E", script], input=document, text=True, capture_output=True, check=True).stdout
    assert json.loads(json.loads(changed)["Target"]["Input"])["TaskDefinition"] == wanted


def test_a_rule_is_reported_with_the_commands_that_move_it() -> None:
    (refusal,) = pins((RULE,), BEFORE, AFTER, ("f1",))
    assert (refusal.kind, refusal.target, refusal.findings) == ("move-service", "rule nightly", ("f1",))
    assert refusal.snippet is not None
    read, write = refusal.snippet.split("\n")
    words = shlex.split(read)
    assert words[:7] == ["aws", "events", "list-targets-by-rule", "--region", REGION, "--rule", "nightly"]
    assert f's|{BEFORE}"|{AFTER}"|' in words
    assert shlex.split(write)[:3] == ["aws", "events", "put-targets"]


def test_a_schedule_is_reported_with_the_commands_that_move_it() -> None:
    (refusal,) = pins((SCHEDULE,), BEFORE, AFTER)
    assert refusal.snippet is not None
    assert "--group-name default --name 'weekly report'" in refusal.snippet
    assert "aws scheduler update-schedule" in refusal.snippet


def test_unreadable_rules_and_schedules_are_reported() -> None:
    (refusal,) = pins(denied("scheduler:ListSchedules"), BEFORE, AFTER)
    assert "could not be read" in refusal.why
    assert "scheduler:ListSchedules" in refusal.why


# --- In the plan -------------------------------------------------------------------------------------------------

OLD, NEW = secret(suffix="OldOld"), secret(suffix="NewNew")
BROKEN = World((task_definition(container(OLD)),), (role(reads=(OLD, NEW)),), (NEW,))


@pytest.mark.parametrize(
    ("schedules", "reported"),
    [
        pytest.param((), [], id="none"),
        pytest.param((RULE, SCHEDULE), ["rule nightly", "schedule weekly report"], id="pinned"),
        pytest.param(denied(), ["unknown schedules"], id="unreadable"),
    ],
)
def test_rules_and_schedules_are_reported_and_not_changed_once_there_is_a_successor(
    schedules: Any, reported: list[str]
) -> None:
    BROKEN.running = Usage(newest=False, successor=revision_arn("web", 8), schedules=schedules)
    facts = BROKEN.facts()
    assert in_scope(facts) == bool(reported)
    plan = make_plan(facts, examine(facts).findings, PlannerRules(move_services=True))
    assert plan.actions == ()
    assert [each.target for each in plan.refusals] == reported
