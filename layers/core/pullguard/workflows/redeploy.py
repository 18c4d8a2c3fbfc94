"""Redeploy services after a rotation whose credentials the registry accepted: one service, then a revalidation."""

from dataclasses import dataclass, replace

from pullguard.alerts import describe
from pullguard.aws.ecs import Ecs
from pullguard.domain.actions import Redeploy
from pullguard.domain.arn import Arn, family_of
from pullguard.domain.aws_cli import redeploying
from pullguard.domain.errors import Denied
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.remediation import Deed, Remediation
from pullguard.domain.role import Role
from pullguard.domain.usage import Usage
from pullguard.planning.redeployment import deployed_since, redeployments
from pullguard.workflows.ecs_writes import EcsWriter
from pullguard.workflows.execute import Executor, Proof
from pullguard.workflows.write_checks import Held, NotWritten

NOTHING = "nothing to write now: it is done, or something else has to come first"
BY_HAND = (
    "Pullguard redeploys only right after a rotation and does not catch up later: redeploy the service by hand if its "
    "tasks should use the new credentials now."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeployed:
    """The redeployed service, and why others, or all, were not redeployed."""

    service: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeployer:
    """Redeploys services."""

    executor: Executor
    ecs: Ecs

    def run(self, proof: Proof, request: ValidationRequest, *, message_id: str) -> Redeployed:
        """Redeploy the next service; one that is held or that AWS refuses does not block the others.

        Raises ``CannotReport`` if the stop parameter cannot be read.
        """
        self._report_what_an_earlier_run_did(proof, request, message_id=message_id)
        actions = self._needed(proof, request)
        if isinstance(actions, str):
            return Redeployed(why=actions)
        role = proof.facts.role.arn if isinstance(proof.facts.role, Role) else None
        whys: dict[str, None] = {}
        for action in actions:
            why = self._redeploy(action, role, request, message_id)
            if why is None:
                return Redeployed(service=action.service, why="; ".join(whys))
            whys[why] = None
        return Redeployed(why="; ".join(whys))

    def _needed(self, proof: Proof, request: ValidationRequest) -> tuple[Redeploy, ...] | str:
        """Return the services to redeploy, or why there are none.

        The current state proves the need: which version is current, how old the deployments are. That the registry
        accepted that version comes from the validator through the ledger, since an executor reads no secret values.
        """
        if not self.executor.rules.redeploy_on_rotation or proof.actions:
            return NOTHING
        entry = self.executor.ledger.entries.get(request.task_definition)
        known = (record.finding for record in entry.findings if record.is_open)
        broken = {each.check for each in (*proof.examination.findings, *known) if each.severity == "error"}
        if broken:
            return f"new tasks would not start: {', '.join(sorted(broken))}"
        steps = redeployments(proof.facts, entry.verified, request.provenance)
        return tuple(step for step in steps if isinstance(step, Redeploy)) or NOTHING

    def _redeploy(self, action: Redeploy, role: Arn | None, request: ValidationRequest, message_id: str) -> str | None:
        """Redeploy one service, report it, and ask for a validation, which verifies again and asks for the next one.

        Return the reason, also reported, if the service was not redeployed; None if it was. A hold on the family or
        the role prevents it: new tasks would start with exactly what is under investigation (docs/adr/0023).
        """
        writer, scope = EcsWriter(executor=self.executor), f"service {action.service}"
        done = Remediation(event="Remediation Completed", deed=describe(action))
        try:
            writer.check(scope, role=role, family=family_of(action.task_definition))
            writer.write(
                done,
                request,
                lambda: self.ecs.redeploy(action.cluster, action.service),
                scope=scope,
                role=role,
                message_id=message_id,
            )
        except Denied as error:
            self.executor.report(
                Remediation(event="Remediation Failed", deed=_by_hand(action, str(error))), message_id=message_id
            )
            return str(error)
        except NotWritten as error:
            deed = _by_hand(action) if isinstance(error, Held) else describe(action)
            self.executor.report_not_written((deed,), error, request)
            return str(error)
        self.executor.report(done, message_id=message_id)
        self.executor.revalidate(request)
        return None

    def _report_what_an_earlier_run_did(self, proof: Proof, request: ValidationRequest, *, message_id: str) -> None:
        """Report what an earlier run of the same message redeployed but did not report, if the state shows it."""
        intents = [each for each in self.executor.ledger.intents.of(message_id) if each.deed.kind == "redeploy"]
        if not intents or not isinstance(proof.facts.usage, Usage):
            return
        verified = self.executor.ledger.entries.get(request.task_definition).verified
        fresh = deployed_since(proof.facts.usage, verified)
        for intent in intents:
            if intent.deed.target in fresh:
                self.executor.report(intent, message_id=message_id)


def _by_hand(action: Redeploy, why: str = "") -> Deed:
    """Describe a redeployment that Pullguard will no longer make, with the command for its owner.

    Only a rotation asks for one, never a sweep: ending a hold after days must not start deployments.
    """
    snippet = redeploying(action.task_definition.region, action.cluster, action.service)
    return replace(describe(action, why), remedy=BY_HAND, snippet=snippet)
