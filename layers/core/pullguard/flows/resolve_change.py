"""Something changed: who is affected? Each of them is to be looked at."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, assert_never

from pullguard.arn import Arn
from pullguard.aws.messaging import Queues
from pullguard.errors import NotNow, Rejected
from pullguard.events import (
    KeyChanged,
    RoleChanged,
    RotationChanged,
    SecretChanged,
    ServiceChanged,
    TaskDefinitionRegistered,
    TaskStopped,
    Trigger,
    parse_event_text,
)
from pullguard.ledger import Ledger
from pullguard.messages import Look
from pullguard.model import Lookup, Missing, TaskDefinition, Unreadable
from pullguard.references import role_name, secret_name

# While the ledger is empty, every event would ask for a first sweep: one asks, and for this long nobody else does.
_FIRST_SWEEP_S: Final = 900


class TaskDefinitions(Protocol):
    """The one question that resolving a change may have for AWS."""

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe the newest ACTIVE revision of a family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What came of an event, for the log. ``cold`` is whether the ledger was still empty, and a sweep was asked for."""

    kind: str
    event_id: str
    affected: int
    cold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResolver:
    """Turns events into validation messages."""

    readers: TaskDefinitions
    ledger: Ledger
    queues: Queues
    validation_queue_url: str
    sweep_queue_url: str
    now: Callable[[], datetime]

    def resolve(self, body: str) -> Resolved:
        """Ask for a look at every task definition that the event in ``body`` may affect.

        Raises ``Rejected``, with the reason, for an event that cannot be used.
        """
        trigger = parse_event_text(body)
        affected = tuple(self._affected(trigger))
        self.queues.look(
            self.validation_queue_url, (Look(task_definition=arn, cause=trigger.cause) for arn in affected)
        )
        cold = not affected and self.ledger.sweep_state() is None
        if cold and self.ledger.lease("first sweep", _FIRST_SWEEP_S, now=self.now()):
            self.queues.send(self.sweep_queue_url, {"sweep": _sweep_id(trigger), "token": None})
        return Resolved(kind=trigger.cause.kind, event_id=trigger.cause.event_id, affected=len(affected), cold=cold)

    def _affected(self, trigger: Trigger) -> Iterable[Arn]:
        match trigger:
            case TaskDefinitionRegistered(task_definition=Arn() as arn):
                return (arn,)
            case TaskDefinitionRegistered(family=family):
                return (self._newest(family),)
            case ServiceChanged(task_definition=arn) | TaskStopped(task_definition=arn):
                return (arn,)
            case SecretChanged(secret=secret, name=name):
                return self._dependents(*_secret_keys(trigger.region, trigger.account, secret, name))
            case RotationChanged(secret=secret):
                return self._dependents(*_secret_keys(trigger.region, trigger.account, secret, None))
            case KeyChanged(key=key):
                return self._dependents(str(key))
            case RoleChanged():
                return self._dependents(role_name(trigger.account, trigger.role_name))
        assert_never(trigger)

    def _dependents(self, *things: str) -> Iterable[Arn]:
        return sorted({arn for thing in things for arn in self.ledger.dependents(thing)})

    def _newest(self, family: str) -> Arn:
        """CloudTrail drops answers above 100 KB; then the event names the family only."""
        match self.readers.task_definition(family):
            case TaskDefinition(arn=arn):
                return arn
            case Missing():
                raise Rejected(f"no ACTIVE revision of the family {family} exists any more")
            case Unreadable() as unread:
                raise NotNow(f"the newest revision of {family} could not be read: {unread}")
            case other:
                raise NotNow(f"the newest revision of {family} was not looked up: {other}")


def _secret_keys(region: str, account: str, secret: Arn | None, name: str | None) -> Iterable[str]:
    """Return the keys under which dependents may be remembered: the ARN, and the name, which outlives it."""
    if name is not None:
        yield secret_name(region, account, name)
    if secret is not None:
        full = secret.resource_name
        yield str(secret)
        yield secret_name(secret.region, secret.account, full)
        yield secret_name(secret.region, secret.account, full[:-7])


def _sweep_id(trigger: Trigger) -> str:
    return hashlib.sha256(trigger.cause.event_id.encode()).hexdigest()[:16]
