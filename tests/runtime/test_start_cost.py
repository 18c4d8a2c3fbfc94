"""The time and memory of each function's cold start against its budget, and tests of the budget itself."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo.scene import Scene
from sandbox.engine import gateway
from sandbox.runtime.cost import Cost, Limits, Reading, measure
from sandbox.runtime.image import RuntimeImage
from sandbox.runtime.local import LocalRuntime
from tests.contract.cloudformation import ROOT
from tests.runtime.artefact import Artefact
from tests.runtime.budget import MEMORY, PROCESSOR, WALL, excess, figures
from tests.runtime.deeds import DEEDS, Deed, Opened, rewind

ROUNDS_MIN, ROUNDS_MAX = 2, 12
A_CALL = {
    "dynamodb": "list_tables",
    "ecs": "list_clusters",
    "events": "list_event_buses",
    "iam": "list_roles",
    "kms": "list_keys",
    "organizations": "describe_organization",
    "scheduler": "list_schedules",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
}
LIMITS = Limits(memory_mb=512, timeout_s=30)


def bare(services: tuple[str, ...]) -> str:
    """The source of a function that makes the clients of some services as it starts, and calls each once."""
    made = "".join(f"{service} = boto3.client({service!r})\n" for service in services)
    called = "".join(f"    {service}.{A_CALL[service]}()\n" for service in services)
    return f"import boto3\n\n{made}\n\ndef handler(event, context):\n{called}    return {{}}\n"


@pytest.fixture
def start(held: Scene, image: RuntimeImage) -> Callable[..., Cost]:
    """Start a function cold, in the runtime, where it reaches the embedded AWS; as root, unless it brings a role."""
    variables = {
        "AWS_REGION": held.aws.region,
        "AWS_DEFAULT_REGION": held.aws.region,
        "AWS_ENDPOINT_URL": f"http://{gateway()}:{held.aws.port}",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_ACCESS_KEY_ID": held.aws.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": held.aws.credentials.secret_access_key,
    }

    def begin(
        code: Path,
        *,
        layers: Path | None = None,
        own: dict[str, str] | None = None,
        event: Any = None,
        limits: Limits = LIMITS,
    ) -> Cost:
        environment = variables | (own or {})
        return measure(image.name, code=code, layers=layers, environment=environment, event=event, limits=limits)

    return begin


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.function)
def test_a_cold_start_stays_within_its_budget(  # noqa: PLR0917 (fixtures, by name)
    deed: Deed,
    start: Callable[..., Cost],
    held: Scene,
    local: LocalRuntime,
    opened: Opened,
    artefact: Artefact,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    say: Callable[[str], None],
) -> None:
    code, limits = ROOT / "functions" / deed.function, artefact.limits(deed.logical_id)
    own = local.environment(deed.logical_id) | local.credentials(deed.logical_id)
    role = held.stack.role_of(deed.logical_id)
    (tmp_path / "app.py").write_text(bare(deed.services))
    ours: list[Cost] = []
    theirs: list[Cost] = []
    while len(ours) < ROUNDS_MIN or (excess(ours, theirs) and len(ours) < ROUNDS_MAX):
        # In turn, so that what else the machine does hits both; more often where it has done so.
        rewind(held)
        deed.given(held, opened)
        since = time.time()
        ours.append(start(code, layers=artefact.layers, own=own, event=deed.event(held), limits=limits))
        assert ours[-1].response == {"batchItemFailures": []}
        called = {call.service for call in held.aws.calls(since_epoch_s=since) if call.role == role}
        assert called == set(deed.services)
        deed.done(held)
        theirs.append(start(tmp_path, limits=limits))

    costs = {name: (mine, figures(theirs)[name]) for name, mine in figures(ours).items()}
    record_property(
        "costs", json.dumps({"services": deed.services, "limits": str(limits), "rounds": len(ours), **costs})
    )
    reported = "; ".join(
        f"{name} {mine:.2f} to {base:.2f} ({mine / base:.2f}x)" for name, (mine, base) in costs.items()
    )
    say(f"{deed.function} to bare boto3 with {', '.join(deed.services)}: {reported}")
    assert excess(ours, theirs) == []


# --- the budget itself ---


def cost(*, cpu_s: float = 0.2, waiting_s: float = 0.1, queued_s: float = 0.0, memory_mb: float = 50) -> Cost:
    reading = Reading(age_s=cpu_s + waiting_s + queued_s, cpu_s=cpu_s, queued_s=queued_s, peak_memory_mb=memory_mb)
    return Cost(init=reading, done=reading, response=None)


@pytest.mark.parametrize(
    ("ours", "over"),
    [
        pytest.param(cost(), [], id="the same"),
        pytest.param(cost(cpu_s=0.29, memory_mb=74), [], id="just within"),
        pytest.param(cost(cpu_s=0.31), [PROCESSOR], id="more imports"),
        pytest.param(cost(waiting_s=0.3), [WALL], id="a wait"),
        pytest.param(cost(queued_s=9), [], id="a machine with other work to do"),
        pytest.param(cost(memory_mb=76), [MEMORY], id="more memory"),
        pytest.param(cost(cpu_s=9, memory_mb=900), [PROCESSOR, WALL, MEMORY], id="all of it"),
    ],
)
def test_a_function_over_budget_is_named(ours: Cost, over: list[str]) -> None:
    assert [
        each for each in (PROCESSOR, WALL, MEMORY) if any(said.startswith(each) for said in excess([ours], [cost()]))
    ] == over


def test_a_start_that_waits_is_over_budget(start: Callable[..., Cost], tmp_path: Path) -> None:
    """According to the kernel: a sleep uses no processor time."""
    for name, wait in (("prompt", ""), ("late", "import time\ntime.sleep(0.5)\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"{wait}{bare(('sqs',))}")
    (said,) = excess([start(tmp_path / "late")], [start(tmp_path / "prompt")])
    assert said.startswith(WALL)


def test_every_service_of_the_layer_has_a_call_to_compare_with() -> None:
    assert sorted(A_CALL) == (ROOT / "layers/dependencies/services.txt").read_text(encoding="utf-8").split()
