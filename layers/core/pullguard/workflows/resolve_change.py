"""Turn an event into validation requests: one for each task definition that the change may affect."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, assert_never

from pullguard.aws.messaging import Queues
from pullguard.domain.arn import Arn, SecretReference, family_of
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.lookup import Lookup, Missing, Unreadable
from pullguard.domain.messages import SIBLING, Home, ValidationRequest
from pullguard.domain.provenance import check_time
from pullguard.domain.references import role_name, secret_name
from pullguard.domain.secret import RotationEnd
from pullguard.domain.task_definition import TaskDefinition
from pullguard.events import (
    KeyChanged,
    PolicyChanged,
    RoleChanged,
    RotationChanged,
    SecretChanged,
    ServiceChanged,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    Trigger,
    begins_rotation,
    current_value_of,
    debounced_resource,
    deduplication_key,
    parse_event_text,
    sequence,
)
from pullguard.store.claims import Mark
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept, ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore

# While the ledger is empty, every event would ask for a first sweep: one event asks, and none does for this long after.
_FIRST_SWEEP_S: Final = 900
# A run that claimed a change and crashed requested no validation: after its time limit, another run may claim it.
CLAIM_S: Final = 60
# CloudTrail's copy of an event arrives seconds, sometimes minutes, after the native one.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
COPIES_S: Final = 600
# A service whose tasks cannot start retries after seconds; its task definition is validated once in this time.
STOPS_S: Final = 60
# The functions' clocks differ by less than this.
CLOCKS_S: Final = 1
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
_DELAY_MAX_S: Final = 900
# An item of DynamoDB has at most 400 KB: the mark names so many dependents at most, with 12 bytes each.
_COVERED_MAX: Final = 20_000
# A run that requests the later validations is nearly done. Other runs wait this often and long for it, then request
# them, too.
_WAITS: Final = 5
_WAIT_S: Final = 0.2


class TaskDefinitions(Protocol):
    """The only AWS lookup that resolving a change may need."""

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe the newest ACTIVE revision of a family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The outcome of an event, logged.

    ``asked`` is how many of the ``affected`` task definitions are to be validated. ``cold`` means that the ledger was
    still empty, so that a sweep was requested. ``copy`` means that another event reported the same change before, so
    that no validation was requested again. ``delay_s`` is how long the validations wait for more changes.
    ``debounced`` means that validations that are still waiting will see the change, so that none was requested.
    """

    kind: str
    event_id: str
    affected: int
    asked: int = 0
    cold: bool = False
    copy: bool = False
    delay_s: int = 0
    debounced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResolver:
    """Turns events into validation messages.

    ``debounce_s`` is the time in which further permission and tag changes of one resource share one validation of each
    dependent, made at its end; 0 validates each change at once.
    """

    readers: TaskDefinitions
    ledger: Ledger
    definition_store: TaskDefinitionStore
    services: ServiceStore
    starts: StartStore
    queues: Queues
    validation_queue_url: str
    sweep_queue_url: str
    home: Home
    debounce_s: int
    now: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep

    def resolve(self, body: str) -> Resolved:
        """Request a validation of every task definition that the event in ``body`` may affect.

        Raises ``Rejected``, with the reason, if the event cannot be used.
        """
        trigger = parse_event_text(body)
        check_time(trigger.provenance, now=self.now())
        affected = tuple(self._affected(trigger))
        for arn in affected:  # a rule may forward other accounts' events to this bus
            self.home.admit(arn)
        self._keep_place(trigger, affected)
        if not affected:
            return self._ask(trigger, affected)
        if (resource := debounced_resource(trigger)) is not None:
            return self._debounce(trigger, resource, affected)
        return self._ask_unless_copy(trigger, affected)

    def _ask_unless_copy(self, trigger: Trigger, affected: tuple[Arn, ...]) -> Resolved:
        """Request the validations, unless another event has reported the same change."""
        # A validation requested after a change sees it, so copies of its event need no validation of their own. But a
        # later event may find more dependents, or report a label that moved back: then it is not a copy.
        change = (sequence(trigger), f"{deduplication_key(trigger)} {_digest(affected)}")
        if not self.ledger.claims.claim_change(*change, seconds=CLAIM_S, now=self.now()):
            kind, event_id = trigger.provenance.kind, trigger.provenance.event_id
            return Resolved(kind=kind, event_id=event_id, affected=len(affected), copy=True)
        try:
            resolved = self._ask(trigger, affected)
        except BaseException:
            self.ledger.claims.record_change(*change, seconds=0, now=self.now())
            raise
        copies_s = STOPS_S if isinstance(trigger, TaskStopped) else COPIES_S
        self.ledger.claims.record_change(*change, seconds=copies_s, now=self.now())
        return resolved

    def _keep_place(self, trigger: Trigger, affected: tuple[Arn, ...]) -> None:
        """Store where a revision runs or failed to start: only sweeps look for that (docs/adr/0028)."""
        if isinstance(trigger, TaskStarted | TaskStopped):
            self.home.admit(trigger.task_definition)
            self.home.admit(trigger.place)
            self.services.point(family_of(trigger.task_definition), trigger.place, now=self.now())
        if isinstance(trigger, TaskStarted) or (isinstance(trigger, TaskStopped) and not trigger.of_service):
            self.starts.keep_alone(trigger.task_definition, ran=isinstance(trigger, TaskStarted) and trigger.ran)
        if isinstance(trigger, ServiceChanged) and trigger.service is not None:
            self.services.point(family_of(affected[0]), trigger.service, now=self.now())
            self.services.keep(str(trigger.service), Kept(task_definition=str(affected[0])))

    def _debounce(self, trigger: Trigger, resource: str, affected: tuple[Arn, ...]) -> Resolved:
        """Request the validations: at once for the first change, later and together for those that follow.

        A change needs no request of its own for the dependents whose validations have been requested, and are not yet
        due (docs/adr/0029).
        """
        claims, now, event_id = self.ledger.claims, self.now(), trigger.provenance.event_id
        change = f"change of {resource}"
        later = f"later validations, {change}"
        for _ in range(_WAITS):
            if mark := claims.marked(later, now=now):
                return self._ask_later(trigger, affected, later, now, mark)
            if claims.lock(change, self.debounce_s, now=now, by=event_id):
                return self._ask(trigger, affected)
            if claims.begin(later, CLAIM_S, now=now):
                break
            self.pause(_WAIT_S)
        return self._ask_later(trigger, affected, later, now)  # also if the run that claimed them died, or is slow

    def _ask_later(
        self, trigger: Trigger, affected: tuple[Arn, ...], later: str, now: datetime, mark: Mark | None = None
    ) -> Resolved:
        """Request the validations that are not marked, with a delay; mark them until shortly before they are due.

        An earlier ``mark`` gets more members and keeps its end: its validations are due first.
        """
        covered = mark.of if mark else frozenset()
        rest = tuple(arn for arn in affected if _fingerprint(arn) not in covered)
        if not rest:
            kind, event_id = trigger.provenance.kind, trigger.provenance.event_id
            return Resolved(kind=kind, event_id=event_id, affected=len(affected), debounced=True)
        delay_s, covered_s = min(self.debounce_s + CLOCKS_S, _DELAY_MAX_S), 0
        try:
            resolved = self._ask(trigger, rest, delay_s=delay_s)
            covered_s = mark.until_s - int(now.timestamp()) if mark else delay_s - CLOCKS_S
        finally:
            of = sorted(covered.union(map(_fingerprint, rest)))[:_COVERED_MAX]
            self.ledger.claims.mark(later, now=now, seconds=covered_s, of=of)
        return replace(resolved, affected=len(affected))

    def _ask(self, trigger: Trigger, affected: tuple[Arn, ...], *, delay_s: int = 0) -> Resolved:
        """Record how a rotation ended and request the validations, or a sweep while no dependents are known."""
        asked = self._to_ask(trigger, affected)
        if affected and isinstance(trigger, RotationChanged) and trigger.outcome != "started":
            end = RotationEnd(outcome=trigger.outcome, at=trigger.provenance.at, step=trigger.step)
            self.ledger.rotations.keep(trigger.secret, end)
        self.queues.request(self.validation_queue_url, _requests(trigger, asked), delay_s=delay_s)
        kind, event_id = trigger.provenance.kind, trigger.provenance.event_id
        cold = not affected and self.definition_store.sweep_state() is None
        if cold and self.ledger.claims.lock("first sweep", _FIRST_SWEEP_S, now=self.now(), by=event_id):
            self.queues.send(self.sweep_queue_url, {"sweep": _sweep_id(trigger), "token": None})
        return Resolved(
            kind=kind, event_id=event_id, affected=len(affected), asked=len(asked), cold=cold, delay_s=delay_s
        )

    def _to_ask(self, trigger: Trigger, affected: tuple[Arn, ...]) -> tuple[Arn, ...]:
        """Return the task definitions to validate: a single one if the credentials of all are unchanged.

        Before a rotation has moved AWSCURRENT, and after it if all were validated since, one dependent shows whether
        the registry accepts the credentials. If it does not, the incident names the others (docs/adr/0015).
        """
        if begins_rotation(trigger) or self._was_validated_since(trigger, affected):
            return affected[-1:]
        return affected

    def _was_validated_since(self, trigger: Trigger, affected: tuple[Arn, ...]) -> bool:
        """Whether the successful rotation moved AWSCURRENT, and that move requested a validation of all ``affected``.

        Each such move counts for one rotation, the first that ends after it. For another rotation, the move's event is
        still to come or was lost. False if the previous rotation did not succeed, or that is uncertain: then this end
        is news to all dependents.
        """
        if not isinstance(trigger, RotationChanged) or trigger.outcome != "succeeded":
            return False
        secret, before = trigger.secret, self.ledger.rotations.end(trigger.secret)
        if before is not None and not (before.outcome == "succeeded" and before.at < trigger.provenance.at):
            return False
        moved = self.ledger.claims.last_change(current_value_of(secret), now=self.now())
        if moved is None or not (moved.startswith(f"label {secret} ") and moved.endswith(f" {_digest(affected)}")):
            return False
        end = f"end of a rotation of {secret}"
        return self.ledger.claims.claim_change(end, moved, seconds=COPIES_S, now=self.now())

    def _affected(self, trigger: Trigger) -> Iterable[Arn]:
        match trigger:
            case TaskDefinitionRegistered(family=family) | ServiceChanged(family=family):
                arn = trigger.task_definition or self._newest(family)
                return (arn, *self.definition_store.siblings(arn))
            case TaskStopped(task_definition=arn):
                return (arn,)
            case TaskStarted():
                return ()  # a start requests no validation; it only marks the task definition as in use
            case SecretChanged(secret=secret, name=name):
                return self._dependents(*_secret_keys(trigger, secret, name))
            case RotationChanged(secret=secret):
                return self._dependents(*_secret_keys(trigger, secret, _reference(secret).name_without_suffix))
            case KeyChanged(key=key):
                return self._dependents(str(key))
            case PolicyChanged(policy=policy):
                return self._dependents(str(policy))
            case RoleChanged():
                return self._dependents(role_name(trigger.account, trigger.role_name))
        assert_never(trigger)

    def _dependents(self, *things: str) -> Iterable[Arn]:
        return sorted({arn for thing in things for arn in self.ledger.entries.dependents(thing)})

    def _newest(self, family: str) -> Arn:
        """Return the newest revision: CloudTrail omits responses above 100 KB, so an event may name only the family."""
        match self.readers.task_definition(family):
            case TaskDefinition(arn=arn):
                return arn
            case Missing():
                raise Rejected(f"no ACTIVE revision of the family {family} exists any more")
            case Unreadable() as unreadable:
                raise NotNow(f"the newest revision of {family} could not be read: {unreadable}")
            case other:
                raise NotNow(f"the newest revision of {family} was not looked up: {other}")


