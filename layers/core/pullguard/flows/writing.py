"""What both executors do: prove the need again from the present state, brake, and tell what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.aws.messaging import Queues
from pullguard.checks.examine import Examination, examine
from pullguard.eligibility import effective_mode
from pullguard.errors import PullguardError
from pullguard.flows.telling import Teller
from pullguard.flows.validate import in_scope, tags_of
from pullguard.gather import Readers, gather
from pullguard.ledger import Ledger
from pullguard.messages import ATTEMPTS_MAX, Look
from pullguard.model import Facts
from pullguard.plan import Action, Mode
from pullguard.planner import Rules, make_plan, next_actions
from pullguard.remediation import Remediation

# IAM is eventually consistent: what was written is looked at again after these times, until it shows.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
WAITS_S: Final = (2, 8, 30, 120)


class TooManyWrites(PullguardError):
    """The circuit breaker is open for a role or family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The present state of a task definition, and the actions that it needs now."""

    facts: Facts
    examination: Examination
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """What an executor works with; one for each message, since what it proves must be fresh."""

    readers: Callable[[], Readers]
    ledger: Ledger
    teller: Teller
    queues: Queues
    validation_queue_url: str
    mode: Mode
    rules: Rules
    writes_per_hour: int
    now: Callable[[], datetime]

    def prove(self, look: Look) -> Proof | None:
        """Make the plan again from the present state; None where nothing is to be written any more."""
        readers = self.readers()
        facts = gather(str(look.task_definition), readers, now=self.now(), usage=True)
        if not isinstance(facts, Facts) or effective_mode(self.mode, *tags_of(facts)) == "observe":
            return None
        if not in_scope(facts):
            return None
        examination = examine(facts)
        return Proof(
            facts=facts,
            examination=examination,
            actions=next_actions(make_plan(facts, examination.findings, self.rules)),
        )

    def brake(self, scope: str) -> None:
        """Count a write for ``scope``; raises ``TooManyWrites`` where this hour has had its share."""
        if self.ledger.count_write(scope, now=self.now()) > self.writes_per_hour:
            raise TooManyWrites(
                f"{scope} was written to {self.writes_per_hour} times in this hour; somebody or something undoes "
                "the changes. Find out who, or raise the parameter WritesPerHour."
            )

    def look_again(self, *looks: Look, delay_s: int = WAITS_S[0]) -> None:
        """Ask for a validation of what was just written, whose answer should now be: nothing to do."""
        after = (replace(look, attempt=1) for look in looks)
        self.queues.look(self.validation_queue_url, after, delay_s=delay_s)

    def look_until_it_shows(self, look: Look) -> None:
        """Ask for another validation where there is nothing to write, but the last one saw something missing.

        Either somebody else has written it since, or the validator read what is older than the write. Each look
        waits longer than the one before; after the last, the finding stays open until the next event or sweep.
        """
        if look.attempt < ATTEMPTS_MAX:
            once_more = replace(look, attempt=look.attempt + 1)
            self.queues.look(self.validation_queue_url, (once_more,), delay_s=WAITS_S[look.attempt])

    def tell(self, remediation: Remediation, *, occasion: str) -> None:
        """Tell what was done, once for each occasion; and what failed, once a day for as long as it fails."""
        now = self.now()
        if remediation.event == "Remediation Failed":
            occasion = f"{now:%Y-%m-%d}"
        self.teller.remediation(replace(remediation, occasion=occasion), now=now)


assert len(WAITS_S) == ATTEMPTS_MAX  # noqa: S101 (one thing said twice)
