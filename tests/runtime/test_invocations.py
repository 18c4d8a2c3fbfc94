"""Every function and every event of events/ in the Lambda runtime by `sam local`; what was written is what counts."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pullguard.events import parse_event_text, sequence
from pullguard.messages import Look
from sandbox.agent import fetch
from sandbox.demo.scene import Scene
from sandbox.inbox import Inbox
from sandbox.runtime.local import Invocation, LocalRuntime, sqs_event
from sandbox.runtime.samples import EVENTS, WEB, remember
from sandbox.worlds import demo
from tests.contract.test_events_folder import REASONS, TRIGGERS

NAMED = {
    "register-task-definition": "web:7",
    "create-service": "web:7",
    "update-service": "web:7",
    "update-service-response-dropped": "web:7",
    "task-stopped-fargate": "web:7",
    "task-stopped-ec2": "web:7",
    "task-stopped-without-stop-code": "web:7",
}
"""The revision that an event names itself; any other is looked up: by the ledger, or as the newest of its family."""


def body(folder: str, name: str) -> str:
    return (EVENTS / folder / f"{name}.json").read_text(encoding="utf-8")


def messages(scene: Scene, queue: str) -> list[dict[str, Any]]:
    """Take all messages out of a queue of the stack (its logical id)."""
    client, url = scene.aws.client("sqs"), scene.stack.queues[queue]
    taken: list[dict[str, Any]] = []
    while some := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages"):
        for each in some:
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        taken += some
    return taken


def looks(scene: Scene, queue: str) -> list[Look]:
    return [Look.parse(each["Body"]) for each in messages(scene, queue)]


def secret(scene: Scene, family: str) -> str:
    """The ARN of a family's secret as it is now."""
    return scene.names[f"secret:{demo.SECRETS[family]}"]


def items(scene: Scene) -> dict[tuple[str, str], Any]:
    table = scene.stack.resources["Ledger"]
    found = scene.aws.client("dynamodb").scan(TableName=table)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


# --- every event, one warm container ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What resolve_change made of one event."""

    answer: Any
    looks: tuple[Look, ...]
    reasons: tuple[str, ...]


@pytest.fixture(scope="module")
def resolved(held: Scene, local: LocalRuntime) -> dict[str, Resolved]:
    """Every sample in one warm container of `sam local start-lambda`; in its ledger, web references everything.

    Events go in together where none is a copy of another; what they leave in the ledger goes before the next ones.
    """
    remember(held)
    before = items(held)
    found: dict[str, Resolved] = {}
    with local.serving("ResolveChangeFunction") as call, ThreadPoolExecutor(max_workers=10) as pool:
        for together in rounds():
            answers = dict(zip(together, pool.map(call, map(sqs_event, together.values())), strict=True))
            asked = looks(held, "ValidationQueue")
            dead = messages(held, "ChangeDeadLetters")
            for name, text in together.items():
                reasons = (each["MessageAttributes"]["reason"]["StringValue"] for each in dead if each["Body"] == text)
                found[name] = Resolved(
                    answer=answers[name],
                    looks=tuple(each for each in asked if each.cause.event_id in text),
                    reasons=tuple(reasons),
                )
            forget(held, items(held).keys() - before.keys())
    return found


def rounds() -> Iterable[dict[str, str]]:
    """Name and text of all samples, so that no two of a round tell of the same thing."""
    waiting = {name: body("eventbridge", name) for name in TRIGGERS}
    while waiting:
        one_each = {sequence(parse_event_text(text)): name for name, text in waiting.items()}
        yield {name: waiting.pop(name) for name in one_each.values()}
    yield {name: body("malformed", name) for name in REASONS}


def forget(scene: Scene, keys: Iterable[tuple[str, str]]) -> None:
    for pk, sk in keys:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        scene.aws.client("dynamodb").delete_item(TableName=scene.stack.resources["Ledger"], Key=key)


@pytest.mark.parametrize("name", TRIGGERS)
def test_an_event_makes_the_affected_task_definition_be_looked_at(name: str, resolved: dict[str, Resolved]) -> None:
    came = resolved[name]
    assert came.answer == {"batchItemFailures": []}
    assert [look.task_definition.resource_name for look in came.looks] == [NAMED.get(name, "web:1")]
    assert came.reasons == ()


