"""The work budget of one request: policies are written by others, and a batch waits for the answer.

Beyond the limit the answer is Unknown. Ordinary policies of a role take a few thousand steps for a request; IAM accepts
policies of a role, and of the resources that it names, that would take hundreds of millions.
"""

from dataclasses import dataclass
from typing import Final

from pullguard.access.ternary import Unknown

STEPS_MAX: Final = 200_000  # about a tenth of a second
TOO_MUCH: Final = Unknown(
    problems=(f"the policies have so many wildcards that they take more than {STEPS_MAX:,} steps to compare",)
)


@dataclass(slots=True)
class Work:
    """The remaining steps of one request, shared by all its policies."""

    left: int = STEPS_MAX

    def renew(self) -> None:
        """Give the whole limit back: another question begins."""
        self.left = STEPS_MAX

    def take(self, steps: int) -> bool:
        """Take ``steps`` and return True if enough are left. After the first refusal every request is refused."""
        self.left -= steps
        return self.left > 0
