"""Grant what a role lacks: rewrite our inline policy as a whole, after both owners' consent is proved again."""

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import assert_never

from pullguard.alerts import describe
from pullguard.aws.iam import Iam
from pullguard.checks.gather import Readers
from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.consent import kept_grant
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.grant_record import GrantRecord
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.messages import Review, ValidationRequest, parse_command
from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    POLICY_NAME,
    Granted,
    fits,
    parse_own,
    policy_document,
    render,
    same,
    total_size_chars,
    united,
)
from pullguard.domain.provenance import check_time
from pullguard.domain.remediation import Remediation
from pullguard.domain.role import NamedPolicy, Role
from pullguard.workflows.confirm_grant import Confirmer, completed
from pullguard.workflows.execute import WAITS_S, Executor
from pullguard.workflows.revoke import Revoker, Withdrawn
from pullguard.workflows.role_lock import ROLE_LOCK_S, Busy, RoleLock
from pullguard.workflows.write_checks import NotWritten
from pullguard.workflows.write_policy import Change, scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """The outcome of a message, logged: whether the policy was written, and how many grants were revoked."""

    task_definition: str
    role: str | None = None
    written: bool = False
    why: str = ""
    taken_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePatcher:
    """Writes Pullguard's policy on execution roles."""

    executor: Executor
    iam: Iam
    revoker: Revoker | None = None

    @property
    def _confirmer(self) -> Confirmer:
        return Confirmer(executor=self.executor, iam=self.iam)

    def run(self, body: str, *, occasion: str) -> Patched | Withdrawn:
        """Process the message ``body``; raises ``Rejected`` if it is neither a validation request nor a review."""
        command = parse_command(body)
        check_time(command.provenance, now=self.executor.now())
        match command:
            case ValidationRequest():
                return self.patch(command, occasion=occasion)
            case Review() if self.revoker is not None:
                return self.revoker.review(command, occasion=occasion)
            case Review():
                return Withdrawn(role=str(command.role), why="this function has no revoker")
        assert_never(command)

    def patch(self, request: ValidationRequest, *, occasion: str) -> Patched:
        """Grant what the task definition of ``request`` needs now; ``occasion`` is the message's id."""
        if reverted := self._confirmer.confirm_earlier(request, occasion=occasion):
            self.executor.revalidate(request, delay_s=ROLE_LOCK_S)
            why = "IAM may still show the grants just revoked; the task definition is revalidated after that"
            return Patched(task_definition=str(request.task_definition), why=why, taken_back=reverted)
        proof = self.executor.prove(request)
        needed = tuple(action for action in proof.actions if isinstance(action, Grant)) if proof else ()
        if proof is None or not needed or not isinstance(proof.facts.role, Role):
            self.executor.retry_until_visible(request)
            return Patched(task_definition=str(request.task_definition), why="nothing to grant any more")
        proved = proof.facts.role
        role = proved.arn
        lock = RoleLock(executor=self.executor, role=role, occasion=occasion)
        try:
            return lock.hold(
                lambda: self._write(proved, needed, request, occasion), let_end=lambda patched: bool(patched.taken_back)
            )
        except Busy as error:
            self.executor.revalidate(request, delay_s=ROLE_LOCK_S)
            return Patched(task_definition=str(request.task_definition), role=str(role), why=str(error))

    def _write(self, proved: Role, needed: tuple[Grant, ...], request: ValidationRequest, occasion: str) -> Patched:
        readers = self.executor.readers()
        role = readers.role(proved.arn)  # read again: under the lock, no other run writes to it
        if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
            raise NotNow(f"{proved.arn} could not be read once more before its policy is written: {role}")
        inline = {policy.name: policy for policy in role.inline_policies}
        before = inline.get(POLICY_NAME)
        wanted = (Granted(secret=grant.secret, key=grant.key) for grant in needed)
        kept, notes = self._kept(replace(role, is_task_role=proved.is_task_role), before, readers)
        grants = united(kept, wanted)
        document = policy_document(grants)
        patched = Patched(task_definition=str(request.task_definition), role=str(role.arn))
        if before is not None and same(before.document, document):
            self.executor.retry_until_visible(request)
            return replace(patched, why="granted already")

        others = {name: policy.document for name, policy in inline.items() if name != POLICY_NAME}
        if not fits(others, document):
            size = total_size_chars({**others, POLICY_NAME: document})
            return self._fail(
                needed,
                patched,
                occasion,
                f"the role's inline policies would have {size} characters, more than the {INLINE_POLICIES_MAX_CHARS} "
                "that IAM takes",
                "Move another inline policy of the role into a managed policy, or split the role.",
            )
        change = Change(
            before=None if before is None else render(before.document),
            after=render(document),
            task_definition=str(request.task_definition),
            cause=request.provenance,
        )
        done, secrets = (
            tuple(completed(grant, change, _notes(before, grants, grant, notes)) for grant in needed),
            tuple(grant.secret for grant in needed),
        )
        try:
            self.executor.guard.check(*scopes(role, secrets), role=role.arn)
            self.executor.intend(*done, occasion=occasion)
            self._confirmer.write(role, change, secrets, write_id=occasion)
            reverted = self._confirmer.confirm(role, done, request, occasion=occasion)
        except NotWritten as error:
            self.executor.report_not_written(map(describe, needed), error, request)
            return replace(patched, why=str(error))
        except Denied as error:
            return self._fail(
                needed,
                patched,
                occasion,
                str(error),
                "Check that the role matches the parameter ManagedRolePattern, carries the tag "
                "pullguard:managed=true and has the boundary of RequireRoleBoundary, if one is set, and that no "
                "control policy forbids it.",
            )
        # IAM may still show a revoked grant, which would pass as granted.
        self.executor.revalidate(request, delay_s=ROLE_LOCK_S if reverted else WAITS_S[0])
        return replace(patched, written=True, taken_back=reverted)

    def _kept(
        self, role: Role, before: NamedPolicy | None, readers: Readers
    ) -> tuple[tuple[Granted, ...], tuple[str, ...]]:
        """Return the existing grants that the new policy keeps, and notes for the alert about the rest."""
        granted, foreign = parse_own(before.document) if before else ((), ())
        present = {each.secret: each for each in granted}
        ours = {each.granted.secret: each.granted for each in self._ours(role, present)}
        found = {secret: readers.secret(str(secret), secret.region) for secret in sorted(present.keys() | ours.keys())}
        kept = (
            kept_grant(each, role, present=present.get(secret), ours=ours.get(secret)) for secret, each in found.items()
        )
        unreadable = (each for each, it in found.items() if isinstance(it, Unreadable | NotAsked) and each in present)
        notes = (
            *(f"what was not Pullguard's in its policy is left out: {each}" for each in foreign),
            *(f"{secret} could not be read, so its grant is left unchanged" for secret in unreadable),
        )
        return tuple(each for each in kept if each is not None), notes

    def _ours(self, role: Role, present: Container[Arn]) -> tuple[GrantRecord, ...]:
        """Return the records of what this stack granted to this very role (same RoleId).

        Grants to an earlier role of the same name ended with that role: the new owner has not asked for them. A record
        without a RoleId counts only while the policy still has the grant.
        """
        grant_records = self.executor.ledger.roles.grant_records(role.arn)
        for each in (each for each in grant_records if not each.is_of(role)):
            self.executor.ledger.roles.forget_grant(role.arn, each.granted.secret)
        ours = (each for each in grant_records if each.is_of(role))
        return tuple(each for each in ours if each.role_id or each.granted.secret in present)

    def _fail(self, needed: tuple[Grant, ...], patched: Patched, occasion: str, why: str, remedy: str) -> Patched:
        for grant in needed:
            deed = replace(describe(grant, why), remedy=remedy)
            self.executor.report(Remediation(event="Remediation Failed", deed=deed), occasion=occasion)
        return replace(patched, why=why)


def _notes(before: NamedPolicy | None, grants: tuple[Granted, ...], reported: Grant, notes: tuple[str, ...]) -> str:
    """Describe what a write adds and removes beside the ``reported`` grant, followed by the other ``notes``.

    The text names every ARN that the write adds, once per reported grant.
    """
    was = frozenset(parse_own(before.document)[0]) if before else frozenset[Granted]()
    added = (each for each in grants if each not in was and each.secret != reported.secret)
    gone = {each.secret for each in was} - {each.secret for each in grants}
    changes = (
        *(f"the same write grants {each.secret}{f' and its key {each.key}' if each.key else ''}" for each in added),
        *(f"it no longer grants {secret}: an owner does not consent, or it is gone" for secret in sorted(gone)),
    )
    return "; ".join((*changes, *notes))
