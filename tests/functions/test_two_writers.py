"""Two writers of one execution role: the second starts before any call of the first, and neither undoes the other.

The queue delivers the messages of one role one after another. These tests do not rely on that, since a sender may
choose another message group. Both writers are the real handler, each with its own clients and process, around one IAM
and one ledger (tests/functions/application.py). The second plans on the state that it has read or waits until the write
of the first is closed; if the first has died, it closes that write itself, five minutes later.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from moto import mock_aws

from pullguard.domain.arn import Arn
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.policy_document import parse_own
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import SHOWS_AFTER
from tests.functions.application import LANES, QUEUES, VISIBILITY_TIMEOUT, Application
from tests.functions.scenarios import REVOKING, ROLE, hold_unused, ledger_of, open_writes, sweep_finds_it_unused
from tests.functions.stack import OWN_POLICY, Stack
from tests.functions.wire import Fault, Wire
from tests.functions.world import create_role, create_secret, register

WIRES, OTHER_WIRES = ({function: Wire() for function in LANES.values()} for _ in range(2))
FIRST = WIRES["patch_execution_role"]
CHANGES = ("Put", "Delete", "Update", "Send", "Transact")


def _create_role(app: Application) -> None:
    create_role(app.stack)


def _ask_for_a_grant(family: str) -> Callable[[Application], None]:
    """A family that needs a secret of its own, and the message that asks for its grant."""

    def ask(app: Application) -> None:
        secret = create_secret(app.stack, f"registry/{family}")
        revision = register(app.stack, secret, role=str(ROLE), family=family)
        arn = Arn.parse(revision, service="ecs", resource_type="task-definition")
        request = ValidationRequest(
            task_definition=arn, provenance=Provenance(kind="Test", event_id=f"e-{family}", at=app.time)
        )
        app.send("GrantQueue", request.to_json(), group=family)

    return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The requests to both writers, one message each; ``granted`` is the role's expected access in the end."""

    name: str
    prepare: Callable[[Application], None]
    first: Callable[[Application], None]
    second: Callable[[Application], None]
    granted: frozenset[str]
    reported: tuple[str, ...]


