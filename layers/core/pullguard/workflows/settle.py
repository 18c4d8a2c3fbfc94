"""Wait until everything that a sweep asked for is answered; only then is the sweep complete.

The checks come by queue, each later than the one before. A sweep whose answers are not all there after the last one,
or rest on something that could not be read, was incomplete: nothing is concluded from it. After a complete one grants
that nothing needs are marked, and looked at again where they are past their grace.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.store.task_definitions import Sweep, TaskDefinitionStore
from pullguard.workflows.mark_unneeded import UnusedGrants

# From 10 seconds to the most that a queue can delay a message, about half an hour together.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
WAITS_S: Final = (10, 20, 40, 80, 160, 320, 640, 900)
_NAMED: Final = 5
# The template's alarm looks at it: a role that collects secrets is how a stranger would harvest them.
SECRETS_PER_ROLE: Final = "SecretsPerRoleMax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many task definitions a sweep asked for, how many are answered, and how many of these are not certain.

    ``waits_s`` is after how long it is to be asked again, None where it is at its end, which ``complete`` judges.
    ``missing`` names some of those that stand in the way. ``secrets_per_role_max`` is how many secrets the role with
    the most grants has; None before the end.
    """

    asked: int
    answered: int
    uncertain: int
    missing: tuple[str, ...] = ()
    waits_s: int | None = None
    secrets_per_role_max: int | None = None

    @property
    def complete(self) -> bool:
        """Whether something may be concluded from what no task definition needs."""
        return self.answered == self.asked and not self.uncertain

    @property
    def measures(self) -> dict[str, int]:
        """The metrics: how many of how many."""
        sweep = {"SweepAsked": self.asked, "SweepAnswered": self.answered, "SweepUncertain": self.uncertain}
        return sweep if self.secrets_per_role_max is None else {**sweep, SECRETS_PER_ROLE: self.secrets_per_role_max}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """Judges whether a sweep is complete."""

    definition_store: TaskDefinitionStore
    unused: UnusedGrants
    now: Callable[[], datetime]

    def check(self, sweep: Sweep, number: int) -> Progress:
        """Look at what is answered for the ``number``-th time, and end the sweep where nothing more is to come."""
        asked = [known for known in self.definition_store.known() if known.asked == sweep.id]
        open_ = [known for known in asked if known.answered != sweep.id]
        uncertain = [known for known in asked if known.answered == sweep.id and not known.certain]
        last = number + 1 == len(WAITS_S)
        progress = Progress(
            asked=len(asked),
            answered=len(asked) - len(open_),
            uncertain=len(uncertain),
            missing=tuple(str(known.task_definition) for known in (*open_, *uncertain)[:_NAMED]),
            waits_s=WAITS_S[number + 1] if open_ and not last and sweep.end is None else None,
        )
        if progress.waits_s is None:
            progress = replace(progress, secrets_per_role_max=self.unused.secrets_per_role_max())
        if progress.waits_s is None and sweep.end is None:
            sweep = self._ended(sweep, progress)
        if sweep.end is not None:
            self.unused.ask(sweep.id, complete=sweep.end == "complete")
        return progress

    def _ended(self, sweep: Sweep, progress: Progress) -> Sweep:
        """Mark what is unused, and only then let the sweep count as complete: a run that dies between marks again."""
        ended = replace(sweep, end="complete" if progress.complete else "incomplete")
        if progress.complete:
            self.unused.mark(sweep.id)
        if self.definition_store.save(ended) and progress.complete:
            self.definition_store.save_complete(ended, now=self.now())
        return ended
