"""Move services to a proved successor: each service on its own, and only from the broken revision."""

from dataclasses import dataclass
from typing import Final

from pullguard.alerts import describe
from pullguard.aws.ecs import Ecs
from pullguard.checks.examine import examine
from pullguard.checks.gather import gather
from pullguard.domain.actions import MoveService, Refusal
from pullguard.domain.arn import Arn, family_of, revision_of
from pullguard.domain.errors import Denied, NotNow, PullguardError, shown
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Unreadable
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.opt_in import OBSERVE_ONLY, effective_mode
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import Role
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.scope import tags_of
from pullguard.planning.successor import differences, successor_of
from pullguard.store.entries import Entry
from pullguard.workflows.ecs_writes import EcsWriter
from pullguard.workflows.execute import Executor, Proof
from pullguard.workflows.write_checks import NotWritten

_NAMED: Final = 5
_BETWEEN_MAX: Final = 25


class MovedOn(PullguardError):
    """The service's desired revision is no longer the broken one."""


def hidden_by(successor: Arn, source: TaskDefinition, ecs: Ecs) -> Arn | None:
    """Return the foreign revision registered between ``source`` and ``successor``, or None.

    Revision numbers only grow, so consecutive numbers mean that nothing was registered between a proof and a
    registration. A revision in between is skipped if it is no longer ACTIVE or is another of our copies; the search
    then continues with the one before it. The search covers at most the 25 newest: the others are older than the
    proof. Raises ``NotNow`` if the revisions cannot be read.
    """
    newest = revision_of(successor) - 1
    for before in range(newest, max(source.revision, newest - _BETWEEN_MAX), -1):
        found = ecs.describe(f"{source.family}:{before}")
        if isinstance(found, Unreadable):
            raise NotNow(f"whether a copy hides {source.family}:{before} could not be read: {found}")
        if isinstance(found, TaskDefinition) and found.status == "ACTIVE" and successor_of(found, source) is None:
            return found.arn
    return None


def hides(successor: Arn, hidden: Arn, source: Arn) -> str:
    """Explain that ``successor`` became the newest revision in place of ``hidden``."""
    return (
        f"another caller registered {hidden.resource_name} at the same moment, and {successor.resource_name}, "
        f"a copy of {source.resource_name}, is newer than it"
    )


