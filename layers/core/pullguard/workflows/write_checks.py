"""Checks before every write: is a stop or a hold in place, and is the circuit breaker closed?

A write is counted after it was made, under its scope: a secret of a role, a family, a service. Eighty writes to a role
that eighty families use for eighty secrets are normal. Repeated writes of one secret mean that something undoes them
(docs/adr/0020).
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
    """The stack-wide stop, the holds on roles and families, and the circuit breaker."""

    switch: StopSwitch
    ledger: Ledger
    writes_per_hour: int
    now: Callable[[], datetime]

    def check(self, *scopes: str, role: Arn | None = None, family: str | None = None) -> None:
        """Admit the next write to ``scopes``, which concerns ``role`` and ``family``.

        Raises ``Held``, ``CannotReport`` or ``TooManyWrites`` if nothing may be written.
        """
        self.admit(role=role, family=family)
        for scope in filter(self.is_open, scopes):
            raise TooManyWrites(scope, self.writes_per_hour)

    def is_open(self, scope: str) -> bool:
        """Whether the circuit breaker is open for ``scope``: it was written to as often as an hour allows."""
        return self.ledger.write_counts.in_hour(scope, now=self.now()) >= self.writes_per_hour

    def admit(self, *, role: Arn | None = None, family: str | None = None) -> None:
        """Admit a write unless it is stopped or held; raises ``Held`` or ``CannotReport``."""
        if (stop := self._stop()) is not None:
            raise Held("everything is stopped", stop, "pullguard resume")
        if role is not None and (hold := self.ledger.roles.hold(role)) is not None:
            raise Held("the role is held", hold, f"pullguard resume {role.resource_name}")
        if family is not None and (hold := self.ledger.families.hold(family)) is not None:
            raise Held("the family is held", hold, f"pullguard resume --family {family}")

    def count(self, *scopes: str) -> None:
        """Count a write to ``scopes``; call it after AWS has accepted the write."""
        for scope in scopes:
            self.ledger.write_counts.add(scope, now=self.now())

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
