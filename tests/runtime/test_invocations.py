"""Every function and every event of events/ in the Lambda runtime by `sam local`; what was written is what counts.

The functions are served by one `sam local start-lambda`; each has one container, cold once, then warm.
"""

import json
import re
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from pullguard.domain.messages import ValidationRequest
from pullguard.events import parse_event_text, sequence
from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene
from sandbox.engine import docker, gateway, inspect
from sandbox.runtime.cost import Limits
from sandbox.runtime.local import LocalRuntime, Served, sqs_event
from sandbox.runtime.samples import EVENTS
from sandbox.server import SandboxError
from tests.contract.test_events_folder import REASONS, TRIGGERS
from tests.runtime.artefact import Artefact
from tests.runtime.deeds import DEEDS, Deed, Opened, items, messages, requests, rewind, sample

LOG_TIMEOUT_S = 10
README = (EVENTS / "README.md").read_text(encoding="utf-8")
WITH_SIBLING = ["web:7", "web:1"]
NAMED = {
    "register-task-definition": WITH_SIBLING,
    "create-service": WITH_SIBLING,
    "update-service": WITH_SIBLING,
    "update-service-response-dropped": WITH_SIBLING,
    "task-stopped-fargate": ["web:7"],
    "task-stopped-ec2": ["web:7"],
    "task-stopped-without-stop-code": ["web:7"],
}
"""The revision that an event names itself; any other is looked up: by the ledger, or as the newest of its family."""


REMEMBERED = {"task-ran", "task-started"}
"""Events that report uses and request no validation."""


def body(folder: str, name: str) -> str:
    return sample(f"{folder}/{name}")


# --- every function, cold and warm ---------------------------------------------------------------------------------


def lines(log: str, function: str) -> list[dict[str, Any]]:
    """A function's own log lines, which are JSON; `sam local` prints much besides."""
    own = (json.loads(line) for line in log.splitlines() if line.startswith('{"level"'))
    return [line for line in own if line["service"] == function]


def starts(log: str, function: str) -> list[bool]:
    """Whether each of a function's invocations was a cold start, in order."""
    return list({line["function_request_id"]: line["cold_start"] for line in lines(log, function)}.values())


def given(scene: Scene, function: str) -> Limits:
    """The memory and the time of the container that runs a function (its logical id) of this stack."""
    endpoint = f"http://{gateway()}:{scene.aws.port}"  # no other run's containers
    containers = [inspect("container", each) for each in docker("ps", "--quiet").split()]
    variables = [(dict(pair.split("=", 1) for pair in each["Config"]["Env"]), each) for each in containers if each]
    (found,) = (
        Limits(
            memory_mb=each["HostConfig"]["Memory"] // (1024 * 1024), timeout_s=int(own["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        )
        for own, each in variables
        if (own.get("AWS_LAMBDA_FUNCTION_NAME"), own.get("AWS_ENDPOINT_URL")) == (function, endpoint)
    )
    return found


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.function)
def test_a_function_does_its_work_cold_and_again_warm_within_the_templates_limits(
    deed: Deed, held: Scene, served: Served, opened: Opened, artefact: Artefact
) -> None:
    for _ in ("cold", "warm"):
        rewind(held)
        deed.given(held, opened)
        assert served.call(deed.logical_id, deed.event(held)) == {"batchItemFailures": []}
        deed.done(held)
    assert wait_until(lambda: len(starts(served.log(), deed.function)) > 1, timeout_s=LOG_TIMEOUT_S)
    first, *others = starts(served.log(), deed.function)
    assert (first, set(others)) == (True, {False})
    limits = artefact.limits(deed.logical_id)
    assert given(held, deed.logical_id) == limits
    assert {int(line["function_memory_size"]) for line in lines(served.log(), deed.function)} == {limits.memory_mb}
    assert not [password for password in held.passwords if password in served.log()]


def test_a_function_whose_aws_does_not_answer_is_ended_in_its_time(held: Scene, local: LocalRuntime) -> None:
    """`sam local invoke` runs with a shorter timeout than the template's; a sweep watches no deadline of its own."""
    deed = next(each for each in DEEDS if each.function == "sweep_account")
    with socket.create_server((gateway(), 0)) as silent:  # takes calls, and says nothing
        endpoint = f"http://{gateway()}:{silent.getsockname()[1]}"
        variables = local.environment(deed.logical_id) | {"AWS_ENDPOINT_URL": endpoint}
        changed = {"Timeout": 3, "Environment": {"Variables": variables}}
        with pytest.raises(SandboxError, match="'SweepAccountFunction' timed out after 3 seconds"):
            local.invoke(deed.logical_id, deed.event(held), changed=changed)


