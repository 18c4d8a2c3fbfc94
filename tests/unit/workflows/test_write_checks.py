"""Before each write: the stack-wide stop, the holds, and the circuit breaker."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.errors import NotNow
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.write_checks import CannotReport, Held, NotWritten, TooManyWrites, WriteGuard
from tests.fakes import World, role_arn
from tests.flows import Harness

STOP, ROLE = Stop(by="ada", at="2026-11-23T12:00:00+00:00", reason="a bad deploy"), role_arn()
HELD: dict[str, tuple[Callable[[Harness], object], str, str]] = {
    "stop": (lambda here: setattr(here, "stop", switch_text(STOP)), "everything is stopped", "pullguard resume"),
    "role": (
        lambda here: here.ledger.roles.save_hold(ROLE, STOP),
        "the role is held",
        "pullguard resume web-execution",
    ),
    "family": (
        lambda here: here.ledger.families.save_hold("web", STOP),
        "the family is held",
        "pullguard resume --family web",
    ),
}


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World(), writes_per_hour=2)


def guard(here: Harness) -> WriteGuard:
    return here.executor().guard


@pytest.mark.parametrize(("hold", "words", "command"), HELD.values(), ids=HELD)
def test_a_stop_or_a_hold_lets_no_write_pass_and_names_the_command_that_ends_it(
    harness: Harness, hold: Callable[[Harness], object], words: str, command: str
) -> None:
    guard(harness).admit(role=ROLE, family="web")
    hold(harness)
    with pytest.raises(Held, match=f"{words} since 2026-11-23T12:00:00\\+00:00 by ada: a bad deploy") as caught:
        guard(harness).admit(role=ROLE, family="web")
    assert f"`{command}`" in caught.value.remedy


@pytest.mark.parametrize(
    "about", [{}, {"role": role_arn("other")}, {"family": "web-2"}], ids=["none", "role", "family"]
)
def test_a_hold_affects_its_own_role_and_family_only(harness: Harness, about: dict[str, Any]) -> None:
    harness.ledger.roles.save_hold(ROLE, STOP)
    harness.ledger.families.save_hold("web", STOP)
    guard(harness).admit(**about)
    with pytest.raises(Held):
        guard(harness).admit(**(about | {"role": ROLE}))


@pytest.mark.parametrize("code", ["ParameterNotFound", "AccessDeniedException", "ThrottlingException"])
def test_a_stop_that_cannot_be_read_lets_no_write_pass_and_is_retried(harness: Harness, code: str) -> None:
    harness.stop = ClientError({"Error": {"Code": code, "Message": ""}}, "GetParameter")
    with pytest.raises(CannotReport, match="while the stop parameter cannot be read") as caught:
        guard(harness).admit()
    assert isinstance(caught.value, NotNow)
    assert isinstance(caught.value, NotWritten)


def test_an_open_circuit_breaker_is_reported_once_an_hour(harness: Harness) -> None:
    error, other = TooManyWrites("a", 2), TooManyWrites("b", 2)
    assert guard(harness).first_trip(error)
    guard(harness).tripped(error)
    assert [guard(harness).first_trip(each) for each in (error, other)] == [False, True]
    harness.time += timedelta(hours=1)
    assert guard(harness).first_trip(error)
