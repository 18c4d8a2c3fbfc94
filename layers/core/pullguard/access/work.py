"""How much work one request may cost: policies are written by others, and a batch waits for the answer.

Beyond the bound the answer is Unknown. Ordinary policies of a role take some thousand steps for a request; IAM takes
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
    """The steps that are left for one request, whatever the number of its policies."""

    left: int = STEPS_MAX

    def take(self, steps: int) -> bool:
        """Whether ``steps`` are left; if so, they are taken. Once they are not, none ever are."""
        self.left = self.left - steps if steps <= self.left else 0
        return self.left > 0
