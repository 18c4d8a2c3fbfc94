"""The checks before every write: is a stop or a hold in place? And what an open circuit breaker is reported with.

Writes are counted per thing written: a grant in the role's item (reconcile_role.py), a registration for its family, a
move for its service (ecs_writes.py). Eighty writes to a role that eighty families use for eighty secrets are normal.
Repeated writes of one secret mean that something undoes them (docs/adr/0020).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger


class NotWritten(PullguardError):
    """A check before the write refused it; ``remedy`` says what to do about it."""

    remedy = ""


class Held(NotWritten):
    """Pullguard is stopped, or the role or family is held: the write waits."""

    def __init__(self, what: str, stop: Stop, command: str) -> None:
        self.remedy = f"`{command}` ends it; what was refused is validated again then."
        super().__init__(f"{what} {stop}")


class CannotReport(NotWritten, NotNow):
    """The stop parameter could not be read: the message is retried."""

    remedy = "Let the function read the parameter; if it is gone, deploy the stack again."


class TooManyWrites(NotWritten):
    """The circuit breaker is open for ``scope``: a grant of a role, a family or a service."""

    remedy = (
        "Pullguard retries when the hour is over. If something undoes Pullguard's writes, find out what it is; if so "
        "many writes are intended, raise the parameter WritesPerHour."
    )

    def __init__(self, scope: str, writes_per_hour: int) -> None:
        self.scope = scope
        super().__init__(
            f"{scope} was written to {writes_per_hour} times in this hour, as often as WritesPerHour allows; "
            "it waits for the next hour"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteGuard:
    """The stack-wide stop, the holds on roles and families, and the reports of open circuit breakers."""

    switch: StopSwitch
    ledger: Ledger
    writes_per_hour: int
    now: Callable[[], datetime]

    def admit(self, *, role: Arn | None = None, family: str | None = None) -> None:
        """Admit a write unless it is stopped or held; raises ``Held`` or ``CannotReport``."""
        if (stop := self._stop()) is not None:
            raise Held("everything is stopped", stop, "pullguard resume")
        if role is not None and (hold := self.ledger.roles.hold(role)) is not None:
            raise Held("the role is held", hold, f"pullguard resume {role.resource_name}")
        if family is not None and (hold := self.ledger.families.hold(family)) is not None:
            raise Held("the family is held", hold, f"pullguard resume --family {family}")

    def _stop(self) -> Stop | None:
        found = self.switch.read()
        match found:
            case Missing() | Unreadable() | NotAsked():
                raise CannotReport(f"nothing is written while the stop parameter cannot be read: {found}")
            case _:
                return found

    def first_trip(self, error: TooManyWrites) -> bool:
        """Whether the open breaker of ``error`` has not been reported in this hour."""
        return not self.ledger.claims.happened(self._trip(error), now=self.now())

    def tripped(self, error: TooManyWrites) -> None:
        """Mark the open breaker as reported; call it after the report, so that a crash reports twice, not never."""
        self.ledger.claims.mark(self._trip(error), now=self.now())

    def _trip(self, error: TooManyWrites) -> str:
        return f"tripped {error.scope} {self.now():%Y-%m-%dT%H}"