def _digest(affected: Iterable[Arn]) -> str:
    return hashlib.sha256("\0".join(map(str, affected)).encode()).hexdigest()


def _fingerprint(arn: Arn) -> str:
    """Return a short name of a dependent: two of 20,000 share one with a chance of one in a million."""
    return base64.b64encode(hashlib.sha256(str(arn).encode()).digest()[:6]).decode()


def _requests(trigger: Trigger, affected: tuple[Arn, ...]) -> Iterable[ValidationRequest]:
    """Return the validations to request; siblings of the revision that an event names may no longer be in use."""
    sibling = replace(trigger.provenance, kind=SIBLING)
    named = isinstance(trigger, TaskDefinitionRegistered | ServiceChanged)
    for number, arn in enumerate(affected):
        yield ValidationRequest(task_definition=arn, provenance=sibling if named and number else trigger.provenance)


def _secret_keys(trigger: Trigger, secret: Arn | None, name: str | None) -> Iterable[str]:
    """Return the ledger keys of a secret's dependents: by its name, which outlives its ARN.

    If only a request names the secret, its ARN may be complete or partial, so either reading of it may be the name.
    """
    if secret is None:
        names, region, account = {name}, trigger.region, trigger.account
    else:
        full = _reference(secret)
        names, region, account = (
            {name} if name else {full.name, full.name_without_suffix},
            secret.region,
            secret.account,
        )
    return tuple(secret_name(region, account, each) for each in sorted(filter(None, names)))


def _reference(secret: Arn) -> SecretReference:
    return SecretReference(text=str(secret), name=secret.resource_name, arn=secret)


def _sweep_id(trigger: Trigger) -> str:
    return hashlib.sha256(trigger.provenance.event_id.encode()).hexdigest()[:16]