def show_again(successor: Arn, hidden: Arn) -> str:
    """Describe how to make ``hidden`` the newest revision again."""
    return (
        f"Deregister {successor.resource_name}, so that {hidden.resource_name} is the newest revision again: "
        f"aws ecs deregister-task-definition --region {successor.region} --task-definition {successor}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many services were moved, and why the others were not."""

    moved: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """The outcome of one service; ``changed`` means that its desired revision differs from the proved one."""

    moved: bool = False
    changed: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Moves services. Each has its own outcome; one that cannot be moved does not block the others."""

    executor: Executor
    ecs: Ecs

    def move(self, moves: tuple[MoveService, ...], proof: Proof, request: ValidationRequest, message_id: str) -> Moved:
        """Move the services to the successor, once it is validated, healthy, and exactly what Pullguard registers.

        Raises ``Denied`` if that could not be read.
        """
        successor, source = moves[0].after, proof.facts.task_definition
        entry = self.executor.ledger.entries.get(successor)
        if not entry.seen:
            self.executor.revalidate(
                ValidationRequest(task_definition=successor, provenance=request.provenance), request
            )
            return Moved(why="its successor is yet to be validated")
        if (hidden := hidden_by(successor, source, self.ecs)) is not None:
            why = hides(successor, hidden, source.arn)
            self.executor.report_failed(moves, why, message_id=message_id, remedy=show_again(successor, hidden))
            return Moved(why=why)
        if (why_not := self._still_broken(successor, entry) or self._strayed(moves[0])) is not None:
            self.executor.report_failed(moves, why_not, message_id=message_id)
            return Moved(why=why_not)
        role = proof.facts.role.arn if isinstance(proof.facts.role, Role) else None
        outcomes = tuple(self._move(move, role, request, message_id) for move in moves)
        if any(each.changed for each in outcomes):  # otherwise the next validation would end here and ask again
            self.executor.revalidate(request)
        whys = dict.fromkeys(each.why for each in outcomes if each.why)
        return Moved(moved=sum(each.moved for each in outcomes), why="; ".join(whys))

    def _move(self, move: MoveService, role: Arn | None, request: ValidationRequest, message_id: str) -> _Outcome:
        """Move one service and report the outcome."""
        if self.executor.ledger.families.was_moved(move.service, move.before, move.after):
            refusal = _moved_back(move)
            self.executor.report(Remediation(event="Remediation Refused", deed=describe(refusal)), message_id="")
            return _Outcome(why=refusal.why)
        writer, scope = EcsWriter(executor=self.executor), f"service {move.service}"
        done = Remediation(
            event="Remediation Completed", deed=describe(move), before=str(move.before), after=str(move.after)
        )
        try:
            writer.check(scope, role=role, family=family_of(move.before))
            self._prove(move)  # do not record a move that must not happen
            writer.write(done, request, lambda: self._proved_move(move), scope=scope, role=role, message_id=message_id)
        except MovedOn as error:
            return _Outcome(changed=True, why=str(error))
        except Denied as error:
            self.executor.report_failed((move,), str(error), message_id=message_id)
            return _Outcome(why=str(error))
        except NotWritten as error:
            self.executor.report_not_written((describe(move),), error, request)
            return _Outcome(why=str(error))
        self.executor.ledger.families.keep_move(move.service, move.before, move.after)
        self.executor.report(done, message_id=message_id)
        return _Outcome(moved=True, changed=True)

    def _proved_move(self, move: MoveService) -> None:
        """Move a service right after reading its desired revision.

        UpdateService takes no condition, so a race of milliseconds remains (docs/threat-model.md).
        """
        self._prove(move)
        self.ecs.move_service(move.cluster, move.service, move.after)

    def _prove(self, move: MoveService) -> None:
        """Raise ``MovedOn`` if another revision was deployed meanwhile; a move would undo that deployment."""
        if self.ecs.own_revision(move.cluster, move.service) != str(move.before):
            raise MovedOn(f"{move.service} runs, or will run, another revision now")

    def _strayed(self, move: MoveService) -> str | None:
        """Describe how the successor differs from what Pullguard registers; None if it does not.

        The comparison uses the raw responses: the SDK's parser drops members that it does not know.
        """
        (_, source, _), (_, successor, _) = (self.ecs.describe_raw(str(arn)) for arn in (move.before, move.after))
        strayed = differences(source["taskDefinition"], successor["taskDefinition"], move.changes)
        if not strayed:
            return None
        named = ", ".join(map(shown, strayed[:_NAMED]))
        before, after = move.before.resource_name, move.after.resource_name
        return f"{after} says by its tag that Pullguard registered it from {before}, but it differs in {named}"

    def _still_broken(self, successor: Arn, entry: Entry) -> str | None:
        """Explain why a service should not run ``successor`` yet; None if all its checks pass and no tag forbids it.

        An executor reads no secret values, so findings about values come from the validator's open findings.
        """
        facts = gather(str(successor), self.executor.readers(), now=self.executor.now())
        if not isinstance(facts, Facts):
            return f"{successor} could not be described"
        if effective_mode(self.executor.mode, *tags_of(facts)) == "observe":
            return f"of {successor}, its role or a secret of it, {OBSERVE_ONLY}"
        known = (record.finding for record in entry.findings if record.is_open)
        broken = {each.check for each in (*examine(facts).findings, *known) if each.severity == "error"}
        return f"{successor} would not start either: {', '.join(sorted(broken))}" if broken else None


def _moved_back(move: MoveService) -> Refusal:
    before, after = move.before.resource_name, move.after.resource_name
    family = family_of(move.before)
    return Refusal(
        kind="move-service",
        task_definition=move.before,
        target=move.service,
        why=f"Pullguard moved it from {before} to {after} before, and it has been moved back since",
        remedy=f"Find out who, and why. `pullguard resume --family {family}` lets Pullguard move it once more.",
        snippet=f"pullguard resume --family {family}",
        findings=(),
    )
