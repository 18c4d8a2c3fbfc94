"""Revisions that a schedule or a caller starts: a newer revision does not fix an older one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.worlds.demo import CLUSTER
from tests.e2e.attack import OPENED, REFUSED, Mount, attack
from tests.e2e.ground import Ground

SAMPLES = Path(__file__).parents[2] / "events" / "eventbridge"
PUBLIC = "docker.io/library/busybox:1"
Start = Callable[[Ground, str, str], None]


def _older(start: Start) -> Mount:
    """A revision with a secret without opt-in, a newer one with a public image, and a start of the older."""

    def mount(ground: Ground, name: str) -> None:
        role = ground.role(name)
        older = ground.define(name, ground.secret(name, registry=None), role=role)
        ground.define(name, None, role=role, image=PUBLIC)
        start(ground, name, older)

    return mount


def _nothing(ground: Ground, name: str, revision: str) -> None:
    """Start nothing."""


def target(ground: Ground, revision: str) -> dict[str, Any]:
    """Return a rule's or a schedule's target."""
    aws = ground.scene.aws
    cluster = f"arn:aws:ecs:{aws.region}:{aws.account_id}:cluster/{CLUSTER}"
    role = f"arn:aws:iam::{aws.account_id}:role/starts-tasks"
    return {"Arn": cluster, "RoleArn": role, "EcsParameters": {"TaskDefinitionArn": revision}}


def _rule(ground: Ground, name: str, revision: str) -> None:
    ground.client("ecs").create_cluster(clusterName=CLUSTER)
    ground.client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
    ground.client("events").put_targets(Rule=name, Targets=[{"Id": "1", **target(ground, revision)}])


def _schedule(ground: Ground, name: str, revision: str) -> None:
    ground.client("ecs").create_cluster(clusterName=CLUSTER)
    flexible = {"Mode": "OFF"}
    ground.client("scheduler").create_schedule(
        Name=name, ScheduleExpression="rate(1 day)", FlexibleTimeWindow=flexible, Target=target(ground, revision)
    )


def _event(sample: str) -> Start:
    """An Amazon ECS event reports a task outside any service."""

    def start(ground: Ground, name: str, revision: str) -> None:
        event = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
        aws = ground.scene.aws
        task = f"arn:aws:ecs:{aws.region}:{aws.account_id}:task/{CLUSTER}/{name}"
        event["detail"] |= {"group": f"family:{name}", "taskDefinitionArn": revision, "taskArn": task}
        event["detail"]["clusterArn"] = f"arn:aws:ecs:{aws.region}:{aws.account_id}:cluster/{CLUSTER}"
        event |= {"resources": [task]}
        aws.emit([event])

    return start


NOT_OPTED_IN = "is not opted in"
STARTED = (
    attack("older-revision-that-nobody-starts", _older(_nothing), reported=()),
    attack("older-revision-that-a-rule-starts", _older(_rule), NOT_OPTED_IN, reported=(OPENED, REFUSED)),
    attack("older-revision-that-a-schedule-starts", _older(_schedule), NOT_OPTED_IN, reported=(OPENED, REFUSED)),
    attack("older-revision-started-by-hand", _older(_event("task-started")), NOT_OPTED_IN, reported=(OPENED, REFUSED)),
    attack(
        "older-revision-that-ended-beside-services",
        _older(_event("task-ran")),
        NOT_OPTED_IN,
        reported=(OPENED, REFUSED),
    ),
    attack(
        "older-revision-that-failed-to-start",
        _older(_event("task-stopped-fargate")),
        NOT_OPTED_IN,
        reported=(OPENED, REFUSED),
    ),
)