PAIRS = (
    Pair(
        name="grant-and-grant",
        prepare=_create_role,
        first=_ask_for_a_grant("one"),
        second=_ask_for_a_grant("other"),
        granted=frozenset({"registry/one", "registry/other"}),
        reported=("grant registry/one", "grant registry/other"),
    ),
    Pair(
        name="grant-and-withdrawal",
        prepare=hold_unused,
        first=_ask_for_a_grant("one"),
        second=sweep_finds_it_unused,
        granted=frozenset({"registry/one", "registry/two"}),
        reported=("grant registry/one", "withdraw registry/ghcr"),
    ),
    Pair(
        name="withdrawal-and-grant",
        prepare=hold_unused,
        first=sweep_finds_it_unused,
        second=_ask_for_a_grant("one"),
        granted=frozenset({"registry/one", "registry/two"}),
        reported=("grant registry/one", "withdraw registry/ghcr"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended.

    ``stood`` and ``held`` are the secrets in the policy and in the ledger when both had written, or had left it;
    ``is_open`` is whether a write of the first was open then. ``granted`` are those in both when all else was done.
    ``calls`` are those of the first writer. ``writes`` are the times at which the ledger says that our policy was
    written, and ``lost`` what the writes added that IAM never showed.
    """

    stood: frozenset[str]
    held: frozenset[str]
    is_open: bool
    granted: frozenset[str]
    reported: tuple[str, ...]
    calls: tuple[str, ...]
    writes: tuple[datetime, ...]
    lost: tuple[str, ...]


def perform(pair: Pair, place: int | None = None, *, dies: bool = False) -> Outcome:
    """Let the second writer run from its message to its answer before the call at ``place`` of the first.

    ``dies``: the process of the first ends after that call, and the second runs at once.
    """
    for wire in (*WIRES.values(), *OTHER_WIRES.values()):
        wire.lay()
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        stack = Stack()
        stack.create(QUEUES)
        one, other = (
            Application(stack, monkeypatch, wires, parameters=dict(REVOKING), others=tuple(others.values()))
            for wires, others in ((WIRES, OTHER_WIRES), (OTHER_WIRES, WIRES))
        )
        pair.prepare(one)
        pair.first(one)

        def come_in() -> None:
            other.time = one.time - (VISIBILITY_TIMEOUT if dies else timedelta())
            pair.second(other)
            while not any(each.queue == "GrantQueue" for each in other.handled):
                other.step()

        if place is not None and dies:
            FIRST.spoil(place, Fault.DIED)
        elif place is not None:
            FIRST.interleave = (place, come_in)
        one.step()
        calls = tuple(FIRST.calls)
        if place is None or dies:
            come_in()
        assert other.handled
        stood, held, is_open = _standing(stack), _held(stack), open_writes(stack) > 0
        FIRST.lay()
        _finish(other, one)
        if pair.prepare is hold_unused:
            one.time += timedelta(hours=1)
            sweep_finds_it_unused(one)  # as every sweep does, until it is gone
            _finish(one, other)
        assert _standing(stack) == _held(stack)
        assert open_writes(stack) == 0
        assert one.died == other.died == []
        return Outcome(
            stood=stood,
            held=held,
            is_open=is_open,
            granted=_held(stack),
            reported=_reported(one),
            calls=calls,
            writes=tuple(datetime.fromisoformat(each.at) for each in ledger_of(stack).roles.writes(ROLE)),
            lost=_lost(stack),
        )


def _finish(*apps: Application) -> None:
    """Handle all messages; what one application has taken out of a queue it handles itself."""
    latest = apps[0].time
    for app in (*apps, *apps):
        app.time = latest = max(app.time, latest)
        app.run()
        latest = app.time


def _lost(stack: Stack) -> tuple[str, ...]:
    lost = (each for each in ledger_of(stack).roles.writes(ROLE) if each.outcome == "unknown")
    before_and_after = ([parse_own(text)[0] if text else () for text in (each.before, each.after)] for each in lost)
    added = [each.secret for before, after in before_and_after for each in after if each not in before]
    return tuple(f"lost grant {name}" for name in _named(stack, iter(added)))


def _named(stack: Stack, secrets: Iterator[Arn]) -> frozenset[str]:
    names = {each["ARN"]: each["Name"] for each in stack.client("secretsmanager").list_secrets()["SecretList"]}
    return frozenset(names[str(secret)] for secret in secrets)


def _standing(stack: Stack) -> frozenset[str]:
    """The secrets that our policy grants."""
    iam = stack.client("iam")
    if OWN_POLICY not in iam.list_role_policies(RoleName="web-execution")["PolicyNames"]:
        return frozenset()
    answer = iam.get_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)
    return _named(stack, (each.secret for each in parse_own(answer["PolicyDocument"])[0]))


def _held(stack: Stack) -> frozenset[str]:
    """The secrets that the ledger says this stack has granted."""
    return _named(stack, (each.secret for each in ledger_of(stack).roles.granted(ROLE)))


def _reported(app: Application) -> tuple[str, ...]:
    """Return the reported outcomes; copies of an event count once."""
    done = {
        (remediation := each["detail"]["remediation"])["id"]: remediation
        for each in app.reported()
        if each["detail-type"] == "Remediation Completed"
    }
    return tuple(
        sorted(
            f"{'lost ' * ('IAM does not show' in each['why'])}{each['kind']} {each['secret'].split(':')[-1][:-7]}"
            for each in done.values()
        )
    )


@cache
def one_after_the_other(pair: Pair) -> Outcome:
    """The run in which the second comes after the first."""
    return perform(pair)


def places() -> Iterator[Any]:
    """Yield every call of the first writer that changes something, and the first one of each that reads."""
    for pair in PAIRS:
        known = one_after_the_other(pair).calls
        for place, call in enumerate(known):
            if call.partition(":")[2].startswith(CHANGES) or known.index(call) == place:
                yield pytest.param(pair, place, id=f"{pair.name}-{place:02}-{call}")


def deaths() -> Iterator[Any]:
    """Yield every call of the first writer that changes something."""
    return (each for each in places() if str(each.id).partition(":")[2].startswith(CHANGES))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        dies = metafunc.function is test_whatever_the_first_dies_after_the_other_closes_its_write
        metafunc.parametrize(("pair", "place"), list(deaths() if dies else places()))


def test_whatever_the_second_comes_in_before_neither_undoes_the_other(pair: Pair, place: int) -> None:
    outcome = perform(pair, place)
    # Grants stay and revocations stay revoked: during the run, and not only in the end.
    assert outcome.stood == outcome.held
    assert (outcome.granted, outcome.reported) == (pair.granted, pair.reported)


def test_whatever_the_first_dies_after_the_other_closes_its_write(pair: Pair, place: int) -> None:
    outcome = perform(pair, place, dies=True)
    # A write that was never made is reported as such: it might have been.
    assert (outcome.granted, outcome.reported) == (pair.granted, tuple(sorted((*pair.reported, *outcome.lost))))
    assert outcome.is_open or outcome.stood == outcome.held
    # While it is not known whether a write was made, no other is.
    first, *later = outcome.writes
    assert not outcome.is_open or all(each - first >= SHOWS_AFTER for each in later)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_in_sequence_both_are_done_and_reported_once(pair: Pair) -> None:
    outcome = one_after_the_other(pair)
    assert any(call.startswith("iam:Put") for call in outcome.calls)
    assert (outcome.stood, outcome.granted, outcome.reported) == (outcome.held, pair.granted, pair.reported)
