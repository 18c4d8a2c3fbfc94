"""Rules and schedules that start one revision, as EventBridge and EventBridge Scheduler list them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pullguard.aws.schedules import Rules, Schedules, started_by
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Unreadable
from pullguard.domain.usage import ScheduleUse
from tests.fakes import CLUSTER, REGION, revision_arn

BEFORE, AFTER = revision_arn("web", 7), revision_arn("web", 8)
RULE = ScheduleUse(kind="rule", name="nightly", within="target-1", task_definition=BEFORE)
SCHEDULE = ScheduleUse(kind="schedule", name="weekly report", within="default", task_definition=BEFORE)
UNIVERSAL = ScheduleUse(kind="schedule", name="nightly", within="default", in_input=True, task_definition=BEFORE)
HOME = Arn.parse(CLUSTER)
ROLE = "arn:aws:iam::123456789012:role/events"


def target(task_definition: Arn | str, cluster: str = CLUSTER) -> dict[str, Any]:
    return {"Arn": cluster, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": str(task_definition)}}


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_only_rules_that_start_one_very_revision_in_the_account_are_found() -> None:
    events = boto3.client("events", region_name=REGION)
    targets = {
        "nightly": target(BEFORE),
        "of-the-family": target(str(BEFORE).rpartition(":")[0]),
        "of-others": target(str(BEFORE).replace(HOME.account, "999999999999")),
        "elsewhere": target(BEFORE, f"{CLUSTER}-other"),
    }
    for name, each in targets.items():
        events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
        events.put_targets(Rule=name, Targets=[{"Id": "target-1", **each}])  # type: ignore[list-item]
    assert Rules(events).starting([HOME, Arn.parse(f"{CLUSTER}-empty")]) == (RULE,)


@pytest.mark.usefixtures("aws")
def test_only_schedules_that_start_one_very_revision_are_found() -> None:
    scheduler: Any = boto3.client("scheduler", region_name=REGION)
    for name, each in {"weekly": target(BEFORE), "newest": target("web")}.items():
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(7 days)", FlexibleTimeWindow={"Mode": "OFF"}, Target=each
        )
    found = Schedules(scheduler).starting([HOME])
    assert found == (replace(SCHEDULE, name="weekly"),)


INPUTS: dict[str, tuple[str, bool]] = {
    "its-arn": (json.dumps({"Cluster": "main", "TaskDefinition": str(BEFORE)}), True),
    "its-name": (json.dumps({"Cluster": "main", "TaskDefinition": "web:7"}), True),
    "in-lower-case": (json.dumps({"taskDefinition": "web:7"}), True),
    "another-account": (json.dumps({"TaskDefinition": str(BEFORE).replace(HOME.account, "999999999999")}), False),
    "the-newest-of-the-family": (json.dumps({"TaskDefinition": "web"}), False),
    "no-object": ('["web:7"]', False),
    "no-json": ("web:7", False),
    "nothing-of-it": ("{}", False),
}


@pytest.mark.parametrize("operation", ["runTask", "startTask"])
@pytest.mark.parametrize(("text", "found"), INPUTS.values(), ids=INPUTS)
def test_a_schedule_that_calls_ecs_by_itself_is_found_by_its_input(operation: str, text: str, *, found: bool) -> None:
    scheduler = boto3.client("scheduler", region_name=REGION)
    universal = f"arn:aws:scheduler:::aws-sdk:ecs:{operation}"
    with Stubber(scheduler) as stubber:
        each = {"Name": "nightly", "GroupName": "default", "Target": {"Arn": universal}}
        stubber.add_response("list_schedules", {"Schedules": [each]})
        stubber.add_response("get_schedule", {"Target": {"Arn": universal, "RoleArn": ROLE, "Input": text}})
        uses = Schedules(scheduler).starting([HOME])
    assert uses == ((UNIVERSAL,) if found else ())


@pytest.mark.usefixtures("aws")
def test_a_denied_read_is_unreadable() -> None:
    events = boto3.client("events", region_name=REGION)
    with Stubber(events) as stubber:
        stubber.add_client_error("list_rule_names_by_target", "AccessDeniedException")
        found = started_by(Rules(events), Schedules(boto3.client("scheduler", region_name=REGION)), [CLUSTER])
    assert isinstance(found, Unreadable)
    assert found.permission == "events:ListRuleNamesByTarget"


def listed_by(client: Any, responses: dict[str, list[dict[str, Any] | None]]) -> Stubber:
    """Answer each operation with these, one after the other; None says that there is no such thing."""
    stubber = Stubber(client)
    for operation, answers in responses.items():
        for answer in answers:
            if answer is None:
                stubber.add_client_error(operation, "ResourceNotFoundException")
            else:
                stubber.add_response(operation, answer)
    return stubber


def named(name: str) -> dict[str, Any]:
    return {"Name": name, "GroupName": "default", "Target": {"Arn": CLUSTER}}


def test_a_schedule_that_is_deleted_during_the_listing_hides_nothing_else() -> None:
    events = boto3.client("events", region_name=REGION)
    scheduler: Any = boto3.client("scheduler", region_name=REGION)
    rules = listed_by(
        events,
        {
            "list_rule_names_by_target": [{"RuleNames": ["gone", "nightly"]}],
            "list_targets_by_rule": [None, {"Targets": [{"Id": "target-1", **target(BEFORE)}]}],
        },
    )
    schedules = listed_by(
        scheduler,
        {
            "list_schedules": [{"Schedules": [named("gone"), named("weekly report")]}],
            "get_schedule": [None, {"Target": target(BEFORE)}],
        },
    )
    with rules, schedules:
        assert started_by(Rules(events), Schedules(scheduler), [CLUSTER]) == (RULE, SCHEDULE)


@pytest.mark.parametrize("which", ["rules", "schedules"])
def test_a_list_that_is_said_not_to_exist_is_no_empty_list(which: str) -> None:
    events = boto3.client("events", region_name=REGION)
    scheduler: Any = boto3.client("scheduler", region_name=REGION)
    rules = listed_by(events, {"list_rule_names_by_target": [None if which == "rules" else {"RuleNames": []}]})
    schedules = listed_by(scheduler, {"list_schedules": [None if which == "schedules" else {"Schedules": []}]})
    with rules, schedules:
        assert isinstance(started_by(Rules(events), Schedules(scheduler), [CLUSTER]), Unreadable)
