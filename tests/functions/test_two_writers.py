"""Two writers of one execution role: the second starts before any call of the first, and neither undoes the other.

The queue delivers the messages of one role one after another. These tests do not rely on that, since a sender may
choose another message group. Both writers are the real handler, each with its own clients and process, around one IAM
and one ledger (tests/functions/application.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from moto import mock_aws

from pullguard.domain.arn import Arn
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, parse_own
from pullguard.domain.provenance import Provenance
from tests.functions.application import LANES, QUEUES, Application
from tests.functions.scenarios import REVOKING, ROLE, hold_unused, ledger_of, sweep_finds_it_unused
from tests.functions.stack import Stack
from tests.functions.wire import Wire
from tests.functions.world import create_role, create_secret, register

WIRES, OTHER_WIRES = ({function: Wire() for function in LANES.values()} for _ in range(2))
FIRST = WIRES["patch_execution_role"]
CHANGES = ("Put", "Delete", "Update", "Send")


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

    ``stood`` and ``held`` are the secrets in the policy and in the ledger when both had written, or had left it, and
    ``granted`` those in both when all else was done. ``calls`` are those of the first writer.
    """

    stood: frozenset[str]
    held: frozenset[str]
    granted: frozenset[str]
    reported: tuple[str, ...]
    calls: tuple[str, ...]


def perform(pair: Pair, place: int | None = None) -> Outcome:
    """Let the second writer run from its message to its answer before the call at ``place`` of the first."""
    for wire in (*WIRES.values(), *OTHER_WIRES.values()):
        wire.lay()
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        stack = Stack()
        stack.create(QUEUES)
        one, other = (Application(stack, monkeypatch, wires, dict(REVOKING)) for wires in (WIRES, OTHER_WIRES))
        pair.prepare(one)
        pair.first(one)

        def come_in() -> None:
            other.time = one.time
            pair.second(other)
            while not any(each.queue == "GrantQueue" for each in other.handled):
                other.step()

        if place is not None:
            FIRST.interleave = (place, come_in)
        one.step()
        calls = tuple(FIRST.calls)
        if place is None:
            come_in()
        assert other.handled
        stood, held = _standing(stack), _held(stack)
        for app in (one, other):
            app.run()
        if pair.prepare is hold_unused:
            one.time += timedelta(hours=1)
            sweep_finds_it_unused(one)  # as every sweep does, until it is gone
            one.run()
        assert _standing(stack) == _held(stack)
        assert one.died == other.died == []
        return Outcome(stood=stood, held=held, granted=_held(stack), reported=_reported(one), calls=calls)


def _named(stack: Stack, secrets: Iterator[Arn]) -> frozenset[str]:
    names = {each["ARN"]: each["Name"] for each in stack.client("secretsmanager").list_secrets()["SecretList"]}
    return frozenset(names[str(secret)] for secret in secrets)


def _standing(stack: Stack) -> frozenset[str]:
    """The secrets that our policy grants."""
    iam = stack.client("iam")
    if POLICY_NAME not in iam.list_role_policies(RoleName="web-execution")["PolicyNames"]:
        return frozenset()
    answer = iam.get_role_policy(RoleName="web-execution", PolicyName=POLICY_NAME)
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
    return tuple(sorted(f"{each['kind']} {each['secret'].split(':')[-1][:-7]}" for each in done.values()))


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        metafunc.parametrize(("pair", "place"), list(places()))


def test_whatever_the_second_comes_in_before_neither_undoes_the_other(pair: Pair, place: int) -> None:
    outcome = perform(pair, place)
    # Grants stay and revocations stay revoked: during the run, and not only in the end.
    assert outcome.stood == outcome.held
    assert (outcome.granted, outcome.reported) == (pair.granted, pair.reported)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_in_sequence_both_are_done_and_reported_once(pair: Pair) -> None:
    outcome = one_after_the_other(pair)
    assert any(call.startswith("iam:Put") for call in outcome.calls)
    assert (outcome.stood, outcome.granted, outcome.reported) == (outcome.held, pair.granted, pair.reported)
