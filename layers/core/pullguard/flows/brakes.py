"""What is asked before every write: does anybody want it to stop, and were there not too many in this hour?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pullguard.arn import Arn
from pullguard.aws.ssm import StopSwitch
from pullguard.errors import NotNow, PullguardError
from pullguard.ledger import Ledger
from pullguard.model import Missing, NotLooked, Unreadable
from pullguard.stop import Stop


class NotWritten(PullguardError):
    """Something that is asked before each write says no; ``remedy`` says what somebody would do about it."""

    remedy = ""


class Held(NotWritten):
    """Somebody has stopped Pullguard, or holds the role: what is wanted waits."""

    def __init__(self, what: str, stop: Stop, command: str) -> None:
        self.remedy = f"Whoever stopped it ends it with `{command}`; what is wanted then is looked at again."
        super().__init__(f"{what} {stop}")


class CannotTell(NotWritten, NotNow):
    """It could not be read whether Pullguard is stopped: the message is tried again."""

    remedy = "Let the function read the parameter; where it is gone, deploy the stack again."


class TooManyWrites(NotWritten):
    """The circuit breaker is open for ``scope``: a role, a family or a service."""

    remedy = "Nothing more is written there in this hour; find out who undoes the changes."

    def __init__(self, scope: str, writes_per_hour: int) -> None:
        self.scope = scope
        super().__init__(
            f"{scope} was written to {writes_per_hour} times in this hour; somebody or something undoes "
            "the changes. Find out who, or raise the parameter WritesPerHour."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """The stack-wide stop, the holds on roles, and the circuit breaker."""

    switch: StopSwitch
    ledger: Ledger
    writes_per_hour: int
    now: Callable[[], datetime]

    def check(self, scope: str, *, role: Arn | None = None) -> None:
        """Let the next write to ``scope`` pass and count it; ``role`` is the role that it writes to.

        Raises ``NotWritten``, in one of its three forms, where nothing may be written.
        """
        if (stop := self._stop()) is not None:
            raise Held("everything is stopped", stop, "pullguard resume")
        if role is not None and (hold := self.ledger.hold(role)) is not None:
            raise Held("the role is held", hold, f"pullguard resume {role.resource_name}")
        if self.ledger.count_write(scope, now=self.now()) > self.writes_per_hour:
            raise TooManyWrites(scope, self.writes_per_hour)

    def _stop(self) -> Stop | None:
        found = self.switch.read()
        match found:
            case Missing() | Unreadable() | NotLooked():
                raise CannotTell(f"nothing is written while the stop parameter cannot be read: {found}")
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