@pytest.mark.parametrize("name", REASONS)
def test_a_malformed_event_is_put_away_with_its_reason(name: str, resolved: dict[str, Resolved]) -> None:
    came = resolved[name]
    assert came.answer == {"batchItemFailures": []}
    assert came.looks == ()
    (reason,) = came.reasons
    assert REASONS[name] in reason


# --- every function, cold, by `sam local invoke` ---------------------------------------------------------------------


def run(local: LocalRuntime, function: str, event: Any) -> Invocation:
    """Call a function, which has to be done with every message."""
    invocation = local.invoke(function, event)
    assert invocation.answer == {"batchItemFailures": []}, invocation.log
    return invocation


def test_resolve_change(held: Scene, local: LocalRuntime) -> None:
    invocation = run(local, "ResolveChangeFunction", sqs_event(body("eventbridge", "register-task-definition")))
    assert '"cold_start":true' in invocation.log
    assert "web:7" in [look.task_definition.resource_name for look in looks(held, "ValidationQueue")]


def test_validate_task_definition_then_publish_alert(held: Scene, local: LocalRuntime) -> None:
    inbox = Inbox.of(held.aws, held.stack.outputs["AlertTopicArn"])
    validated = run(local, "ValidateTaskDefinitionFunction", sqs_event(body("messages", "look-at-web")))
    assert [str(look.task_definition) for look in looks(held, "GrantQueue")] == [WEB]
    facts = [json.loads(each["Body"]) for each in messages(held, "AlertQueue")]
    assert {(each["detail-type"], each["detail"].get("finding", {}).get("check")) for each in facts} >= {
        ("Finding Opened", "secret-access-missing")
    }
    opened = json.loads(body("messages", "finding-opened"))
    assert (f"TD#{WEB}", f"FINDING#{opened['detail']['finding']['id']}") in items(held)

    run(local, "PublishAlertFunction", sqs_event(json.dumps(opened)))
    (letter,) = inbox.wait_for(1)
    assert (letter.attributes["check"], letter.attributes["family"]) == ("secret-access-missing", "web")
    assert not [password for password in held.passwords if password in validated.log + letter.text]


def test_patch_execution_role_then_reregister_task_definition(held: Scene, local: LocalRuntime) -> None:
    agent = {family: (held.names[f"role:{family}-execution"], secret(held, family)) for family in ("web", "worker")}
    assert not any(fetch(held.aws, *each).ok for each in agent.values())
    patch = sqs_event(body("messages", "look-at-web"), body("messages", "look-at-worker"), group="role")
    run(local, "PatchExecutionRoleFunction", patch)
    for family, each in agent.items():
        policies = held.aws.client("iam").list_role_policies(RoleName=f"{family}-execution")["PolicyNames"]
        assert "pullguard-registry-credentials" in policies
        assert fetch(held.aws, *each).ok

    reregister = sqs_event(body("messages", "look-at-worker"), group="worker")
    run(local, "ReregisterTaskDefinitionFunction", reregister)
    newest = held.aws.client("ecs").describe_task_definition(taskDefinition="worker")["taskDefinition"]
    (container,) = newest["containerDefinitions"]
    assert newest["revision"] == 2
    assert container["repositoryCredentials"]["credentialsParameter"] == secret(held, "worker")


def test_sweep_account(held: Scene, local: LocalRuntime) -> None:
    messages(held, "ValidationQueue")
    batch = sqs_event(body("messages", "sweep-is-due"), body("messages", "sweep-first-page"))
    run(local, "SweepAccountFunction", batch)
    asked = [look.task_definition.resource_name.partition(":")[0] for look in looks(held, "ValidationQueue")]
    assert set(asked) == set(demo.SECRETS)


def test_every_message_of_the_folder_was_given_to_a_function() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    unused = [path.stem for path in (EVENTS / "messages").glob("*.json") if f'"{path.stem}"' not in source]
    assert unused == []
