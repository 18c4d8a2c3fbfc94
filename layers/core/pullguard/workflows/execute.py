"""Shared steps of both executors: prove the need again from the current state, apply the write checks, report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar

from pullguard.alerts import describe
from pullguard.aws.messaging import Queues
from pullguard.checks.examine import Examination, examine
from pullguard.checks.gather import Readers, gather
from pullguard.domain.actions import Action, Fix, Mode
from pullguard.domain.facts import Facts
from pullguard.domain.messages import ATTEMPTS_MAX, Home, Review, ValidationRequest
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.remediation import Deed, Remediation, RemediationEvent
from pullguard.planning.planner import Rules, make_plan, next_actions
from pullguard.planning.scope import in_scope, tags_of
from pullguard.store.ledger import Ledger
from pullguard.workflows.report import Reporter
from pullguard.workflows.write_checks import CannotReport, Held, NotWritten, TooManyWrites, WriteGuard

# IAM is eventually consistent: after a write, the task definition is revalidated after these delays until it shows.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
WAITS_S: Final = (2, 8, 30, 120)
# The longest delay of an SQS message, and a quarter of the hour after which an open circuit breaker closes.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
DELAY_MAX_S: Final = 900

TRY_AGAIN: Final = "Fix the reason above; the next validation or sweep tries again."

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The current state of a task definition, and the actions that it needs now."""

    facts: Facts
    examination: Examination
    actions: tuple[Fix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """The dependencies of an executor. Create one per message, since each proof must be fresh."""

    readers: Callable[[], Readers]
    ledger: Ledger
    reporter: Reporter
    queues: Queues
    validation_queue_url: str
    mode: Mode
    rules: Rules
    home: Home
    guard: WriteGuard
    now: Callable[[], datetime]

    def prove(self, request: ValidationRequest) -> Proof | None:
        """Plan again from the current state; None if nothing needs to be written any more.

        Raises ``Rejected`` for a task definition of another account or Region.
        """
        self.home.admit(request.task_definition)
        readers = self.readers()
        facts = gather(str(request.task_definition), readers, now=self.now())
        if isinstance(facts, Facts):
            facts = facts.with_usage(readers.usage(facts.task_definition, tasks=True))
        if isinstance(facts, Facts) and facts.registry_secrets:
            # Only the validator asks registries: an executor reads no secret values and may not reach into a VPC.
            entry = self.ledger.entries.get(request.task_definition)
            facts = facts.with_accepted(entry.accepted).with_had_pulled(entry.had_pulled)
        if not isinstance(facts, Facts) or effective_mode(self.mode, *tags_of(facts)) == "observe":
            return None
        examination = examine(facts) if in_scope(facts) else Examination.of()
        return Proof(
            facts=facts,
            examination=examination,
            actions=next_actions(make_plan(facts, examination.findings, self.rules)),
        )

    def revalidate(self, *requests: ValidationRequest, delay_s: int = WAITS_S[0]) -> None:
        """Ask for a validation of what was just written; it should find nothing to do."""
        after = (replace(request, attempt=1) for request in requests)
        self.queues.request(self.validation_queue_url, after, delay_s=delay_s)

    def retry_until_visible(self, request: ValidationRequest) -> None:
        """Ask for another validation if nothing needs to be written, but the last validation found something missing.

        Either another writer has fixed it since, or the validator read a state older than the write. Each retry waits
        longer than the one before. After the last, the finding stays open until the next event or sweep.
        """
        if request.attempt < ATTEMPTS_MAX:
            once_more = replace(request, attempt=request.attempt + 1)
            self.queues.request(self.validation_queue_url, (once_more,), delay_s=WAITS_S[request.attempt])

    def report(self, remediation: Remediation, *, message_id: str) -> None:
        """Report what was done, once per message; report a failure once a day for as long as it lasts."""
        now = self.now()
        once_per = f"{now:%Y-%m-%d}" if remediation.event == "Remediation Failed" else message_id
        self.reporter.remediation(replace(remediation, message_id=once_per), now=now)

    def report_failed(self, actions: Iterable[Action], why: str, *, message_id: str, remedy: str = TRY_AGAIN) -> None:
        """Report that ``actions`` were due but were not taken, and ``why``."""
        for action in actions:
            deed = replace(describe(action, why), remedy=remedy)
            self.report(Remediation(event="Remediation Failed", deed=deed), message_id=message_id)

    def report_not_written(self, deeds: Iterable[Deed], error: NotWritten, request: ValidationRequest | Review) -> None:
        """Report why ``deeds`` were not done, and raise ``error`` again if the message must be retried.

        A stop or a hold is reported as planned, once for each stop and hold. An open circuit breaker is reported once
        per hour, regardless of how many messages it affects. In both cases ``request`` is sent again when the pause
        ends.
        """
        if isinstance(error, Held):
            self.ledger.holds.keep_waiting(request.subject, now=self.now())
        if isinstance(error, TooManyWrites):
            self._ask_when_the_breaker_closes(request)
        if isinstance(error, TooManyWrites) and not self.guard.first_trip(error):
            return
        event: RemediationEvent = "Remediation Planned" if isinstance(error, Held) else "Remediation Failed"
        reported = (
            replace(deed, why=str(error), remedy=" ".join(filter(None, (error.remedy, deed.remedy)))) for deed in deeds
        )
        for deed in islice(reported, 1) if isinstance(error, TooManyWrites) else reported:
            self.report(Remediation(event=event, deed=deed), message_id="")
        if isinstance(error, TooManyWrites):
            self.guard.tripped(error)
        if isinstance(error, CannotReport):
            raise error

    def _ask_when_the_breaker_closes(self, request: ValidationRequest | Review) -> None:
        """Send ``request`` again at the next quarter of an hour; a breaker closes at the fourth.

        This happens once per subject, event and quarter, regardless of how many services an open breaker affects:
        otherwise a task definition with five services would ask five times, and each of those five times more.
        """
        now_s = int(self.now().timestamp())
        due_s = (now_s // DELAY_MAX_S + 1) * DELAY_MAX_S
        mark = f"revalidation of {request.subject} for {request.provenance.event_id} at {due_s}"
        if self.ledger.claims.happened(mark, now=self.now()):
            return
        again = replace(request, attempt=1) if isinstance(request, ValidationRequest) else request
        delay_s = min(due_s - now_s + 1, DELAY_MAX_S)
        self.queues.request(self.validation_queue_url, (again,), delay_s=delay_s)
        self.ledger.claims.mark(mark, now=self.now(), seconds=2 * DELAY_MAX_S)


assert len(WAITS_S) == ATTEMPTS_MAX  # noqa: S101 (two constants that must agree)
