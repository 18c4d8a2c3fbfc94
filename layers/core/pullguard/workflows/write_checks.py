"""What is asked before every write: does anybody want it to stop, and was the same not written too often?

A write is counted once it was made, under the thing that it writes: a secret of a role, a family, a service. A role
that eighty families need for eighty secrets is written to eighty times and nothing is amiss; one secret that comes
and goes is a fight (docs/adr/0020).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.facts import Missing, NotAsked, Unreadable
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger


class NotWritten(PullguardError):
    """Something that is asked before each write says no; ``remedy`` says what somebody would do about it."""

    remedy = ""


class Held(NotWritten):
    """Somebody has stopped Pullguard, or holds the role: what is wanted waits."""

    def __init__(self, what: str, stop: Stop, command: str) -> None:
        self.remedy = f"Whoever stopped it ends it with `{command}`; what is wanted then is looked at again."
        super().__init__(f"{what} {stop}")


class CannotReport(NotWritten, NotNow):
    """It could not be read whether Pullguard is stopped: the message is tried again."""

    remedy = "Let the function read the parameter; where it is gone, deploy the stack again."


class TooManyWrites(NotWritten):
    """The circuit breaker is open for ``scope``: a grant of a role, a family or a service."""

    remedy = (
        "It is looked at again when the hour is over. If something undoes what Pullguard writes, find out what it is; "
        "if so many writes are wanted, raise the parameter WritesPerHour."
    )

    def __init__(self, scope: str, writes_per_hour: int) -> None:
        self.scope = scope
        super().__init__(
            f"{scope} was written to {writes_per_hour} times in this hour, as often as WritesPerHour allows; "
            "it waits for the next hour"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteGuard:
    """The stack-wide stop, the holds on roles and families, and the circuit breaker."""

    switch: StopSwitch
    ledger: Ledger
    writes_per_hour: int
    now: Callable[[], datetime]

    def check(self, *scopes: str, role: Arn | None = None, family: str | None = None) -> None:
        """Let the next write to ``scopes`` pass; ``role`` and ``family`` are what it concerns.

        Raises ``NotWritten``, in one of its three forms, where nothing may be written.
        """
        self.admit(role=role, family=family)
        for scope in scopes:
            if self.ledger.written_in_hour(scope, now=self.now()) >= self.writes_per_hour:
                raise TooManyWrites(scope, self.writes_per_hour)

    def admit(self, *, role: Arn | None = None, family: str | None = None) -> None:
        """Let a write pass that nobody has stopped; raises ``Held`` or ``CannotReport``."""
        if (stop := self._stop()) is not None:
            raise Held("everything is stopped", stop, "pullguard resume")
        if role is not None and (hold := self.ledger.hold(role)) is not None:
            raise Held("the role is held", hold, f"pullguard resume {role.resource_name}")
        if family is not None and (hold := self.ledger.family_hold(family)) is not None:
            raise Held("the family is held", hold, f"pullguard resume --family {family}")

    def count(self, *scopes: str) -> None:
        """Count a write to ``scopes``; called once AWS has taken it."""
        for scope in scopes:
            self.ledger.count_write(scope, now=self.now())

    def _stop(self) -> Stop | None:
        found = self.switch.read()
        match found:
            case Missing() | Unreadable() | NotAsked():
                raise CannotReport(f"nothing is written while the stop parameter cannot be read: {found}")
            case _:
                return found

    def first_trip(self, error: TooManyWrites) -> bool:
        """Whether nobody was told yet that ``error``'s breaker is open in this hour."""
        return not self.ledger.happened(self._trip(error), now=self.now())

    def tripped(self, error: TooManyWrites) -> None:
        """Mark that people were told of it; called after they were, so that a crash between tells them twice."""
        self.ledger.once(self._trip(error), now=self.now())

    def _trip(self, error: TooManyWrites) -> str:
        return f"tripped {error.scope} {self.now():%Y-%m-%dT%H}"
