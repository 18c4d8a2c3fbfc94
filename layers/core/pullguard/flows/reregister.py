"""Register a revision with the right reference, let services run it once it is proved, and redeploy after rotations."""

from dataclasses import dataclass, replace
from typing import Any, Final

from pullguard.alerts import describe
from pullguard.arn import Arn
from pullguard.aws.ecs import Ecs
from pullguard.checks.examine import examine
from pullguard.errors import Denied, shown
from pullguard.flows.brakes import NotWritten
from pullguard.flows.redeploy import NOTHING, Redeployer
from pullguard.flows.writing import Executor, Proof
from pullguard.gather import gather
from pullguard.ledger import Entry
from pullguard.messages import Look
from pullguard.model import Facts, Usage
from pullguard.plan import Action, MoveService, Redeploy, Reregister
from pullguard.remediation import Remediation
from pullguard.remedies.reregister import CannotReregister, UnknownMembers, build_request, unknown_members
from pullguard.remedies.successor import differences

# The new revision carries a tag that names its source, by which everybody sees that the work is done. For as long as
# that may not be visible yet, or a run that died may still have registered, nobody else registers.
LEASE_S: Final = 60
_NAMED: Final = 5
_TRY_AGAIN: Final = "Mend what the reason says; the next validation or sweep tries again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregistered:
    """What came of a message, for the log."""

    task_definition: str
    registered: str | None = None
    moved: int = 0
    redeployed: str | None = None
    why: str = ""


