"""Validate one task definition: gather facts, run the checks, store and report the findings, request the fix."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final, assert_never

from pullguard.alerts import describe
from pullguard.aws.messaging import Queues
from pullguard.aws.once import Once
from pullguard.checks.catalogue import broken_by
from pullguard.checks.examine import Examination, examine, unread_task_definition
from pullguard.checks.gather import Readers, gather_about
from pullguard.domain.actions import Action, Grant, Mode, MoveService, Plan, Redeploy, Refusal, Reregister
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Missing, Unreadable
from pullguard.domain.messages import (
    LISTED,
    MAYBE_UNUSED,
    RECEIVES_MAX,
    UNLISTED,
    FamilyRequest,
    Home,
    Review,
    ValidationRequest,
    parse_message,
)
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.provenance import check_time
from pullguard.domain.references import references_of
from pullguard.domain.remediation import Remediation
from pullguard.domain.secret import RotationEnd, Secret
from pullguard.domain.task_definition import TaskDefinition, proved_role_arn
from pullguard.domain.usage import Usage
from pullguard.events import is_rotation
from pullguard.incidents.finding_lifecycle import advance
from pullguard.planning.planner import Rules, distinct, make_plan, next_actions
from pullguard.planning.preview import after_registering, in_words
from pullguard.planning.redeployment import redeployments, verified
from pullguard.planning.role_needs import without_other_stacks
from pullguard.planning.scope import in_scope, is_certain, is_gone, not_answered, tags_of
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept, ServiceStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.report import Reporter

FAILED_START: Final = "ECS Task State Change"
OBSERVES: Final = "Pullguard only observes here (parameter Mode, or a tag pullguard:mode)"
# A single queue group, so that services are redeployed one after another, regardless of what they run.
_REDEPLOYMENTS: Final = "redeployments"
# When a message comes back whose questions AWS did not answer, after each of its receives but the last.
COMES_BACK_S: Final = (15, 60, 240)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The outcome of a validation, logged; ``certain`` is whether everything that affects its needs could be read.

    ``task_definition`` is the name of a family if no revision of it could be described. ``cause`` is the kind of the
    request's provenance.
    """

    task_definition: str
    findings: int
    told: int
    asked: int
    certain: bool = True
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A review forwarded to the grant queue, logged."""

    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """Validates task definitions. Create one per batch, since ``readers`` cache their answers. Thread-safe.

    ``policy`` is the name of this stack's policy on roles.
    """

    readers: Readers
    ledger: Ledger
    definition_store: TaskDefinitionStore
    services: ServiceStore
    reporter: Reporter
    queues: Queues
    validation_queue_url: str
    grant_queue_url: str
    reregister_queue_url: str
    mode: Mode
    rules: Rules
    policy: str
    home: Home
    now: Callable[[], datetime]
    done: dict[tuple[Arn, bool, bool], Validated] = field(default_factory=dict)
    turns: dict[str, Lock] = field(default_factory=dict)
    once: Once = field(default_factory=Once)

    def run(self, body: str, *, message_id: str, receives: int, receipt_handle: str) -> Validated | Forwarded:
        """Process the message ``body``, received for the ``receives``-th time.

        Raises ``Rejected`` if it is not a message for the validator, and ``NotNow`` if AWS did not answer: the message
        comes back soon. On its last receive it is validated with what could be read.
        """
        message = parse_message(body)
        check_time(message.provenance, now=self.now())
        try:
            match message:
                case ValidationRequest():
                    return self.validate(message, message_id=message_id, receives=receives)
                case FamilyRequest():
                    return self._validate_newest(message, message_id, receives)
                case Review():
                    return self._forward(message, message_id)
        except NotNow:
            if receives < RECEIVES_MAX:
                self.queues.postpone(self.validation_queue_url, receipt_handle, seconds=COMES_BACK_S[receives - 1])
            raise
        assert_never(message)

    def expect(self, bodies: Iterable[str]) -> None:
        """Name the messages of the batch before the first is processed, so that they share calls."""
        self.readers.expect(filter(None, map(_family_in, bodies)))

    def _forward(self, review: Review, message_id: str) -> Forwarded:
        """Forward a review to the grant queue: a FIFO queue cannot delay a message, and its consumers cannot send."""
        self.home.admit(review.role)
        self.queues.command(self.grant_queue_url, review, group=str(review.role), message_id=message_id)
        return Forwarded(role=str(review.role))

    def validate(self, request: ValidationRequest, *, message_id: str, receives: int = RECEIVES_MAX) -> Validated:
        """Validate the task definition of ``request``; ``message_id`` is the id of its message.

        Messages of one batch about the same task definition share one answer, and are handled one after another. Raises
        ``Rejected`` for a task definition of another account or Region, and ``NotNow`` as ``run`` does.
        """
        validated = self._validate_once(request, message_id, receives)
        if request.provenance.kind in (LISTED, UNLISTED):
            self.definition_store.answer(
                request.task_definition, request.provenance.event_id, certain=validated.certain
            )
        return validated

    def _validate_newest(self, request: FamilyRequest, message_id: str, receives: int) -> Validated:
        """Validate the newest revision of a family.

        If AWS does not say which it is, the answer is not certain, and the sweep asks for what it knows of the family.
        """
        found = self.readers.task_definition(request.family)
        if isinstance(found, Unreadable) and found.is_passing and receives < RECEIVES_MAX:
            raise NotNow(str(found))
        newest = found.arn if isinstance(found, TaskDefinition) else None
        if newest is None:
            # Not even if it is missing: the sweep has just listed it.
            validated = Validated(
                task_definition=request.family,
                findings=0,
                told=0,
                asked=0,
                certain=False,
                cause=request.provenance.kind,
            )
        else:
            about_newest = ValidationRequest(task_definition=newest, provenance=request.provenance)
            validated = self._validate_once(about_newest, message_id, receives)
        self.definition_store.answer_family(
            request.family, request.provenance.event_id, newest, certain=validated.certain
        )
        return validated

    def _validate_once(self, request: ValidationRequest, message_id: str, receives: int) -> Validated:
        self.home.admit(request.task_definition)
        question = (request.task_definition, request.provenance.kind == FAILED_START, self._may_redeploy(request))
        with self.turns.setdefault(str(request.task_definition), Lock()):
            if question not in self.done or request.provenance.kind in MAYBE_UNUSED:
                self.done[question] = self._validate(request, message_id, receives)
            return replace(self.done[question], cause=request.provenance.kind)

    def _validate(self, request: ValidationRequest, message_id: str, receives: int) -> Validated:
        now = self.now()

        # gather
        facts = self._gather(request, now)
        entry = self.ledger.entries.get(request.task_definition)

        # decide
        examination, facts = self._examine(request, facts, entry)
        unanswered = not_answered(facts, examination)
        if unanswered is not None and receives < RECEIVES_MAX:
            raise NotNow(str(unanswered))
        examination = self._as_observed(examination, facts)
        gone = is_gone(facts)
        changed = advance(
            entry.findings,
            examination.findings,
            broken_by=broken_by,
            passed=examination.passed,
            proved_at=examination.proved_at,
            gone=gone,
            now=now,
        )
        plan = self._plan(facts, examination.findings) if isinstance(facts, Facts) else Plan()

        # apply
        if isinstance(facts, Facts) and not gone:
            grants = dict.fromkeys(self._grants(plan, facts), now)
            self.ledger.entries.keep_references(request.task_definition, entry, references_of(facts), grants)
            self._keep_services(facts)
        reported = self.reporter.findings(request.task_definition, entry.findings, changed, now=now)
        if gone:
            self._forget(request, entry)
        if isinstance(facts, Facts):
            self._keep_accepted(request, entry, facts, plan)
        asked = self._act(plan, facts, examination.findings, request, message_id) if isinstance(facts, Facts) else 0
        if isinstance(facts, Facts) and not any(each.severity == "error" for each in examination.findings):
            asked += self._redeploy(facts, request, message_id, now)
        return Validated(
            task_definition=str(request.task_definition),
            findings=len(examination.findings),
            told=len(reported),
            asked=asked,
            certain=is_certain(facts),
        )

    def _keep_services(self, facts: Facts) -> None:
        """Store the services that run it, if they were read: an alert names them, and cannot read them again."""
        if isinstance(facts.usage, Usage):
            for service in facts.usage.services:
                if not service.beside:
                    self.services.keep(service.long_arn, Kept.of(service))

    def _forget(self, request: ValidationRequest, entry: Entry) -> None:
        """Delete what is out of scope, the entry itself last, so that a sweep asks again after a crash."""
        if entry.seen:
            self.ledger.entries.forget_references(request.task_definition, entry)
        if entry.seen or request.provenance.kind in (LISTED, UNLISTED):
            self.definition_store.forget(request.task_definition)

    def _gather(self, request: ValidationRequest, now: datetime) -> Facts | Missing | Unreadable:
        found = self.readers.task_definition(str(request.task_definition))
        if isinstance(found, TaskDefinition):
            facts = gather_about(found, self.readers, now=now)
            return facts.with_rotation_ends(self._rotation_ends(facts)).with_granted_keys(self._granted_keys(facts))
        return found if isinstance(found, Missing | Unreadable) else Missing(resource=str(request.task_definition))

    def _granted_keys(self, facts: Facts) -> dict[Arn, Arn | None]:
        """Read the role's grant records if the role or a secret is gone: they show how to replace it."""
        role = proved_role_arn(facts.task_definition)
        if role is None or not any(isinstance(each, Missing) for each in (facts.role, *facts.secrets.values())):
            return {}
        return {granted.secret: granted.key for granted in self.ledger.roles.granted(role)}

    def _rotation_ends(self, facts: Facts) -> dict[Arn, RotationEnd]:
        """Read how the last rotations of the secrets ended; AWS does not report failed rotations later."""
        rotated = [each.arn for each in facts.secrets.values() if isinstance(each, Secret) and each.rotation.enabled]
        return {arn: end for arn in rotated if (end := self._rotation_end(arn)) is not None}

    def _rotation_end(self, secret: Arn) -> RotationEnd | None:
        return self.once(("rotation-end", secret), lambda: self.ledger.rotations.end(secret))

    def _examine(
        self, request: ValidationRequest, facts: Facts | Missing | Unreadable, entry: Entry
    ) -> tuple[Examination, Facts | Missing | Unreadable]:
        """Run the checks; read the usage, and list tasks, only if that may decide something: it costs API calls."""
        nothing = Examination.of()
        if isinstance(facts, Missing):
            return nothing, facts
        if isinstance(facts, Unreadable):
            return Examination.of(unread_task_definition(request.task_definition, facts)), facts
        first = examine(facts)
        asks = request.provenance.kind in {FAILED_START, *MAYBE_UNUSED} or self._may_redeploy(request)
        is_open = leaves_open(entry, first)
        alone = without_other_stacks(facts, self.policy)
        if not (first.findings or asks or facts.accepted or is_open or (alone and examine(alone).findings)):
            return first, facts
        tasks = request.provenance.kind == FAILED_START or is_open
        usage = self.readers.usage(facts.task_definition, tasks=tasks)
        facts = facts.with_usage(usage).with_had_pulled(entry.had_pulled)
        if facts.accepted and isinstance(facts.usage, Usage) and facts.usage.has_pulled:
            self.ledger.entries.keep_pulled(request.task_definition, now=facts.now)
        return (examine(facts) if in_scope(facts) else nothing), facts

    def _plan(self, facts: Facts, findings: tuple[Finding, ...]) -> Plan:
        """Plan what to do; access that another stack has granted does not count, since that stack may revoke it."""
        plan, alone = make_plan(facts, findings, self.rules), without_other_stacks(facts, self.policy)
        if alone is None or not in_scope(facts):
            return plan
        planned = {each.secret for each in plan.actions if isinstance(each, Grant)}
        actions = make_plan(alone, examine(alone).findings, self.rules).actions
        grants = (each for each in actions if isinstance(each, Grant) and each.secret not in planned)
        return replace(plan, actions=(*grants, *plan.actions))

    def _as_observed(self, examination: Examination, facts: Facts | Missing | Unreadable) -> Examination:
        """Mark the findings in observe mode: an alert must not announce a fix that does not follow."""
        tags = tags_of(facts) if isinstance(facts, Facts) else ()
        if effective_mode(self.mode, *tags) == "remediate":
            return examination
        return replace(examination, findings=tuple(replace(each, observed=True) for each in examination.findings))

    def _keep_accepted(self, request: ValidationRequest, entry: Entry, facts: Facts, plan: Plan) -> None:
        """Store the registries' answers for the executors; the current answer replaces an earlier one."""
        asks = next_actions(plan) and effective_mode(self.mode, *tags_of(facts)) == "remediate"
        accepted = facts.accepted if asks else {}
        if accepted or entry.accepted:
            self.ledger.entries.keep_accepted(request.task_definition, accepted, now=facts.now)

    def _grants(self, plan: Plan, facts: Facts) -> tuple[Grant, ...]:
        """Return the grants that ``_act`` asks for."""
        if effective_mode(self.mode, *tags_of(facts)) == "observe":
            return ()
        return tuple(each for each in next_actions(plan) if isinstance(each, Grant))

    def _act(
        self, plan: Plan, facts: Facts, findings: tuple[Finding, ...], request: ValidationRequest, message_id: str
    ) -> int:
        """Request the next actions from the executors, or report what would be done; report refused actions."""
        now = self.now()
        for refusal in distinct(plan.refusals):
            self.reporter.remediation(Remediation(event="Remediation Refused", deed=describe(refusal)), now=now)
        actions = next_actions(plan)
        mode = effective_mode(self.mode, *tags_of(facts))
        if mode == "observe":
            then = in_words(after_registering(facts, findings, plan, self.rules))
            for action in plan.actions:
                why = f"{OBSERVES}. {then}" if then and isinstance(action, Reregister) else OBSERVES
                deed = describe(action, why)
                self.reporter.remediation(Remediation(event="Remediation Planned", deed=deed), now=now)
            return 0
        for action in actions:
            self._ask(action, request, message_id)
        return len(actions)

    def _may_redeploy(self, request: ValidationRequest) -> bool:
        return self.rules.redeploy_on_rotation and is_rotation(request.provenance)

    def _redeploy(self, facts: Facts, request: ValidationRequest, message_id: str, now: datetime) -> int:
        """Request a redeployment after a rotation whose credentials were accepted, or report what would be done."""
        proofs = verified(facts) if self._may_redeploy(request) else ()
        steps = redeployments(facts, proofs, request.provenance)
        for refusal in (step for step in steps if isinstance(step, Refusal)):
            self.reporter.remediation(Remediation(event="Remediation Refused", deed=describe(refusal)), now=now)
        actions = tuple(step for step in steps if isinstance(step, Redeploy))
        if not actions:
            return 0
        if effective_mode(self.mode, *tags_of(facts)) == "observe":
            for action in actions:
                deed = describe(action, OBSERVES)
                self.reporter.remediation(Remediation(event="Remediation Planned", deed=deed), now=now)
            return 0
        self.ledger.entries.keep_verified(request.task_definition, proofs, now=now)
        self._ask(actions[0], request, message_id)
        return 1

    def _ask(self, action: Action, request: ValidationRequest, message_id: str) -> None:
        family = family_of(request.task_definition)
        match action:
            case Grant():
                self.queues.command(self.grant_queue_url, request, group=str(action.role), message_id=message_id)
            case Reregister() | MoveService():
                self.queues.command(self.reregister_queue_url, request, group=family, message_id=message_id)
            case Redeploy():
                self.queues.command(self.reregister_queue_url, request, group=_REDEPLOYMENTS, message_id=message_id)
            case _:
                assert_never(action)


def _family_in(body: str) -> str | None:
    """Return the family that a message is about; None if it is about none."""
    try:
        message = parse_message(body)
    except Rejected:
        return None
    match message:
        case FamilyRequest(family=family):
            return family
        case ValidationRequest(task_definition=arn):
            return family_of(arn)
        case Review():
            return None
    assert_never(message)


def leaves_open(entry: Entry, examination: Examination) -> bool:
    """Whether an open finding is still undecided: the revision's usage may decide it."""
    return any(each.is_open and each.finding.id not in examination.passed for each in entry.findings)


assert len(COMES_BACK_S) == RECEIVES_MAX - 1  # noqa: S101 (two constants that must agree)
