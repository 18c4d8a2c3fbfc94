"""Messages of one batch that are handled at once: those about one task definition take turns and share one answer."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Lock
from typing import Any

from pullguard.domain.arn import Arn
from pullguard.domain.messages import UNLISTED, ValidationRequest
from pullguard.workflows.validate import Validated
from tests.fakes import World, container, role, task_definition
from tests.flows import ASKED_FOR, Harness, request
from tests.unit.workflows.validate.scene import BROKEN, GHCR, SetUp


@dataclass(kw_only=True)
class Busy(World):
    """A world that notes how many reads of one role are under way at once."""

    def __post_init__(self) -> None:
        self.most = self._now = 0
        self._lock = Lock()
        self.together: Barrier | None = None

    def role(self, arn: Arn) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        if self.together is not None:
            self.together.wait()
        found = super().role(arn)
        with self._lock:
            self._now -= 1
        return found


def run(here: Harness, requests: list[ValidationRequest]) -> list[Validated]:
    validator = here.validator()
    with ThreadPoolExecutor(len(requests)) as threads:
        started = [
            threads.submit(validator.validate, each, message_id=f"m-{number}") for number, each in enumerate(requests)
        ]
        return [each.result() for each in started]


def busy(here: Harness, *families: str) -> Busy:
    definitions = tuple(task_definition(container(GHCR), family=family) for family in families)
    here.world = world = Busy(task_definitions=definitions, roles=(role(),), secrets=(GHCR,))
    return world


def test_copies_take_turns_and_share_one_answer(harness: SetUp) -> None:
    here = harness(BROKEN)
    world = busy(here, "web")
    first, *others = run(here, [ASKED_FOR] * 10)
    assert others == [first] * 9
    assert world.most == 1
    assert len(here.sent.messages) == 1


def test_different_questions_about_one_task_definition_take_turns(harness: SetUp) -> None:
    """What one run has stored, the next one reads: a finding is reported once."""
    here = harness(BROKEN)
    world = busy(here, "web")
    run(here, [request(kind=kind) for kind in ("ECS Task State Change", "RegisterTaskDefinition", UNLISTED)])
    assert world.most == 1
    assert here.sent.reported() == ["Finding Opened"]


def test_different_task_definitions_wait_for_no_other(harness: SetUp) -> None:
    here = harness(BROKEN)
    world = busy(here, "web", "api", "batch")
    world.together = Barrier(3, timeout=15)
    run(here, [request(each.arn) for each in world.task_definitions])
    assert world.most == 3
