"""Let a service start its tasks anew after a rotation that the registry took: one service, then another look."""

from dataclasses import dataclass

from pullguard.alerts import describe
from pullguard.aws.ecs import Ecs
from pullguard.flows.writing import Executor, Proof
from pullguard.messages import Look
from pullguard.model import Usage
from pullguard.plan import Redeploy
from pullguard.remediation import Remediation
from pullguard.remedies.redeploy import deployed_since, redeployments

NOTHING = "nothing to write any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeployer:
    """Redeploys services."""

    executor: Executor
    ecs: Ecs

    def next_of(self, proof: Proof, look: Look) -> Redeploy | str:
        """Return the next service to redeploy, or why there is none.

        The need is proved from the present state: which version is current, how old the deployments are. That the
        registry took that version is the validator's word, kept in the ledger, since an executor reads no values.
        """
        if not self.executor.rules.redeploy_on_rotation or proof.actions:
            return NOTHING
        entry = self.executor.ledger.entry(look.task_definition)
        known = (record.finding for record in entry.findings if record.is_open)
        broken = {each.check for each in (*proof.examination.findings, *known) if each.severity == "error"}
        if broken:
            return f"new tasks would not start: {', '.join(sorted(broken))}"
        steps = redeployments(proof.facts, entry.verified, look.cause)
        return next((step for step in steps if isinstance(step, Redeploy)), NOTHING)

    def redeploy(self, action: Redeploy, look: Look, *, occasion: str) -> None:
        """Redeploy one service, tell it, and ask for another look, which verifies again and asks for the next one.

        Raises ``NotWritten`` and ``Denied``.
        """
        self.executor.brakes.check(f"service {action.service}")
        done = Remediation(event="Remediation Completed", deed=describe(action))
        self.executor.write(
            done,
            look,
            lambda: self.ecs.redeploy(action.cluster, action.service),
            scope=f"service {action.service}",
            occasion=occasion,
        )
        self.executor.tell(done, occasion=occasion)
        self.executor.look_again(look)

    def tell_what_an_earlier_run_did(self, proof: Proof, look: Look, *, occasion: str) -> None:
        """Tell what a run of the same message redeployed and did not come to tell, where that shows."""
        intents = [each for each in self.executor.ledger.intended(occasion) if each.deed.kind == "redeploy"]
        if not intents or not isinstance(proof.facts.usage, Usage):
            return
        verified = self.executor.ledger.entry(look.task_definition).verified
        fresh = deployed_since(proof.facts.usage, verified)
        for intent in intents:
            if intent.deed.target in fresh:
                self.executor.tell(intent, occasion=occasion)
