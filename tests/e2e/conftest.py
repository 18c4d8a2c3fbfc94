"""One embedded AWS with the deployed stack and the demo's scenario for most end-to-end tests, and one that observes.

The order is in the fixtures: the scenario; then, while the first stack is left alone for a minute, the second one
observes the same world; then the tests that stir the first one. The stacks beside it are those of order.py.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.demo import scenario
from sandbox.demo.evidence import Evidence
from sandbox.demo.observation import Observation
from sandbox.demo.progress import Progress
from sandbox.demo.scene import Scene, deploy, registrations_of, things_of
from sandbox.emulator import Call, Emulator
from sandbox.inbox import Letter
from sandbox.worlds import demo
from tests.e2e.attacks import ATTACKS
from tests.e2e.ground import Ground, written
from tests.e2e.order import ENDED, ORDER, stack_of
from tests.e2e.stacks import Used

ATTACKED_FOR_S = 300
LEFT_ALONE_S = 60
RETRY_AFTER_S = 15
TEST_ENDS_WITHIN_S = 600
_USED = pytest.StashKey[Used]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, start the longest first, and run the tests of all stacks' records last.

    The time limit applies to the test alone. Shared work, such as the complete demo, has limits of its own: on a busy
    machine it took the first test of the demo eight of its ten minutes.
    """
    stacks: dict[str | None, list[pytest.Item]] = {stack: [] for stack in (*ORDER[:-1], None, ENDED)}
    for item in items:
        stacks[stack_of(item.path)].append(item)
    items[:] = [item for each in stacks.values() for item in each]
    for item in items:
        if stack_of(item.path):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_ENDS_WITHIN_S, func_only=True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Put down what was called in a stack when its last test has run, while it is still there."""
    stack = stack_of(item.path)
    if stack and _USED in item.config.stash and (nextitem is None or stack_of(nextitem.path) != stack):
        item.config.stash[_USED].close(stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """The demo, run to its end at ``settled_epoch_s``, its faults by outcome, and what the functions called."""

    scene: Scene
    evidence: Evidence
    faults: dict[str, tuple[str, ...]]
    calls: tuple[Call, ...]
    settled_epoch_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The demo's world under a stack that only observes, and then all attacks: the last two are from the whole."""

    before: dict[str, Observation]
    after: dict[str, Observation]
    letters: tuple[Letter, ...]
    calls: tuple[Call, ...]
    under_attack: tuple[Letter, ...]
    written: Mapping[tuple[str, str], int]


@pytest.fixture(scope="session")
def used(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Used:
    """The calls in all stacks of the run."""
    base = tmp_path_factory.getbasetemp()
    used = pytestconfig.stash[_USED] = Used(base if worker_id == "master" else base.parent)
    return used


@pytest.fixture(scope="session")
def built() -> Path:
    """The built template."""
    return scenario.build()


@pytest.fixture(scope="session")
def ran(built: Path, used: Used) -> Iterator[DemoRun]:
    """The demo, run in a stack that remediates."""
    quiet = Progress(quiet=True)
    with Emulator() as aws:
        scene = deploy(aws, built, scenario.PARAMETERS, quiet)
        used.watch(scene)
        evidence = scenario.perform(scene, quiet)
        faults = scenario.faults_of(evidence)
        calls, now = scene.calls(), time.time()
        yield DemoRun(scene=scene, evidence=evidence, faults=faults, calls=calls, settled_epoch_s=now)


@pytest.fixture(scope="session")
def observed(built: Path, ran: DemoRun) -> Observed:
    """The demo's world under a stack of its own that only observes."""
    with Emulator() as aws:
        parameters = {"Mode": "observe", "MoveServices": "true", "RegistrySecretPattern": "registry/*"}
        scene = deploy(aws, built, parameters, Progress(quiet=True))
        scene.hold()
        world = demo.world()
        scene.load(things_of(world))
        scene.load(registrations_of(world))
        before = scenario.request(scene)
        scene.release()
        scene.settle()
        after, letters = scenario.request(scene), scene.letters()
        ground = Ground(scene=scene, good="registry.example.com", evil="evil.example")
        for attack in ATTACKS:
            attack.mount(ground, attack.name)
        scene.settle(timeout_s=ATTACKED_FOR_S)
        return Observed(
            before=before,
            after=after,
            letters=letters,
            calls=scene.calls(),
            under_attack=scene.letters(after=len(letters)),
            written=written(scene),
        )


@pytest.fixture(scope="session")
def left_alone(ran: DemoRun, observed: Observed) -> tuple[Call, ...]:
    """The functions' calls in the minute after the demo."""
    time.sleep(max(0.0, ran.settled_epoch_s + LEFT_ALONE_S - time.time()))
    return ran.scene.calls(since_epoch_s=ran.settled_epoch_s)


@pytest.fixture(scope="session")
def hastened(ran: DemoRun, left_alone: tuple[Call, ...]) -> Scene:
    """The first stack, after its minute; what fails comes back soon."""
    ran.scene.stack.hasten_retries(RETRY_AFTER_S)
    return ran.scene


@pytest.fixture
def scene(hastened: Scene) -> Iterator[Scene]:
    """The first stack, to stir; it has to come to rest again, and every test finds it without dead letters."""
    yield hastened
    hastened.release()
    hastened.settle()
    queue = hastened.aws.client("sqs")
    for name, depth in hastened.stack.depths().items():
        if depth:
            queue.purge_queue(QueueUrl=hastened.stack.queues[name])
