"""Look at everything: the newest revision of each family, and every revision that a service or a task runs.

The sweep only asks; it is cut into queue messages, so that no account is too large for it. One message lists one
page of families and asks for the next page.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pullguard.arn import Arn
from pullguard.aws.ecs import Ecs
from pullguard.aws.messaging import Queues
from pullguard.errors import NotNow, Rejected, shown
from pullguard.events import Cause
from pullguard.ledger import Ledger
from pullguard.messages import Look, parse_object
from pullguard.model import TaskDefinition, Unreadable

_TOKEN_MAX_CHARS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What came of one step, for the log."""

    sweep: str
    asked: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Asks for a look at everything, one page of families at a time."""

    ecs: Ecs
    ledger: Ledger
    queues: Queues
    validation_queue_url: str
    sweep_queue_url: str
    now: Callable[[], datetime]

    def step(self, body: str) -> Swept:
        """Sweep one page; raises ``Rejected`` for a message that is neither a schedule's event nor our own."""
        sweep, token = _parse(body)
        cause = Cause(kind="Sweep", event_id=sweep, at=self.now())
        families, next_token = self.ecs.families(token)
        arns = set(self._newest(families))
        if token is None:
            arns |= set(self._in_use())
        asked = self.queues.look(
            self.validation_queue_url, (Look(task_definition=arn, cause=cause) for arn in sorted(arns))
        )
        if next_token:
            self.queues.send(self.sweep_queue_url, {"sweep": sweep, "token": next_token})
        else:
            self.ledger.save_sweep_state({"sweep": sweep, "ended_at": self.now().isoformat()})
        return Swept(sweep=sweep, asked=asked, done=next_token is None)

    def _newest(self, families: tuple[str, ...]) -> Iterator[Arn]:
        for family in families:
            found = self.ecs.describe(family)
            if isinstance(found, Unreadable):
                raise NotNow(f"the newest revision of {family} could not be read: {found}")
            if isinstance(found, TaskDefinition):
                yield found.arn

    def _in_use(self) -> Iterator[Arn]:
        for cluster in self.ecs.clusters():
            services = (use.task_definition for use in self.ecs.services(cluster))
            tasks = (use.task_definition for use in self.ecs.tasks(cluster))
            for text in filter(None, (*services, *tasks)):
                yield Arn.parse(text, service="ecs", resource_type="task-definition")


def _parse(body: str) -> tuple[str, str | None]:
    message: dict[str, Any] = parse_object(body)
    if message.get("detail-type") == "Scheduled Event" and isinstance(message.get("id"), str):
        return message["id"][:64], None
    sweep, token = message.get("sweep"), message.get("token")
    if not isinstance(sweep, str) or not sweep or not (token is None or isinstance(token, str)):
        raise Rejected(f"the message is neither a Scheduled Event nor a step of a sweep: {shown(body)}")
    if len(sweep) > 64 or len(token or "") > _TOKEN_MAX_CHARS:  # noqa: PLR2004 (an event id)
        raise Rejected("the message's sweep or token is longer than any that was ever sent")
    return sweep, token
