"""What a cold start costs, in time and memory, beside a bare boto3 function that talks to the same services.

Time is the processor's: at 512 MB a start is nothing but imports, and on a machine with other work to do the clock on
the wall measures that work. Both are recorded.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from sandbox.demo.scene import Scene
from sandbox.engine import gateway
from sandbox.runtime.cost import Cost, measure
from sandbox.runtime.image import RuntimeImage
from sandbox.runtime.local import LocalRuntime, sqs_event
from tests.contract.cloudformation import ROOT
from tests.runtime.artefact import Artefact

INIT_RATIO_MAX = 1.5
MEMORY_RATIO_MAX = 1.5
MEMORY_MB = 512
ROUNDS = 3

MESSAGES = {
    "resolve_change": "eventbridge/register-task-definition",
    "validate_task_definition": "messages/look-at-web",
    "patch_execution_role": "messages/look-at-web",
    "reregister_task_definition": "messages/look-at-worker",
    "publish_alert": "messages/finding-opened",
    "sweep_account": "messages/sweep-first-page",
}
A_CALL = {
    "dynamodb": "list_tables",
    "ecs": "list_clusters",
    "events": "list_event_buses",
    "iam": "list_roles",
    "kms": "list_keys",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
}


def bare(services: list[str]) -> str:
    """The source of a function that makes the clients of some services as it starts, and calls each once."""
    made = "".join(f"{service} = boto3.client({service!r})\n" for service in services)
    called = "".join(f"    {service}.{A_CALL[service]}()\n" for service in services)
    return f"import boto3\n\n{made}\n\ndef handler(event, context):\n{called}    return {{}}\n"


def logical_id(function: str) -> str:
    return f"{''.join(part.title() for part in function.split('_'))}Function"


@pytest.fixture
def start(held: Scene, image: RuntimeImage) -> Callable[..., Cost]:
    """Start a function cold, in the runtime, where it reaches the embedded AWS."""
    endpoint = f"http://{gateway()}:{held.aws.port}"

    def begin(code: Path, layers: Path | None, environment: dict[str, str], event: Any) -> Cost:
        own = {"AWS_REGION": held.aws.region, "AWS_DEFAULT_REGION": held.aws.region, "AWS_ENDPOINT_URL": endpoint}
        own |= {"AWS_LAMBDA_FUNCTION_NAME": "measured", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB)}
        variables = {**own, **environment}
        return measure(image.name, code=code, layers=layers, environment=variables, event=event, memory_mb=MEMORY_MB)

    return begin


@pytest.mark.parametrize("function", MESSAGES)
def test_a_cold_start_stays_within_its_budget(  # noqa: PLR0917 (fixtures, by name)
    function: str,
    start: Callable[..., Cost],
    held: Scene,
    local: LocalRuntime,
    artefact: Artefact,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    say: Callable[[str], None],
) -> None:
    logical, code = logical_id(function), ROOT / "functions" / function
    event = sqs_event((ROOT / "events" / f"{MESSAGES[function]}.json").read_text(encoding="utf-8"), group="group")
    own = local.environment(logical) | local.credentials(logical)
    root = {
        "AWS_ACCESS_KEY_ID": held.aws.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": held.aws.credentials.secret_access_key,
    }

    since = time.time()
    ours = [start(code, artefact.layers, own, event)]
    assert ours[0].response == {"batchItemFailures": []}
    role = held.stack.role_of(logical)
    called = sorted({call.service for call in held.aws.calls(since_epoch_s=since) if call.role == role})
    assert called
    (tmp_path / "app.py").write_text(bare(called))
    theirs = [start(tmp_path, None, root, {})]
    for _ in range(ROUNDS - 1):  # in turn, so that what else the machine does hits both
        ours.append(start(code, artefact.layers, own, event))
        theirs.append(start(tmp_path, None, root, {}))

    figures: dict[str, tuple[float, float]] = {
        "init, processor s": (median(each.init.cpu_s for each in ours), median(each.init.cpu_s for each in theirs)),
        "init, wall s": (median(each.init.age_s for each in ours), median(each.init.age_s for each in theirs)),
        "peak memory MB": (
            median(each.done.peak_memory_mb for each in ours),
            median(each.done.peak_memory_mb for each in theirs),
        ),
    }
    record_property("costs", json.dumps({"services": called, **figures}))
    told = "; ".join(f"{name} {mine:.2f} to {bare:.2f} ({mine / bare:.2f}x)" for name, (mine, bare) in figures.items())
    say(f"{function} to bare boto3 with {', '.join(called)}: {told}")
    ratios = {name: mine / bare for name, (mine, bare) in figures.items()}
    assert ratios["init, processor s"] <= INIT_RATIO_MAX
    assert ratios["peak memory MB"] <= MEMORY_RATIO_MAX
