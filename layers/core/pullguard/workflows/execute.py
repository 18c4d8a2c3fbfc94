"""What both executors do: prove the need again from the present state, brake, and tell what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from pullguard.alerts import describe
from pullguard.aws.messaging import Queues
from pullguard.checks.examine import Examination, examine
from pullguard.checks.gather import Readers, gather
from pullguard.domain.actions import Action, Fix, Mode
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.facts import Facts
from pullguard.domain.messages import ATTEMPTS_MAX, Home, Review, ValidationRequest
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.remediation import Deed, Remediation, RemediationEvent
from pullguard.domain.write_history import Outcome
from pullguard.planning.planner import Rules, make_plan, next_actions
from pullguard.store.ledger import Ledger
from pullguard.workflows.report import Reporter
from pullguard.workflows.validate import in_scope, tags_of
from pullguard.workflows.write_checks import CannotReport, Held, NotWritten, TooManyWrites, WriteGuard

# IAM is eventually consistent: what was written is looked at again after these times, until it shows.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
WAITS_S: Final = (2, 8, 30, 120)
# The longest that SQS delays a message, and a quarter of the hour that an open circuit breaker waits for.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
DELAY_MAX_S: Final = 900

TRY_AGAIN: Final = "Mend what the reason says; the next validation or sweep tries again."

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The present state of a task definition, and the actions that it needs now."""

    facts: Facts
    examination: Examination
    actions: tuple[Fix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """What an executor works with; one for each message, since what it proves must be fresh."""

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
        """Make the plan again from the present state; None where nothing is to be written any more.

        Raises ``Rejected`` for what is another account's or Region's.
        """
        self.home.admit(request.task_definition)
        readers = self.readers()
        facts = gather(str(request.task_definition), readers, now=self.now(), usage=True)
        if isinstance(facts, Facts) and facts.registry_secrets:
            # Only the validator asks registries: an executor reads no values, and may not reach what is inside a VPC.
            entry = self.ledger.entry(request.task_definition)
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
        """Ask for a validation of what was just written, whose answer should now be: nothing to do."""
        after = (replace(request, attempt=1) for request in requests)
        self.queues.request(self.validation_queue_url, after, delay_s=delay_s)

    def retry_until_visible(self, request: ValidationRequest) -> None:
        """Ask for another validation where there is nothing to write, but the last one saw something missing.

        Either somebody else has written it since, or the validator read what is older than the write. Each look
        waits longer than the one before; after the last, the finding stays open until the next event or sweep.
        """
        if request.attempt < ATTEMPTS_MAX:
            once_more = replace(request, attempt=request.attempt + 1)
            self.queues.request(self.validation_queue_url, (once_more,), delay_s=WAITS_S[request.attempt])

    def intend(self, *remediations: Remediation, occasion: str) -> None:
        """Keep what is about to be done, so that it is told even where this run ends before it can tell."""
        for remediation in remediations:
            self.ledger.intend(replace(remediation, occasion=occasion), now=self.now())

    def write(
        self,
        deed: Remediation,
        request: ValidationRequest,
        call: Callable[[], T],
        *,
        scope: str,
        role: Arn | None,
        occasion: str,
    ) -> T:
        """Make a write to ECS and return what ``call`` returns: intended and recorded before it, counted after it.

        Whoever calls has asked the brakes. The stop and the holds on ``role`` and the family are asked once more when
        the record stands, as ``PolicyWriter`` does. What ``call`` returns other than None is the revision that came of
        it. Raises ``NotWritten`` where nobody may write now, and what ``call`` raises.
        """
        self.intend(deed, occasion=occasion)
        family, now = family_of(deed.task_definition), self.now()

        def keep(outcome: Outcome, after: str | None) -> None:
            record: dict[str, Any] = {
                "kind": deed.deed.kind,
                "target": deed.deed.target,
                "before": deed.before,
                "after": after,
                "task_definition": str(request.task_definition),
                "cause": request.provenance.to_dict(),
                "outcome": outcome,
            }
            write_id = f"{occasion}#{deed.deed.target}"
            self.ledger.record_ecs_write(family, write_id=write_id, record=record, now=now)

        keep("unknown", deed.after)
        try:
            self.guard.admit(role=role, family=family)
            made = call()
        except NotWritten:
            keep("refused", deed.after)
            raise
        except NotNow:
            raise
        except PullguardError:
            keep("refused", deed.after)
            raise
        keep("written", deed.after if made is None else str(made))
        self.guard.count(scope)
        return made

    def report(self, remediation: Remediation, *, occasion: str) -> None:
        """Tell what was done, once for each occasion; and what failed, once a day for as long as it fails."""
        now = self.now()
        if remediation.event == "Remediation Failed":
            occasion = f"{now:%Y-%m-%d}"
        self.reporter.remediation(replace(remediation, occasion=occasion), now=now)

    def report_failed(self, actions: Iterable[Action], why: str, *, occasion: str, remedy: str = TRY_AGAIN) -> None:
        """Tell that ``actions`` were to be taken and were not, and ``why``."""
        for action in actions:
            deed = replace(describe(action, why), remedy=remedy)
            self.report(Remediation(event="Remediation Failed", deed=deed), occasion=occasion)

    def report_not_written(self, deeds: Iterable[Deed], error: NotWritten, request: ValidationRequest | Review) -> None:
        """Report why ``deeds`` were not done, and raise ``error`` again if the message is to be tried again.

        What is held back would be done, and is reported once for each stop and hold. That the circuit breaker is open
        is reported once in its hour, however many messages run into it. Either way ``request`` is made once more when
        that ends.
        """
        if isinstance(error, Held):
            self.ledger.keep_waiting(request.subject, now=self.now())
        if isinstance(error, TooManyWrites):
            self._ask_when_the_breaker_closes(request)
        if isinstance(error, TooManyWrites) and not self.guard.first_trip(error):
            return
        event: RemediationEvent = "Remediation Planned" if isinstance(error, Held) else "Remediation Failed"
        reported = (
            replace(deed, why=str(error), remedy=" ".join(filter(None, (error.remedy, deed.remedy)))) for deed in deeds
        )
        for deed in islice(reported, 1) if isinstance(error, TooManyWrites) else reported:
            self.report(Remediation(event=event, deed=deed), occasion="")
        if isinstance(error, TooManyWrites):
            self.guard.tripped(error)
        if isinstance(error, CannotReport):
            raise error

    def _ask_when_the_breaker_closes(self, request: ValidationRequest | Review) -> None:
        """Make ``request`` again at the next quarter of an hour; a breaker closes at the fourth.

        Once per subject, event and quarter, however many services ran into an open breaker: otherwise a task definition
        of five services would ask five times, and each of these five times more.
        """
        now_s = int(self.now().timestamp())
        due_s = (now_s // DELAY_MAX_S + 1) * DELAY_MAX_S
        mark = f"revalidation of {request.subject} for {request.provenance.event_id} at {due_s}"
        if self.ledger.happened(mark, now=self.now()):
            return
        again = replace(request, attempt=1) if isinstance(request, ValidationRequest) else request
        delay_s = min(due_s - now_s + 1, DELAY_MAX_S)
        self.queues.request(self.validation_queue_url, (again,), delay_s=delay_s)
        self.ledger.once(mark, now=self.now(), seconds=2 * DELAY_MAX_S)


assert len(WAITS_S) == ATTEMPTS_MAX  # noqa: S101 (one thing said twice)
