"""Lock a role for one writer at a time: a writer reads our policy and writes it before another writer reads it.

The queue delivers the messages of one role one after another. But any sender can put a message into another group, and
IAM's calls take no condition. If two runs read the same policy, the later would remove what the earlier granted, or
grant again what it revoked. A writer therefore locks the role first and reads after that (docs/adr/0024).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.workflows.execute import Executor

# No run of the function is longer (its Timeout in the template), so the lock never expires during a write.
ROLE_LOCK_S: Final = 60

T = TypeVar("T")


class Busy(NotNow):
    """Another run is writing our policy on the role, or one that failed did so a moment ago."""

    def __init__(self, role: Arn) -> None:
        super().__init__(f"another run is at Pullguard's policy on {role}, or was within the last {ROLE_LOCK_S} s")


class Unconfirmed(NotNow):
    """The write to the role could not be confirmed: IAM may not show it yet, and the ledger has no record of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLock:
    """The exclusive right to write our policy on ``role`` for one message, whose id is ``occasion``."""

    executor: Executor
    role: Arn
    occasion: str

    def hold(self, write: Callable[[], T], *, let_end: Callable[[T], bool] = lambda _: False) -> T:
        """Call ``write`` while no other run writes to the role, and return its result; raises ``Busy`` if locked.

        The next writer must be able to read what was written, in IAM or in the ledger. The lock is therefore not
        released but left to expire, and only the same message may take it before, in these cases:

        - ``let_end`` of the result is true: only IAM shows the write, and it may not do so yet.
        - ``write`` raises ``Unconfirmed``.
        - ``write`` fails unexpectedly or the run crashes: it is unknown what was written.

        Any other ``NotNow`` means that nothing was written, and releases the lock.
        """
        if not self.executor.ledger.claims.lock(self._what, ROLE_LOCK_S, now=self.executor.now(), by=self.occasion):
            raise Busy(self.role)
        try:
            result = write()
        except Unconfirmed:
            raise
        except NotNow:
            self.executor.ledger.claims.release(self._what)
            raise
        if not let_end(result):
            self.executor.ledger.claims.release(self._what)
        return result

    @property
    def _what(self) -> str:
        return f"write {self.role}"