def test_resolve_change_by_sam_local_invoke(held: Scene, local: LocalRuntime) -> None:
    deed = next(each for each in DEEDS if each.function == "resolve_change")
    rewind(held)
    invocation = local.invoke(deed.logical_id, deed.event(held))
    assert invocation.answer == {"batchItemFailures": []}, invocation.log
    assert starts(invocation.log, deed.function) == [True]
    deed.done(held)


def test_every_message_of_the_folder_is_given_to_the_functions_that_it_is_for() -> None:
    """events/README.md says in the last column which."""
    rows = re.findall(r"^\| (\S+)\.json \|.*\| ([a-z_, ]+) \|$", README.partition("## messages/")[2], re.MULTILINE)
    meant = {(f"messages/{name}", function) for name, functions in rows for function in functions.split(", ")}
    given = {(each, deed.function) for deed in DEEDS for each in deed.samples if each.startswith("messages/")}
    assert given == meant
    assert {name for name, _ in meant} == {f"messages/{path.stem}" for path in (EVENTS / "messages").glob("*.json")}


# --- every event, one warm container ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The result of resolve_change for one event."""

    answer: Any
    requests: tuple[ValidationRequest, ...]
    reasons: tuple[str, ...]


@pytest.fixture(scope="module")
def resolved(held: Scene, served: Served) -> dict[str, Resolved]:
    """Every sample in one container of `sam local start-lambda`; in its ledger, web references everything.

    Events go in together where none is a copy of another; what they leave in the ledger goes before the next ones.
    """
    rewind(held)
    before = items(held)
    found: dict[str, Resolved] = {}
    call = partial(served.call, "ResolveChangeFunction")
    with ThreadPoolExecutor(max_workers=10) as pool:
        for together in rounds():
            answers = dict(zip(together, pool.map(call, map(sqs_event, together.values())), strict=True))
            asked = requests(held, "ValidationQueue")
            dead = messages(held, "ChangeDeadLetters")
            for name, text in together.items():
                reasons = (each["MessageAttributes"]["reason"]["StringValue"] for each in dead if each["Body"] == text)
                found[name] = Resolved(
                    answer=answers[name],
                    requests=tuple(each for each in asked if each.provenance.event_id in text),
                    reasons=tuple(reasons),
                )
            forget(held, items(held).keys() - before.keys())
    return found


def rounds() -> Iterable[dict[str, str]]:
    """Yield names and texts of all samples in rounds; no two of a round report the same change."""
    waiting = {name: body("eventbridge", name) for name in TRIGGERS}
    while waiting:
        one_each = {sequence(parse_event_text(text)): name for name, text in waiting.items()}
        yield {name: waiting.pop(name) for name in one_each.values()}
    yield {name: body("malformed", name) for name in REASONS}


def forget(scene: Scene, keys: Iterable[tuple[str, str]]) -> None:
    for pk, sk in keys:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        scene.aws.client("dynamodb").delete_item(TableName=scene.stack.resources["Ledger"], Key=key)


@pytest.mark.parametrize("name", sorted(TRIGGERS.keys() - REMEMBERED))
def test_an_event_leads_to_the_validation_of_the_affected_task_definition(
    name: str, resolved: dict[str, Resolved]
) -> None:
    came = resolved[name]
    assert came.answer == {"batchItemFailures": []}
    assert [request.task_definition.resource_name for request in came.requests] == NAMED.get(name, ["web:1"])
    assert came.reasons == ()


@pytest.mark.parametrize("name", REMEMBERED)
def test_an_event_about_a_running_task_is_remembered_and_validates_nothing(
    name: str, resolved: dict[str, Resolved]
) -> None:
    came = resolved[name]
    assert came.answer == {"batchItemFailures": []}
    assert (came.requests, came.reasons) == ((), ())


@pytest.mark.parametrize("name", REASONS)
def test_a_malformed_event_is_put_away_with_its_reason(name: str, resolved: dict[str, Resolved]) -> None:
    came = resolved[name]
    assert came.answer == {"batchItemFailures": []}
    assert came.requests == ()
    (reason,) = came.reasons
    assert REASONS[name] in reason
