"""Every AWS call of both executors fails in every way, and the final state is the same as without a fault.

The calls are recorded from a run without faults, so a new call is covered from the day it is added. One message of a
scenario (tests/functions/scenarios.py) enters the real handlers (tests/functions/application.py); afterwards the test
requests another validation of everything in use, as each sweep does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import pytest
from moto import mock_aws

from tests.functions.application import LANES, QUEUES, Application, Message
from tests.functions.branches import Branches
from tests.functions.scenarios import SCENARIOS, Scenario, short, written
from tests.functions.stack import Stack
from tests.functions.wire import Fault, Wire

WIRES = {function: Wire() for function in LANES.values()}
# A read has no effect that a timeout could hide, and one that is throttled throughout is one that is denied. One that
# is throttled once botocore sends again: that is tried for the first read of each operation. To die after a read leaves
# behind what to die after the write before it does: that is tried at the first call and at each write.
ASKS = ("Describe", "Get", "List")
WRITES = ("Put", "Register", "Update", "Delete", "Send", "Transact")
SWEPT_AFTER = timedelta(hours=1)
# The first test of a scenario waits for hundreds of branches, each of which has a limit of its own.
pytestmark = pytest.mark.timeout(600, func_only=True)
Point = tuple[int | str, Fault]  # the place of a call, or the operation of many; and what goes wrong there


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run: final state, reported events without duplicates, dead letters, and the executor's calls.

    ``spoilt`` is whether one of these calls failed; ``kept`` is whether what was promised held before the sweep.
    ``written`` are the grants and revocations that the ledger says were made.
    """

    state: Any
    reported: tuple[tuple[str, str], ...]
    died: tuple[Message, ...]
    reasons: tuple[str, ...]
    calls: tuple[str, ...]
    spoilt: bool
    kept: bool
    written: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether an event reported a failure."""
        return any(kind == "Remediation Failed" for kind, _ in self.reported)


def perform(scenario: Scenario, watch: Callable[[int, str], None] | None = None) -> Outcome:
    """Let one message about the broken revision run to its end, and a sweep's validation after it."""
    for wire in WIRES.values():
        wire.lay()
    WIRES[scenario.function].watch = watch
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("time.sleep", lambda _: None)  # botocore waits before it tries again
        stack = Stack()
        stack.create(QUEUES)
        app = Application(stack, monkeypatch, WIRES, parameters=dict(scenario.parameters))
        scenario.begin(app)
        an_hour_later = app.time + SWEPT_AFTER
        app.run()
        kept = app.time < an_hour_later and scenario.promised(stack)
        calls, spoilt = tuple(WIRES[scenario.function].calls), WIRES[scenario.function].spoilt
        WIRES[scenario.function].lay()
        app.time += SWEPT_AFTER
        scenario.again(app)
        app.run()
        return Outcome(
            state=scenario.fixed(stack),
            reported=_reported(app.reported()),
            died=tuple(app.died),
            reasons=tuple(_reasons(stack, scenario.function)),
            calls=calls,
            spoilt=spoilt,
            kept=kept,
            written=tuple(written(stack)),
        )


