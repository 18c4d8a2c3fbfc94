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
from pullguard.messages import Look
from pullguard.model import Facts
from pullguard.plan import Action, Mode
from pullguard.planner import Rules, make_plan, next_actions
from pullguard.remediation import Remediation

# IAM is eventually consistent: the first new look at what was written comes after this time.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
LOOK_AGAIN_S: Final = 2


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

    def look_again(self, *looks: Look, delay_s: int = LOOK_AGAIN_S) -> None:
        """Ask for a validation, whose answer should now be: nothing to do."""
        self.queues.look(self.validation_queue_url, looks, delay_s=delay_s)

    def tell(self, remediation: Remediation, *, occasion: str) -> None:
        """Tell what was done, once for each occasion; and what failed, once a day for as long as it fails."""
        now = self.now()
        if remediation.event == "Remediation Failed":
            occasion = f"{now:%Y-%m-%d}"
        self.teller.remediation(replace(remediation, occasion=occasion), now=now)
