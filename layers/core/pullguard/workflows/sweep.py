"""Validate everything: the newest revision of each family, every revision in use, and all that the ledger knows.

The sweep only requests validations. It is split into queue messages, so that no account is too large for it. One
message lists one page of families, requests the validation of each by its name, and asks for the next page. Only the
validation describes a family, once. After the last page ``workflows/settle.py`` waits until all are answered. Once a
family is, its newest revision is known, and the checks request the family's other revisions that are in use or known.

Requests and pages are paced (planning/ecs_quota.py), so that the queue holds no more than a page of them and events
need not wait behind a sweep.

The pages must follow each other: a step runs only if its page is due. A duplicate message only sends the next one
again, and a message that is not due is dropped, so that neither duplicates nor forgeries skip a page.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from pullguard.aws.answers import looked_up
from pullguard.aws.ecs import Ecs
from pullguard.aws.messaging import Queues
from pullguard.domain.arn import Arn, is_family
from pullguard.domain.errors import NotNow, Rejected, shown
from pullguard.domain.lookup import Lookup, Unreadable
from pullguard.domain.messages import (
    LISTED,
    UNLISTED,
    FamilyRequest,
    Message,
    ValidationRequest,
    parse_object,
    request_about,
)
from pullguard.domain.provenance import Provenance, is_event_id
from pullguard.domain.usage import ScheduleUse, ServiceUse, TaskUse
from pullguard.planning.ecs_quota import delays_s, paced_until, wait_s
from pullguard.store.ledger import Ledger
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import FIRST_PAGE, Sweep, TaskDefinitionStore
from pullguard.workflows.settle import WAITS_S, Progress, Settler, remaining

_TOKEN_MAX_CHARS = 8192
# A page that AWS did not answer is asked for again after these seconds, before it waits for the queue's visibility
# timeout and ends as a dead letter.
_AGAIN_S: Final = (15, 60, 240)
# An older revision is described, and so is its family if that decides whether the revision is in use.
_CALLS_A_REVISION: Final = 2


Schedules: TypeAlias = Callable[[Iterable[str]], Lookup[tuple[ScheduleUse, ...]]]
"""Finds the rules and schedules that start tasks of a fixed revision in the given clusters (ARNs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The outcome of one step, logged; ``why`` is the reason if nothing was done.

    ``done`` is whether everything is listed; ``first`` is whether no sweep had completed when this one began.
    """

    sweep: str
    asked: int = 0
    done: bool = False
    first: bool = False
    progress: Progress | None = None
    why: str = ""

    @property
    def measures(self) -> dict[str, int]:
        """The metrics of the step."""
        return self.progress.measures if self.progress else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a sweep: a page of families by its ``token``, or a ``check`` of the answers.

    ``again`` is how often the page was asked for before, without an answer of AWS.
    """

    sweep: str
    token: str = FIRST_PAGE
    check: int | None = None
    again: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Requests a validation of everything, one page of families at a time."""

    ecs: Ecs
    schedules: Schedules
    ledger: Ledger
    definition_store: TaskDefinitionStore
    services: ServiceStore
    starts: StartStore
    settler: Settler
    queues: Queues
    validation_queue_url: str
    sweep_queue_url: str
    now: Callable[[], datetime]

    def step(self, body: str) -> Swept:
        """Run one step; raises ``Rejected`` if the message is neither a schedule's event nor Pullguard's own."""
        step = _parse(body)
        sweep = self._current(step)
        if sweep is None:
            return Swept(sweep=step.sweep, why="another sweep has taken its place")
        if step.check is not None:
            return self._check(sweep, step.check)
        if not sweep.listed and step.token == sweep.due:
            return self._list(sweep, step.again)
        if step.token == sweep.last:
            self._send_next(sweep)
            return Swept(sweep=sweep.id, done=sweep.listed, why="a copy: only the next step was asked for again")
        return Swept(sweep=sweep.id, why="this page is not due")

    def _current(self, step: Step) -> Sweep | None:
        """Return the sweep of ``step``; a first page begins a new one. None if another sweep has replaced it."""
        known = self.definition_store.sweep()
        if known is not None and known.id == step.sweep:
            return known
        begun = f"sweep {step.sweep}"
        if step.check is not None or step.token != FIRST_PAGE or self.ledger.claims.happened(begun, now=self.now()):
            return None
        now = self.now()
        sweep = Sweep(id=step.sweep, began_at=now.isoformat(), first=self.definition_store.complete() is None)
        self.definition_store.begin(sweep)
        self.ledger.claims.mark(begun, now=now)
        return sweep

    def _list(self, sweep: Sweep, again: int) -> Swept:
        """List the due page, for which was asked ``again`` so many times."""
        if sweep.due == FIRST_PAGE and not again:
            self._revalidate_what_waits(sweep)
        page = looked_up(
            "ecs:ListTaskDefinitionFamilies", "the account", lambda: self._page(sweep), outlasts_faults=True
        )
        if isinstance(page, Unreadable) and page.is_passing and again < len(_AGAIN_S):
            self._send_page(sweep, delay_s=_AGAIN_S[again], again=again + 1)
            return Swept(sweep=sweep.id, why=f"this page is asked for again: {page}")
        if not isinstance(page, tuple):
            raise NotNow(f"a page of the families could not be listed: {page}")
        families, following, used = page
        for arn in used:
            self.definition_store.use(arn, sweep.id)
        asked = self._ask_for_families(sweep, families)
        now = self.now()
        after = sweep.turned(following, paced_until(sweep.paced_until, len(families) + 1, now=now))
        if after.listed:
            self.definition_store.save_sweep_state({"sweep": sweep.id, "ended_at": now.isoformat()})
        if not self.definition_store.save(after):
            return Swept(sweep=sweep.id, asked=asked, why="another sweep has taken its place")
        self._send_next(after)
        return Swept(sweep=sweep.id, asked=asked, done=after.listed, first=sweep.first)

    def _page(self, sweep: Sweep) -> tuple[tuple[str, ...], str | None, frozenset[Arn]]:
        """List the due page of families, the token of the next and, with the first page, all revisions in use."""
        families, following = self.ecs.families(sweep.due or None)
        used: frozenset[Arn] = frozenset()
        if sweep.due == FIRST_PAGE:
            clusters = tuple(self.ecs.clusters())
            used = frozenset((*self._in_use(clusters), *self._started(clusters)))
        # A name that ECS itself would refuse must not block the sweep.
        return tuple(filter(is_family, families)), following, used

    def _revalidate_what_waits(self, sweep: Sweep) -> None:
        """Revalidate first what a stop or a hold refused: ``pullguard resume`` may have just ended it.

        The pages cover the same task definitions, but take minutes in a large account.
        """
        now = self.now()
        provenance = Provenance(kind=LISTED, event_id=sweep.id, at=now)
        waiting = self.ledger.holds.waiting(now=now)
        self.queues.request(self.validation_queue_url, (request_about(each, provenance) for each in waiting))

    def _check(self, sweep: Sweep, number: int) -> Swept:
        if not sweep.listed:
            return Swept(sweep=sweep.id, why="not everything is listed yet")
        late = self._ask_for_revisions(sweep, number) if sweep.end is None else 0
        progress = self.settler.check(sweep, number)
        if progress.waits_s is not None:
            self.queues.send(self.sweep_queue_url, {"sweep": sweep.id, "check": number + 1}, delay_s=progress.waits_s)
        return Swept(sweep=sweep.id, asked=late, done=True, first=sweep.first, progress=progress)

    def _send_next(self, sweep: Sweep) -> None:
        if sweep.due is None:
            self.queues.send(self.sweep_queue_url, {"sweep": sweep.id, "check": 0}, delay_s=WAITS_S[0])
        else:
            self._send_page(sweep, delay_s=wait_s(sweep.paced_until, now=self.now()))

    def _send_page(self, sweep: Sweep, *, delay_s: int, again: int = 0) -> None:
        message = {"sweep": sweep.id, "token": sweep.due or None, **({"again": again} if again else {})}
        self.queues.send(self.sweep_queue_url, message, delay_s=delay_s)

    def _ask_for_families(self, sweep: Sweep, families: tuple[str, ...]) -> int:
        now = self.now()
        for family in families:
            self.definition_store.ask_family(family, sweep.id, now=now)
        provenance = Provenance(kind=LISTED, event_id=sweep.id, at=now)
        return self._request([FamilyRequest(family=family, provenance=provenance) for family in families])

    def _ask_for_revisions(self, sweep: Sweep, number: int) -> int:
        """Ask for the known revisions that no request about a family covers; unused ones may be out of scope."""
        known, families = self.definition_store.known(), self.definition_store.families(sweep.id)
        revisions = tuple(remaining(known, families, sweep.id, number))
        for each in revisions:
            self.definition_store.ask(each.task_definition, sweep.id, check=number)
        now = self.now()
        listed, unlisted = (Provenance(kind=kind, event_id=sweep.id, at=now) for kind in (LISTED, UNLISTED))
        requests = [
            ValidationRequest(
                task_definition=each.task_definition, provenance=listed if each.used == sweep.id else unlisted
            )
            for each in revisions
        ]
        return self._request(requests, calls=_CALLS_A_REVISION)

    def _request(self, requests: Sequence[Message], *, calls: int = 1) -> int:
        delays = delays_s(len(requests), calls=calls)
        return self.queues.delayed(self.validation_queue_url, dict(zip(requests, delays, strict=True)))

    def _in_use(self, clusters: Iterable[str]) -> Iterator[Arn]:
        before, services, tasks = self.services.rows(), list[ServiceUse](), list[TaskUse]()
        for cluster in clusters:
            services += self.ecs.services(cluster)
            tasks += self.ecs.tasks(cluster)
        self.services.keep_listed(before, services, tasks, now=self.now())
        for text in sorted({*(use.task_definition for use in services), *(use.task_definition for use in tasks)}):
            yield Arn.parse(text, service="ecs", resource_type="task-definition")

    def _started(self, clusters: Iterable[str]) -> Iterator[Arn]:
        """Yield what starts outside services: by rules and schedules (stored here), and recent standalone starts."""
        found = self.schedules(clusters)
        self.starts.keep_schedules(found)
        yield from (each.task_definition for each in found) if isinstance(found, tuple) else ()
        yield from self.starts.alone()


def _parse(body: str) -> Step:
    message: dict[str, Any] = parse_object(body)
    is_due = message.get("detail-type") == "Scheduled Event"
    sweep, token, check = message.get("id" if is_due else "sweep"), message.get("token"), message.get("check")
    if not isinstance(sweep, str) or not (token is None or isinstance(token, str)):
        raise Rejected(f"the message is neither a Scheduled Event nor a step of a sweep: {shown(body)}")
    if not is_event_id(sweep):  # validation requests carry it as the event id of their provenance
        raise Rejected(f"the message's sweep {shown(sweep)} is not the id of one (letters, digits, dashes)")
    if is_due:
        return Step(sweep=sweep)
    if len(token or "") > _TOKEN_MAX_CHARS:
        raise Rejected("the message's token is longer than any that was ever sent")
    if check is not None and (type(check) is not int or not 0 <= check < len(WAITS_S)):
        raise Rejected(f"the message's check is {shown(repr(check))}, not a number from 0 to {len(WAITS_S) - 1}")
    again = message.get("again", 0)
    if type(again) is not int or not 0 <= again <= len(_AGAIN_S):
        raise Rejected(f'the message\'s "again" is {shown(repr(again))}, not a number from 0 to {len(_AGAIN_S)}')
    return Step(sweep=sweep, token=token or FIRST_PAGE, check=check, again=again)