def _reported(events: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return the reported events; copies of an event count once."""
    things = {
        (kind := each["detail-type"], *_identity(each["detail"])): (kind, _what(each["detail"])) for each in events
    }
    return tuple(sorted(things.values()))


def _identity(detail: dict[str, Any]) -> tuple[str, int]:
    thing = detail.get("finding") or detail["remediation"]
    return thing["id"], detail.get("sequence", 0)


def _what(detail: dict[str, Any]) -> str:
    if "finding" in detail:
        return f"{detail['finding']['check']} of {short(detail['finding']['task_definition'])}"
    remediation = detail["remediation"]
    lost = "what is lost of a " if "IAM does not show" in remediation["why"] else ""
    return f"{lost}{remediation['kind']} {short(remediation['target'])}{' with a key' if remediation['key'] else ''}"


def _reasons(stack: Stack, function: str) -> Iterator[str]:
    queue = next(name for name, each in LANES.items() if each == function)
    for letter in stack.messages(queue.replace("Queue", "DeadLetters")):
        yield letter["MessageAttributes"]["reason"]["StringValue"]


def repeated(scenario: Scenario, reported: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the events that were reported too often: more than once, or for a finding that opens again, twice."""
    counts = Counter(reported)
    limits = {each: 1 + (scenario.reopens and each[0] == "Finding Opened") for each in counts}
    return {each: count for each, count in counts.items() if count > limits[each]}


@cache
def undisturbed(scenario: Scenario) -> Outcome:
    """The run in which nothing goes wrong."""
    return perform(scenario)


@cache
def disturbed(scenario: Scenario, points: frozenset[Point]) -> Branches[Outcome]:
    """The same run, which branches at each of these points."""
    branches, wire, asked = Branches[Outcome](), WIRES[scenario.function], set(points)

    def watch(place: int, call: str) -> None:
        for point in sorted((each for each in asked if each[0] in (place, call)), key=str):
            asked.remove(point)  # an operation is reached more than once
            branches.branch(point, partial(wire.spoil, *point))

    run = branches.run(lambda: perform(scenario, watch))
    assert run.calls == undisturbed(scenario).calls  # or else a place would be that of another call
    return branches


@pytest.fixture
def outcome(request: pytest.FixtureRequest, scenario: Scenario, place: int | str, fault: Fault) -> Outcome:
    """How the scenario ends if something goes wrong there. The first to ask waits for all tests of the scenario."""
    tests = (item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path)
    asked = (item.callspec.params for item in tests if "outcome" in item.fixturenames)
    points = frozenset((each["place"], each["fault"]) for each in asked if each["scenario"] is scenario)
    outcome = disturbed(scenario, points).result((place, fault))
    assert outcome.spoilt
    return outcome


def calls() -> Iterator[Any]:
    """Every call of every executor, in every way in which it can go wrong."""
    for scenario in SCENARIOS:
        known = undisturbed(scenario).calls
        for place, call in enumerate(known):
            is_first = known.index(call) == place
            asked = (Fault.DENIED, *[Fault.THROTTLED] * is_first, *[Fault.DIED] * (place == 0))
            for fault in Fault if call.partition(":")[2].startswith(WRITES) else asked:
                yield pytest.param(scenario, place, fault, id=f"{scenario.name}-{place:02}-{call}-{fault.name.lower()}")


def operations() -> Iterator[Any]:
    """Every operation of every executor, denied throughout."""
    for scenario in SCENARIOS:
        for operation in sorted(set(undisturbed(scenario).calls)):
            yield pytest.param(scenario, operation, Fault.DENIED, id=f"{scenario.name}-{operation}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "outcome" in metafunc.fixturenames:
        is_once = metafunc.function is test_one_call_goes_wrong_once
        metafunc.parametrize(("scenario", "place", "fault"), list(calls() if is_once else operations()))


def test_one_call_goes_wrong_once(scenario: Scenario, outcome: Outcome, fault: Fault) -> None:
    wanted = undisturbed(scenario)
    assert outcome.state == wanted.state
    assert (outcome.died, outcome.reasons) == ((), ())
    assert outcome.kept or fault is Fault.DENIED  # what could not be read, or was refused, waits for the sweep
    is_news = wanted.reported != ()  # a grant that moves is not
    assert not is_news or {("Remediation Completed", each) for each in outcome.written} <= set(outcome.reported)
    reported = [each for each in outcome.reported if each[0] != "Remediation Failed"]
    skipped = {"Remediation Failed", *scenario.follows}
    assert {each for each in wanted.reported if each[0] not in skipped} <= set(reported)
    assert repeated(scenario, reported) == {}
    assert not outcome.failed or wanted.failed or fault is Fault.DENIED


def test_one_operation_is_denied_throughout(scenario: Scenario, outcome: Outcome) -> None:
    # While the fault lasts, the message is handled, reported as failed, or a dead letter with its reason.
    assert outcome.died == ()
    assert all("AccessDenied" in reason for reason in outcome.reasons)
    # After the fault, the next validation fixes everything.
    assert outcome.state == undisturbed(scenario).state
    reported = [each for each in outcome.reported if each[0] != "Remediation Failed"]
    assert repeated(scenario, reported) == {}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_without_faults_it_is_fixed_and_reported_once(scenario: Scenario) -> None:
    outcome = undisturbed(scenario)
    assert outcome.calls
    assert repeated(scenario, outcome.reported) == {}
    assert {kind for kind, _ in outcome.reported} == scenario.reported
    assert (outcome.died, outcome.reasons) == ((), ())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_while_observing_nothing_is_written_and_plans_are_reported(scenario: Scenario) -> None:
    outcome = perform(replace(scenario, parameters=(*scenario.parameters, ("Mode", "observe"))))
    called = {*outcome.calls, *(call for wire in WIRES.values() for call in wire.calls)}
    changes = {call for call in called if call.startswith(("iam:", "ecs:")) and not call.split(":")[1].startswith(ASKS)}
    assert changes == set()
    kinds = {kind for kind, _ in outcome.reported}
    assert ("Remediation Planned" in kinds) is scenario.plans
    assert kinds.isdisjoint({"Remediation Completed", "Remediation Failed"})
