"""After a policy is written: do both owners still agree, now that it stands? Then keep it and tell; else take it back.

Between the proof and the write lie milliseconds, in which a tag may go or a secret be swapped. IAM itself holds the
role's tag; the rest is asked here once more. A run that ends in between leaves its intents, by which the next run of
the same message finds what was written and confirms it.
"""

from dataclasses import dataclass, replace

from pullguard.alerts import describe
from pullguard.arn import Arn
from pullguard.aws.iam import Iam
from pullguard.consent import withdrawn
from pullguard.errors import NotNow
from pullguard.flows.writing import Executor
from pullguard.gather import gather
from pullguard.messages import Look
from pullguard.model import Facts, NamedPolicy, Role, Unreadable
from pullguard.plan import Grant
from pullguard.remediation import Remediation
from pullguard.remedies.grant import POLICY_NAME, Granted, parse_own, policy_document, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Our policy on a role before and after a write, as text; None where there is none."""

    before: str | None
    after: str | None

    def completed(self, grant: Grant) -> Remediation:
        """Return the record of ``grant``, made by this change."""
        deed = describe(grant)
        return Remediation(event="Remediation Completed", deed=deed, before=self.before, after=self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Writes our policy, and asks afterwards whether it was right to."""

    executor: Executor
    iam: Iam

    def write(self, role: Role, change: Change, look: Look, *, write_id: str) -> None:
        """Write the policy, or delete it where nothing is left of it; what was there is kept first."""
        record = {
            "before": change.before,
            "after": change.after,
            "task_definition": str(look.task_definition),
            "cause": look.cause.to_dict(),
        }
        self.executor.ledger.record_write(role.arn, write_id=write_id, record=record, now=self.executor.now())
        if change.after is None:
            self.iam.delete_role_policy(role.name, POLICY_NAME)
        else:
            self.iam.put_role_policy(role.name, POLICY_NAME, change.after)

    def confirm_earlier(self, role: Role, look: Look, *, occasion: str) -> None:
        """Confirm what an earlier run of the same message wrote: what it intended, where its very policy stands."""
        own = own_policy(role)
        if own is not None:
            ours = (render(own.document), look.task_definition)
            intended = self.executor.ledger.intended(occasion)
            done = tuple(each for each in intended if (each.after, each.task_definition) == ours)
            self.confirm(role, done, look, occasion=occasion)

    def confirm(self, role: Role, done: tuple[Remediation, ...], look: Look, *, occasion: str) -> None:
        """Ask once more whether both owners agree to what was ``done``; keep and tell it, or take it back and tell why.

        Raises ``NotNow`` where AWS would not tell, and ``Denied`` where it refuses the write that takes back.
        """
        if not done:
            return
        reasons = self._withdrawn(done, look)
        if reasons:
            self._take_back(role, done[0], frozenset(reasons), look, occasion)
        # Only now: what IAM refused must not enter the next write, when its secret may be opted in no more.
        # And only what this stack needs: what else the policy grants may be another stack's.
        kept = (_granted(each) for each in done if str(each.deed.secret) not in reasons)
        self.executor.ledger.keep_grants(role.arn, kept, task_definition=str(look.task_definition))
        for each in done:
            why = reasons.get(str(each.deed.secret))
            self.executor.tell(each if why is None else _taken_back(each, why), occasion=occasion)

    def _withdrawn(self, done: tuple[Remediation, ...], look: Look) -> dict[str, str]:
        """Return the secrets whose grant has lost an owner's consent, each with the reason."""
        facts = gather(str(look.task_definition), self.executor.readers(), now=self.executor.now())
        if isinstance(facts, Unreadable):
            raise NotNow(f"it could not be read whether the owners still agree: {facts}")
        secrets = [_granted(each).secret for each in done]
        if not isinstance(facts, Facts):
            return {str(secret): "the task definition is gone" for secret in secrets}
        reasons = {str(secret): withdrawn(facts, secret) for secret in secrets}
        return {secret: why for secret, why in reasons.items() if why is not None}

    def _take_back(self, role: Role, done: Remediation, secrets: frozenset[str], look: Look, occasion: str) -> None:
        """Write the policy without ``secrets``, but for what it granted of them before."""
        written, before = parse_own(done.after or "")[0], parse_own(done.before or "")[0]
        kept = (
            *(each for each in written if str(each.secret) not in secrets),
            *(each for each in before if str(each.secret) in secrets),
        )
        after = render(policy_document(kept)) if kept else None
        self.write(role, Change(before=done.after, after=after), look, write_id=f"{occasion}-taken-back")


def own_policy(role: Role) -> NamedPolicy | None:
    """Return our policy on a role as it was read; None where it has none, or they could not be read."""
    inline = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    return next((each for each in inline if each.name == POLICY_NAME), None)


def _granted(done: Remediation) -> Granted:
    key = done.deed.key
    return Granted(secret=Arn.parse(str(done.deed.secret)), key=None if key is None else Arn.parse(key))


def _taken_back(done: Remediation, why: str) -> Remediation:
    deed = replace(
        done.deed,
        why=f"an owner's consent ended while it was written, so it was taken back: {why}",
        remedy="Where both owners agree by their tags again, it is granted again.",
    )
    return Remediation(event="Remediation Failed", deed=deed)
