"""Wait until everything that a sweep asked for is answered; only then is the sweep complete.

The checks arrive by queue, each with a longer delay than the one before. A sweep is incomplete if answers are missing
after the last check, or depend on something that could not be read; no conclusion is drawn from it. When a sweep has
ended, complete or not, every role with grants of this stack is reconciled.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.domain.arn import family_of
from pullguard.store.task_definitions import Known, KnownFamily, Sweep, TaskDefinitionStore
from pullguard.workflows.review_roles import GrantedRoles

# From 10 seconds to the maximum delay of a queue message; about 36 minutes in total.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
WAITS_S: Final = (10, 20, 40, 80, 160, 320, 640, 900)
_NAMED: Final = 5
_OPEN: Final = object()  # in the place of a family's newest revision, until the family is answered
# The template's alarm watches this metric: an attacker would harvest secrets through a role that accumulates them.
SECRETS_PER_ROLE: Final = "SecretsPerRoleMax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many families and revisions a sweep asked for, how many are answered, and how many of these not certainly.

    ``waits_s`` is the delay until the next check, in seconds; None if the sweep has ended, as ``complete`` or not.
    ``missing`` names some families and revisions that are unanswered or uncertain. ``secrets_per_role_max`` is the
    number of secrets of the role with the most grants; None before the end.
    """

    asked: int
    answered: int
    uncertain: int
    missing: tuple[str, ...] = ()
    waits_s: int | None = None
    secrets_per_role_max: int | None = None

    @property
    def complete(self) -> bool:
        """Whether the sweep proves which grants no task definition needs."""
        return self.answered == self.asked and not self.uncertain

    @property
    def measures(self) -> dict[str, int]:
        """The metrics of the sweep, by name."""
        sweep = {"SweepAsked": self.asked, "SweepAnswered": self.answered, "SweepUncertain": self.uncertain}
        return sweep if self.secrets_per_role_max is None else {**sweep, SECRETS_PER_ROLE: self.secrets_per_role_max}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """Judges whether a sweep is complete."""

    definition_store: TaskDefinitionStore
    granted: GrantedRoles
    now: Callable[[], datetime]

    def check(self, sweep: Sweep, number: int) -> Progress:
        """Run check ``number`` (from 0) of the answers, and end the sweep if no further check is due."""
        families, known = tuple(self.definition_store.families(sweep.id)), self.definition_store.known()
        # Families may have been answered since this check asked for revisions: what is still to be asked for is open.
        owed = set(remaining(known, families, sweep.id, len(WAITS_S) - 1))
        asked: list[Known | KnownFamily] = [
            *families,
            *(each for each in known if each.asked == sweep.id or each in owed),
        ]
        open_ = [each for each in asked if each.answered != sweep.id]
        uncertain = [each for each in asked if each.answered == sweep.id and not each.certain]
        progress = Progress(
            asked=len(asked),
            answered=len(asked) - len(open_),
            uncertain=len(uncertain),
            missing=tuple(map(_name, (*open_, *uncertain)[:_NAMED])),
            waits_s=WAITS_S[number + 1] if open_ and not is_last(number) and sweep.end is None else None,
        )
        if progress.waits_s is None:
            progress = replace(progress, secrets_per_role_max=self.granted.secrets_per_role_max())
        if progress.waits_s is None and sweep.end is None:
            sweep = self._ended(sweep, progress)
        if sweep.end is not None:
            self.granted.ask(sweep.id)
        return progress

    def _ended(self, sweep: Sweep, progress: Progress) -> Sweep:
        ended = replace(sweep, end="complete" if progress.complete else "incomplete")
        if self.definition_store.save(ended) and progress.complete:
            self.definition_store.save_complete(ended, now=self.now())
        return ended


def is_last(number: int) -> bool:
    """Whether no further check follows check ``number``."""
    return number + 1 == len(WAITS_S)


def remaining(known: Iterable[Known], families: Iterable[KnownFamily], sweep: str, number: int) -> Iterator[Known]:
    """Yield the known revisions for which check ``number`` asks: all that no request about a family covers.

    Which revision is the newest is known when the request about its family is answered. Until then the family's
    revisions wait, but not beyond the last check. A check that is repeated after a crash asks again.
    """
    newest = {each.family: each.newest if each.answered == sweep else _OPEN for each in families}
    for each in known:
        answered = newest.get(family_of(each.task_definition))
        waits = answered is _OPEN and not is_last(number)
        asks = each.asked != sweep or (each.check == number and each.answered != sweep)
        if asks and not waits and answered != each.task_definition:
            yield each


def _name(known: Known | KnownFamily) -> str:
    return known.family if isinstance(known, KnownFamily) else str(known.task_definition)
