"""Register a corrected revision, move services to it once it is proved, and redeploy services after rotations."""

from dataclasses import dataclass, replace
from typing import Any, Final

from pullguard.alerts import describe
from pullguard.aws.ecs import Ecs
from pullguard.domain.actions import Action, MoveService, Refusal, Reregister
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.errors import Denied, NotNow, shown
from pullguard.domain.lookup import Unreadable
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.provenance import check_time
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import Role
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Usage
from pullguard.planning.reregister import (
    CannotReregister,
    NotTheNewest,
    UnknownMembers,
    build_request,
    uncopied_members,
    unknown_members,
)
from pullguard.workflows.ecs_writes import EcsWriter
from pullguard.workflows.execute import Executor, Proof
from pullguard.workflows.move_services import Mover, hidden_by, hides, show_again
from pullguard.workflows.redeploy import NOTHING, Redeployer
from pullguard.workflows.write_checks import NotWritten

# The new revision carries a tag that names its source, so every run can see that the work is done. While that tag may
# not be visible yet, or a crashed run may still have registered a revision, the lock keeps other runs from registering.
LOCK_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregistered:
    """The outcome of a message, logged."""

    task_definition: str
    registered: str | None = None
    moved: int = 0
    redeployed: str | None = None
    why: str = ""


def request_of(action: Reregister, ecs: Ecs) -> dict[str, Any]:
    """Describe the family now, and return the RegisterTaskDefinition request of ``action``.

    This describes the family, not the revision, so that the same response proves that the revision is still the newest.
    Raises ``NotTheNewest`` if it is not, and ``CannotReregister`` if the request must not be made for another reason.
    AWS errors propagate.
    """
    members, source = ecs.register_members(), str(action.task_definition)
    described, answer, tags = ecs.describe_raw(family_of(action.task_definition))
    if (newest := described.get("taskDefinitionArn")) != source:
        why = f"{shown(str(newest).rpartition('/')[2])} is the newest revision of its family by now"
        raise NotTheNewest(source, why, "Check that revision.")
    if unknown := (*uncopied_members(answer), *unknown_members(answer["taskDefinition"], members)):
        raise UnknownMembers(source, unknown)
    return build_request(described, tags, action.changes, members, action.task_definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregisterer:
    """Registers revisions and moves services."""

    executor: Executor
    ecs: Ecs

    def receive(self, body: str, *, message_id: str) -> Reregistered:
        """Process the message ``body``; raises ``Rejected`` if it is not a validation request."""
        request = ValidationRequest.parse(body)
        check_time(request.provenance, now=self.executor.now())
        return self.run(request, message_id=message_id)

    def run(self, request: ValidationRequest, *, message_id: str) -> Reregistered:
        """Take the next step for the task definition of ``request``; ``message_id`` is the SQS message."""
        proof = self.executor.prove(request)
        if proof is None:
            return Reregistered(task_definition=str(request.task_definition), why=NOTHING)
        self._report_what_an_earlier_run_did(proof, message_id)
        try:
            for action in proof.actions:
                if isinstance(action, Reregister):
                    return self._register(action, proof, request, message_id)
            if moves := tuple(action for action in proof.actions if isinstance(action, MoveService)):
                return self._move(moves, proof, request, message_id)
        except NotTheNewest as error:
            self.executor.revalidate(request)
            return Reregistered(task_definition=str(request.task_definition), why=str(error))
        except (CannotReregister, Denied) as error:
            return self._fail(proof.actions, request, str(error), message_id)
        except NotWritten as error:
            self.executor.report_not_written(map(describe, proof.actions), error, request)
            return Reregistered(task_definition=str(request.task_definition), why=str(error))
        return self._redeploy(proof, request, message_id)

    def _register(self, action: Reregister, proof: Proof, request: ValidationRequest, message_id: str) -> Reregistered:
        source, family = action.task_definition, proof.facts.task_definition.family
        executor = self.executor
        role = proof.facts.role.arn if isinstance(proof.facts.role, Role) else None
        executor.guard.admit(role=role, family=family)  # before the lock, which would outlast the stop
        if not executor.ledger.claims.lock(f"reregister {source}", LOCK_S, now=executor.now()):
            executor.revalidate(request, delay_s=LOCK_S)
            return Reregistered(task_definition=str(source), why="just registered, or about to be")
        if (undone := self._undone(source)) is not None:
            executor.report(Remediation(event="Remediation Refused", deed=describe(undone)), message_id="")
            return Reregistered(task_definition=str(source), why=undone.why)
        writer, scope = EcsWriter(executor=executor), f"family {family}"
        writer.check(scope, role=role, family=family)
        request_of(action, self.ecs)  # raises before anything is recorded if it must not be registered
        deed = Remediation(event="Remediation Completed", deed=describe(action), before=str(source))
        new = writer.write(
            deed,
            request,
            lambda: self.ecs.register(request_of(action, self.ecs)),
            scope=scope,
            role=role,
            message_id=message_id,
        )
        executor.ledger.families.keep_reregistered(source, new)
        executor.report(replace(deed, after=str(new)), message_id=message_id)
        executor.revalidate(ValidationRequest(task_definition=new, provenance=request.provenance), request)
        if (hidden := hidden_by(new, proof.facts.task_definition, self.ecs)) is not None:
            why = hides(new, hidden, source)
            executor.report_failed((action,), why, message_id=message_id, remedy=show_again(new, hidden))
        return Reregistered(task_definition=str(source), registered=str(new))

    def _undone(self, source: Arn) -> Refusal | None:
        """Refuse to register again what was deregistered by hand; None if it was not (docs/adr/0023).

        Raises ``NotNow`` if that cannot be read, or if ECS does not show the registered revision yet.
        """
        new = self.executor.ledger.families.reregistered(source)
        if new is None:
            return None
        found = self.ecs.describe(str(new))
        if isinstance(found, Unreadable):
            raise NotNow(f"the state of {new} could not be read: {found}")
        if isinstance(found, TaskDefinition) and found.status == "ACTIVE":
            raise NotNow(f"{new} is registered, and ECS does not say yet that it is the newest of its family")
        family = family_of(source)
        return Refusal(
            kind="reregister",
            task_definition=source,
            target=family,
            why=f"{new.resource_name}, which Pullguard registered in its place, is not active any more: it was undone",
            remedy=f"Find out why. `pullguard resume --family {family}` lets Pullguard register it once more.",
            snippet=f"pullguard resume --family {family}",
            findings=(),
        )

    def _move(
        self, moves: tuple[MoveService, ...], proof: Proof, request: ValidationRequest, message_id: str
    ) -> Reregistered:
        outcome = Mover(executor=self.executor, ecs=self.ecs).move(moves, proof, request, message_id)
        return Reregistered(task_definition=str(request.task_definition), moved=outcome.moved, why=outcome.why)

    def _redeploy(self, proof: Proof, request: ValidationRequest, message_id: str) -> Reregistered:
        outcome = Redeployer(executor=self.executor, ecs=self.ecs).run(proof, request, message_id=message_id)
        return Reregistered(task_definition=str(request.task_definition), redeployed=outcome.service, why=outcome.why)

    def _report_what_an_earlier_run_did(self, proof: Proof, message_id: str) -> None:
        """Report what an earlier run of the same message wrote but did not report; nothing is reported twice.

        This also records in the ledger the registration that the run did not record.
        """
        usage = proof.facts.usage
        successor = usage.successor if isinstance(usage, Usage) else None
        if successor is None:
            return  # it registered nothing, or that is unknown
        to_move = {action.service for action in proof.actions if isinstance(action, MoveService)}
        for intent in self.executor.ledger.intents.of(message_id):
            if intent.deed.kind != "redeploy" and intent.deed.target not in to_move:
                if intent.deed.kind == "reregister":
                    self.executor.ledger.families.keep_reregistered(intent.task_definition, successor)
                self.executor.report(replace(intent, after=str(successor)), message_id=message_id)

    def _fail(self, actions: tuple[Action, ...], request: ValidationRequest, why: str, message_id: str) -> Reregistered:
        self.executor.report_failed(actions, why, message_id=message_id)
        return Reregistered(task_definition=str(request.task_definition), why=why)