def request_of(action: Reregister, ecs: Ecs) -> dict[str, Any]:
    """Describe the revision now, and return the RegisterTaskDefinition request that ``action`` asks for.

    Raises ``CannotReregister`` where it must not be made; errors of AWS propagate.
    """
    members = ecs.register_members()
    described, wire, tags = ecs.describe_raw(action.task_definition)
    if unknown := unknown_members(wire, members):
        raise UnknownMembers(str(action.task_definition), unknown)
    return build_request(described, tags, action.changes, members, action.task_definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregisterer:
    """Registers revisions and moves services."""

    executor: Executor
    ecs: Ecs

    def run(self, look: Look, *, occasion: str) -> Reregistered:
        """Take the next step for the task definition of ``look``; ``occasion`` is the message's id."""
        proof = self.executor.prove(look)
        if proof is None:
            return Reregistered(task_definition=str(look.task_definition), why=NOTHING)
        self._tell_what_an_earlier_run_did(proof, occasion)
        family = proof.facts.task_definition.family
        try:
            for action in proof.actions:
                if isinstance(action, Reregister):
                    return self._register(action, family, look, occasion)
            if moves := tuple(action for action in proof.actions if isinstance(action, MoveService)):
                return self._move(moves, proof, look, occasion)
        except (CannotReregister, Denied) as error:
            return self._fail(proof.actions, look, str(error), occasion)
        except NotWritten as error:
            self.executor.tell_not_written(map(describe, proof.actions), error, look)
            return Reregistered(task_definition=str(look.task_definition), why=str(error))
        return self._redeploy(proof, look, occasion)

    def _register(self, action: Reregister, family: str, look: Look, occasion: str) -> Reregistered:
        request = request_of(action, self.ecs)
        self.executor.brakes.check(f"family {family}")
        claim = f"reregister {action.task_definition}"
        if not self.executor.ledger.lease(claim, LEASE_S, now=self.executor.now()):
            self.executor.look_again(look, delay_s=LEASE_S)
            return Reregistered(task_definition=str(look.task_definition), why="just registered, or about to be")
        deed = Remediation(event="Remediation Completed", deed=describe(action), before=str(action.task_definition))
        scope = f"family {family}"
        new = self.executor.write(deed, look, lambda: self.ecs.register(request), scope=scope, occasion=occasion)
        self.executor.tell(replace(deed, after=str(new)), occasion=occasion)
        self.executor.look_again(Look(task_definition=new, cause=look.cause), look)
        return Reregistered(task_definition=str(look.task_definition), registered=str(new))

    def _move(self, moves: tuple[MoveService, ...], proof: Proof, look: Look, occasion: str) -> Reregistered:
        successor = moves[0].after
        entry = self.executor.ledger.entry(successor)
        if not entry.seen:
            self.executor.look_again(Look(task_definition=successor, cause=look.cause), look)
            return Reregistered(task_definition=str(look.task_definition), why="its successor is yet to be validated")
        if (why := self._still_broken(successor, entry) or self._strayed(moves[0])) is not None:
            return self._fail(proof.actions, look, why, occasion)
        for move in moves:
            self._move_one(move, look, occasion)
        self.executor.look_again(look)
        return Reregistered(task_definition=str(look.task_definition), moved=len(moves))

    def _move_one(self, move: MoveService, look: Look, occasion: str) -> None:
        scope = f"service {move.service}"
        self.executor.brakes.check(scope)
        done = Remediation(
            event="Remediation Completed", deed=describe(move), before=str(move.before), after=str(move.after)
        )
        self.executor.write(
            done,
            look,
            lambda: self.ecs.move_service(move.cluster, move.service, move.after),
            scope=scope,
            occasion=occasion,
        )
        self.executor.tell(done, occasion=occasion)

    def _redeploy(self, proof: Proof, look: Look, occasion: str) -> Reregistered:
        redeployer = Redeployer(executor=self.executor, ecs=self.ecs)
        redeployer.tell_what_an_earlier_run_did(proof, look, occasion=occasion)
        action = redeployer.next_of(proof, look)
        if not isinstance(action, Redeploy):
            return Reregistered(task_definition=str(look.task_definition), why=action)
        try:
            redeployer.redeploy(action, look, occasion=occasion)
        except Denied as error:
            return self._fail((action,), look, str(error), occasion)
        except NotWritten as error:
            self.executor.tell_not_written((describe(action),), error, look)
            return Reregistered(task_definition=str(look.task_definition), why=str(error))
        return Reregistered(task_definition=str(look.task_definition), redeployed=action.service)

    def _tell_what_an_earlier_run_did(self, proof: Proof, occasion: str) -> None:
        """Tell what a run of the same message wrote and did not come to tell; what is told already stays told."""
        usage = proof.facts.usage
        successor = usage.successor if isinstance(usage, Usage) else None
        if successor is None:
            return  # it registered nothing, or nobody can tell
        to_move = {action.service for action in proof.actions if isinstance(action, MoveService)}
        for intent in self.executor.ledger.intended(occasion):
            if intent.deed.kind != "redeploy" and intent.deed.target not in to_move:
                self.executor.tell(replace(intent, after=str(successor)), occasion=occasion)

    def _strayed(self, move: MoveService) -> str | None:
        """Say in what the successor is another task definition than it has to be; None where it is as we register it.

        What came over the wire is compared: the SDK's parser drops what it does not know.
        """
        (_, source, _), (_, successor, _) = self.ecs.describe_raw(move.before), self.ecs.describe_raw(move.after)
        strayed = differences(source, successor, move.changes)
        if not strayed:
            return None
        named = ", ".join(map(shown, strayed[:_NAMED]))
        before, after = move.before.resource_name, move.after.resource_name
        return f"{after} says by its tag that Pullguard registered it from {before}, but it differs in {named}"

    def _still_broken(self, successor: Arn, entry: Entry) -> str | None:
        """Say why a service should not run ``successor`` yet; None where every check of it passes.

        An executor reads no secret's value, so what is wrong with one is taken from the validator's open findings.
        """
        facts = gather(str(successor), self.executor.readers(), now=self.executor.now())
        if not isinstance(facts, Facts):
            return f"{successor} could not be described"
        known = (record.finding for record in entry.findings if record.is_open)
        broken = {each.check for each in (*examine(facts).findings, *known) if each.severity == "error"}
        return f"{successor} would not start either: {', '.join(sorted(broken))}" if broken else None

    def _fail(self, actions: tuple[Action, ...], look: Look, why: str, occasion: str) -> Reregistered:
        for action in actions:
            deed = replace(describe(action, why), remedy=_TRY_AGAIN)
            self.executor.tell(Remediation(event="Remediation Failed", deed=deed), occasion=occasion)
        return Reregistered(task_definition=str(look.task_definition), why=why)
