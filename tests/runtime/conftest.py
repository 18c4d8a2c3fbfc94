"""The build in the Lambda runtime, and one embedded AWS with the deployed stack that containers can reach.

The functions there do not poll their queues until `released`, so that a message stays in its queue.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox import stack as stacks
from sandbox.demo import scenario
from sandbox.demo.progress import Progress
from sandbox.demo.scene import Scene, deploy
from sandbox.emulator import Emulator
from sandbox.engine import absence, gateway
from sandbox.runtime.image import RuntimeImage, ensure
from sandbox.runtime.local import LocalRuntime, Served, sqs_event
from sandbox.worlds import demo
from tests.runtime.artefact import Artefact
from tests.runtime.deeds import Opened, items, purge, rewind, sample


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.runtime)


@pytest.fixture(autouse=True, scope="session")
def engine() -> None:
    """There is no test here without Docker: who asks for these tests wants to know."""
    if missing := absence():
        pytest.fail(f"No Docker: {missing}", pytrace=False)


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Write a line into the output, whatever is captured."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    return write


@pytest.fixture(scope="session")
def image(engine: None, say: Callable[[str], None]) -> RuntimeImage:
    """The Lambda runtime; the output says which."""
    found = ensure()
    say(f"Lambda runtime: {found.name}, {found.origin}")
    return found


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """The output of `sam build`, as it would be deployed."""
    directory = tmp_path_factory.mktemp("artefact")
    built = stacks.build(into=directory, for_emulator=False)
    layers = directory / "opt"  # as Lambda lays one layer over the other
    for layer in ("CoreLayer", "DependenciesLayer"):
        shutil.copytree(built.parent / layer, layers, dirs_exist_ok=True)
    return Artefact(template=built, layers=layers)


@pytest.fixture(scope="session")
def held(artefact: Artefact, image: RuntimeImage) -> Iterator[Scene]:
    """The deployed stack with the demo's world; nothing of it runs but what a test calls."""
    stacks.add_bytecode(artefact.template.parent)  # the copy in artefact.layers stays as it was built
    with Emulator(second_address=gateway(), docker=True) as aws:
        # Events about one role go in together, and none of them is to wait for the others.
        parameters = {**scenario.PARAMETERS, "DebounceSeconds": "0"}
        scene = deploy(aws, artefact.template, parameters, Progress(quiet=True))
        scene.hold()
        scene.load(demo.world())
        purge(scene)
        yield scene


@pytest.fixture(scope="session")
def local(held: Scene, artefact: Artefact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    """The stack's functions by `sam local`."""
    with LocalRuntime(held.stack, artefact.template, tmp_path_factory.mktemp("local")) as runtime:
        yield runtime


@pytest.fixture(scope="session")
def served(local: LocalRuntime) -> Iterator[Served]:
    """The stack's functions by one `sam local start-lambda`, each cold once and warm from then on."""
    with local.serving() as functions:
        yield functions


@pytest.fixture(scope="session")
def opened(held: Scene, served: Served) -> Opened:
    """The items of the ledger after a validation of web, which runs when they are first asked for."""

    @cache
    def ask() -> Mapping[tuple[str, str], Any]:
        rewind(held)
        answer = served.call("ValidateTaskDefinitionFunction", sqs_event(sample("messages/validate-web")))
        assert answer == {"batchItemFailures": []}
        return items(held)

    return ask
