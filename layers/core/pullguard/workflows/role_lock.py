"""One writer of a role at a time: what is read for our policy is written before anybody else reads it.

The queue hands out the messages of one role one after another. But whoever can send a message can send it into another
group, and IAM's calls take no condition: of two runs that read the same policy, the later one would write away what the
earlier one granted, or grant once more what it took back. So whoever is about to write takes the role first, and reads
after that (docs/adr/0024).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.workflows.execute import Executor

# No run of the function is longer (its Timeout in the template): a lease never ends under its writer.
ROLE_LOCK_S: Final = 60

T = TypeVar("T")


class Busy(NotNow):
    """Another run writes our policy on the role, or one that failed did a moment ago."""

    def __init__(self, role: Arn) -> None:
        super().__init__(f"another run is at Pullguard's policy on {role}, or was within the last {ROLE_LOCK_S} s")


class Unconfirmed(NotNow):
    """What was written to the role could not be confirmed: neither may IAM show it yet, nor does the ledger hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLock:
    """The right to write our policy on ``role``, for a message: ``occasion`` is its id."""

    executor: Executor
    role: Arn
    occasion: str

    def hold(self, write: Callable[[], T], *, let_end: Callable[[T], bool] = lambda _: False) -> T:
        """Return what ``write`` returns, which nobody else writes to the role beside; raises ``Busy``.

        Whoever comes next must read what is written, in IAM or in the ledger. Where ``let_end`` says of the result that
        IAM alone would tell, where ``write`` raises ``Unconfirmed``, and where it breaks or dies, so that nobody knows
        what it wrote, the lease ends by itself, and only the same message may take it before. Any other ``NotNow``
        says that nothing was written.
        """
        if not self.executor.ledger.lock(self._what, ROLE_LOCK_S, now=self.executor.now(), by=self.occasion):
            raise Busy(self.role)
        try:
            result = write()
        except Unconfirmed:
            raise
        except NotNow:
            self.executor.ledger.release(self._what)
            raise
        if not let_end(result):
            self.executor.ledger.release(self._what)
        return result

    @property
    def _what(self) -> str:
        return f"write {self.role}"
