"""Revoke unused grants: rewrite our inline policy without them, after everything is proved again.

A message names only a role. This module decides which grants go: those that the last complete sweep marked, that are
past their grace period, and that no task definition of the role in use names now. If something cannot be read, nothing
is revoked and nothing is raised: a revocation can wait for the next sweep, and must not block the grants of its role.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pullguard.alerts import describe
from pullguard.aws.iam import Iam
from pullguard.checks.credentials_missing import candidates_for
from pullguard.checks.gather import Readers, gather, lacks_credentials
from pullguard.domain.actions import Mode, Revoke
from pullguard.domain.arn import Arn
from pullguard.domain.consent import missing_role_key
from pullguard.domain.errors import Denied, NotNow, PullguardError
from pullguard.domain.facts import Facts
from pullguard.domain.grant_record import GrantRecord
from pullguard.domain.lookup import Lookup, Missing, Tags
from pullguard.domain.messages import Review, ValidationRequest
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.policy_document import POLICY_NAME, Granted, parse_own, policy_document, render, same
from pullguard.domain.references import role_name
from pullguard.domain.remediation import Remediation, RemediationEvent
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.write_history import additions
from pullguard.planning.scope import in_scope, is_certain
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.confirm_grant import Confirmer
from pullguard.workflows.execute import Executor
from pullguard.workflows.revoke_without_consent import GrantsWithoutConsent
from pullguard.workflows.role_lock import Busy, RoleLock
from pullguard.workflows.write_checks import NotWritten
from pullguard.workflows.write_policy import Change, PolicyWriter, scopes

# Each task definition is described again within one run of the function.
DEPENDENTS_MAX: Final = 200
# IAM is eventually consistent: a grant that it does not show after this time does not exist.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
SHOWS_AFTER: Final = timedelta(minutes=5)


class NotProved(PullguardError):
    """It could not be proved that nothing needs the grants: nothing is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The outcome of a review, logged: how many unused grants were revoked, how many lacked consent.

    The names of outcomes are those of metrics, and their fields those of log lines (docs/operations.md): they stay.
    """

    role: str
    withdrawn: int = 0
    why: str = ""
    taken_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoker:
    """Rewrites Pullguard's policy on a role without unused grants."""

    executor: Executor
    definition_store: TaskDefinitionStore
    starts: StartStore
    iam: Iam
    revoke: bool
    grace_days: int

    def review(self, review: Review, *, occasion: str) -> Withdrawn:
        """Revoke what the role of ``review`` no longer needs; ``occasion`` is the message id."""
        self.executor.home.admit(review.role)
        lock = RoleLock(executor=self.executor, role=review.role, occasion=occasion)
        try:
            # IAM may show a revoked grant for some seconds more, and the next writer would keep it.
            return lock.hold(
                lambda: self._review(review, occasion=occasion),
                let_end=lambda result: bool(result.withdrawn or result.taken_back),
            )
        except Busy as error:
            return Withdrawn(role=str(review.role), why=str(error))  # the next sweep asks again

    def _review(self, review: Review, *, occasion: str) -> Withdrawn:
        result = Withdrawn(role=str(review.role))
        try:
            without_consent = GrantsWithoutConsent(confirmer=Confirmer(executor=self.executor, iam=self.iam))
            result = replace(result, taken_back=without_consent.settle(review, occasion=occasion))
        except NotNow as error:
            return replace(result, why=str(error))  # the record stays, and the next sweep asks again
        if result.taken_back:
            return replace(result, why="IAM may still show what was taken back: the rest waits for the next sweep")
        due = self._due(review.role)
        if not due:
            return replace(result, why="nothing is unused for long enough, or RevokeUnusedGrants is off")
        readers = self.executor.readers()
        try:
            role = self._role(review.role, due, readers)
            due = self._of(role, due)
            live = tuple(self._live(role, readers))
            unused = self._unused(role, due, live)
            allowed = self._allowed(role, unused, readers)
        except NotProved as error:
            return replace(result, why=str(error))
        if not allowed:
            return replace(result, why="something needs it again, or a tag holds Pullguard back")
        return self._revert(role, allowed, live, review, occasion)

    # --- prove

    def _due(self, role: Arn) -> tuple[GrantRecord, ...]:
        complete = self.definition_store.complete()
        if not self.revoke or complete is None:
            return ()
        now = self.executor.now()
        grant_records = (each for each in self.executor.ledger.roles.grant_records(role) if each.task_definition)
        return tuple(
            each for each in grant_records if each.is_due(complete["sweep"], grace_days=self.grace_days, now=now)
        )

    def _role(self, arn: Arn, due: tuple[GrantRecord, ...], readers: Readers) -> Role:
        """Read the role; raises ``NotProved`` if it is unreadable or IAM may not show a recent grant yet."""
        found = readers.role(arn)
        if not isinstance(found, Role) or not isinstance(found.inline_policies, tuple):
            raise NotProved(f"the role and its policies could not be read: {found}")
        shown = {each.secret for each in (*_grants(_own(found)), *(each.granted for each in due))}
        ours = (each.granted.secret for each in self.executor.ledger.roles.grant_records(arn) if each.is_of(found))
        missing = [secret for secret in ours if secret not in shown]
        if missing and self._written_within(arn, SHOWS_AFTER):
            raise NotProved(f"IAM does not show yet that {missing[0]} is granted; a rewrite would take it away")
        return found

    def _of(self, role: Role, due: tuple[GrantRecord, ...]) -> tuple[GrantRecord, ...]:
        """Return the records of this very role (same RoleId), and delete those of earlier roles of the same name."""
        for each in (each for each in due if not each.is_of(role)):
            self.executor.ledger.roles.forget_grant(role.arn, each.granted.secret)
        return tuple(each for each in due if each.is_of(role))

    def _written_within(self, role: Arn, span: timedelta) -> bool:
        writes = self.executor.ledger.roles.writes(role)
        return bool(writes) and self.executor.now() - datetime.fromisoformat(writes[-1].at) < span

    def _live(self, role: Role, readers: Readers) -> Iterable[Facts]:
        """Yield the task definitions in use with the role, described now; raises ``NotProved`` if one is unknown.

        A revision that counted as gone has lost its reference to the role; it may have been started since.
        """
        started = self._started()
        dependents = {*self.executor.ledger.entries.dependents(role_name(role.arn.account, role.name))}
        if len(dependents | started) > DEPENDENTS_MAX:
            count = (
                f"{len(dependents)} task definitions use the role, and {len(started - dependents)} others are started"
            )
            raise NotProved(f"{count} beside services: too many to describe at once")
        for arn in sorted(dependents | started):
            if arn not in dependents and not _may_use(role, readers.task_definition(str(arn))):
                continue
            facts = gather(str(arn), readers, now=self.executor.now(), usage=True)
            if isinstance(facts, Missing):
                continue
            if not isinstance(facts, Facts) or not is_certain(facts):
                raise NotProved(f"{arn} uses the role, or may, and what it needs could not be read")
            if arn in started or in_scope(facts):
                yield facts

    def _started(self) -> frozenset[Arn]:
        """Return all task definitions that rules, schedules and callers start outside services, with any role."""
        schedules = self.starts.schedules()
        if not isinstance(schedules, tuple):
            raise NotProved(f"what rules and schedules start is not known: {schedules}")
        return frozenset({*(each.task_definition for each in schedules), *self.starts.alone()})

    def _unused(self, role: Role, due: tuple[GrantRecord, ...], live: tuple[Facts, ...]) -> tuple[GrantRecord, ...]:
        """Return the grants that no task definition in use names; mark the others as needed again."""
        needed = tuple(each for each in due if any(_names(facts, each.granted.secret) for facts in live))
        for record in needed:
            self.executor.ledger.roles.mark_needed(role.arn, record.granted.secret)
        return tuple(each for each in due if each not in needed)

    def _allowed(self, role: Role, unused: tuple[GrantRecord, ...], readers: Readers) -> tuple[GrantRecord, ...]:
        """Return the grants that may be revoked; report those that would be, and those that must not be and why."""
        if not unused:
            return ()
        if (missing := missing_role_key(role)) is not None:  # IAM would refuse the write
            self._report(role, unused, "Remediation Refused", why=missing.why)
            return ()
        if foreign := self._foreign(role):
            why = (
                f"our policy grants {foreign[0].secret}, which this stack has not granted: "
                "another stack may share the role, and its needs are not known here"
            )
            self._report(role, unused, "Remediation Refused", why=why)
            return ()
        if others := _foreign_statements(_own(role)):
            why = f"our policy holds what is not Pullguard's, and would lose it: {others[0]}"
            self._report(role, unused, "Remediation Refused", why=why)
            return ()
        allowed = []
        for record in unused:
            if self._mode(role, record, readers) == "observe":
                why = "Pullguard only observes here (parameter Mode, or a tag pullguard:mode)"
                self._report(role, (record,), "Remediation Planned", why=why)
            else:
                allowed.append(record)
        return tuple(allowed)

    def _mode(self, role: Role, record: GrantRecord, readers: Readers) -> Mode:
        arn = record.granted.secret
        secret = readers.secret(str(arn), arn.region)
        if not isinstance(secret, Secret | Missing):
            raise NotProved(f"the tags of {arn} could not be read: {secret}")
        tags: tuple[Tags, ...] = (role.tags, secret.tags) if isinstance(secret, Secret) else (role.tags,)
        return effective_mode(self.executor.mode, *map(dict, tags))

    def _foreign(self, role: Role) -> tuple[Granted, ...]:
        """Return the grants of our policy that this stack did not make, by its grant records and write records.

        A write record precedes the policy write, and the grant records follow it: a run that crashed in between leaves
        only the write record. A grant that such a write added is ours, and this method adds its missing grant record.
        """
        present = _grants(_own(role))
        known = {each.granted.secret for each in self.executor.ledger.roles.grant_records(role.arn) if each.is_of(role)}
        unknown = tuple(each for each in present if each.secret not in known)
        writes = self.executor.ledger.roles.writes(role.arn) if unknown else ()
        ours = additions(each for each in writes if each.role_id in ("", role.role_id))
        for each in (each for each in unknown if each in ours):
            self.executor.ledger.roles.keep_grants(role.arn, (each,), role_id=role.role_id, task_definition=ours[each])
        return tuple(each for each in unknown if each not in ours)

    # --- write

    def _revert(
        self, role: Role, unused: tuple[GrantRecord, ...], live: tuple[Facts, ...], review: Review, occasion: str
    ) -> Withdrawn:
        before, result = _own(role), Withdrawn(role=str(role.arn))
        gone = {each.granted.secret for each in unused}
        document = policy_document(each for each in _grants(before) if each.secret not in gone)
        change = Change(
            before=None if before is None else render(before.document),
            after=render(document) if document["Statement"] else None,
            task_definition=unused[0].task_definition,
            cause=review.provenance,
        )
        try:
            if before is not None and not same(before.document, document):
                self._write(role, change, gone, occasion)
        except NotWritten as error:
            deeds = (describe(self._revoke(role, each)) for each in unused)
            self.executor.report_not_written(deeds, error, review)
            return replace(result, why=str(error))
        except Denied as error:
            self._report(role, unused, "Remediation Failed", why=str(error))
            return replace(result, why=str(error))
        if self._wrote(role, review):
            self._report(role, unused, "Remediation Completed", change=change, occasion=review.provenance.event_id)
        for secret in gone:
            self.executor.ledger.roles.forget_grant(role.arn, secret)
        self.executor.revalidate(
            *(
                ValidationRequest(task_definition=each.task_definition.arn, provenance=review.provenance)
                for each in live
            )
        )
        return replace(result, withdrawn=len(unused))

    def _write(self, role: Role, change: Change, gone: Iterable[Arn], occasion: str) -> None:
        secrets = sorted(gone, key=str)
        self.executor.guard.check(*scopes(role, secrets), role=role.arn)
        PolicyWriter(executor=self.executor, iam=self.iam).write(role, change, secrets, write_id=occasion)

    def _wrote(self, role: Role, review: Review) -> bool:
        """Whether Pullguard wrote for this review, now or in a crashed run; otherwise another writer revoked it."""
        writes = (each for each in self.executor.ledger.roles.writes(role.arn) if each.outcome != "refused")
        return any(write.event_id == review.provenance.event_id for write in writes)

    def _report(
        self,
        role: Role,
        grant_records: Iterable[GrantRecord],
        event: RemediationEvent,
        *,
        why: str = "",
        change: Change | None = None,
        occasion: str = "",
    ) -> None:
        for record in grant_records:
            deed = describe(self._revoke(role, record), why)
            before, after = (None, None) if change is None else (change.before, change.after)
            remediation = Remediation(event=event, deed=deed, before=before, after=after)
            self.executor.report(remediation, occasion=occasion)

    def _revoke(self, role: Role, record: GrantRecord) -> Revoke:
        return Revoke(
            task_definition=Arn.parse(record.task_definition, service="ecs", resource_type="task-definition"),
            role=role.arn,
            secret=record.granted.secret,
            key=record.granted.key,
            unused_since=f"{record.unused_since:%Y-%m-%d}",
        )


def _may_use(role: Role, found: Lookup[TaskDefinition]) -> bool:
    """Whether the task definition has this execution role (see ``shares_its_role``), or could not be read."""
    if not isinstance(found, TaskDefinition):
        return not isinstance(found, Missing)
    return (found.execution_role or "").rpartition("/")[2].lower() == role.name.lower()


def _own(role: Role) -> NamedPolicy | None:
    policies = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    return next((policy for policy in policies if policy.name == POLICY_NAME), None)


def _grants(policy: NamedPolicy | None) -> tuple[Granted, ...]:
    return () if policy is None else parse_own(policy.document)[0]


def _foreign_statements(policy: NamedPolicy | None) -> tuple[str, ...]:
    """Return descriptions of the statements in our policy that Pullguard did not write."""
    return () if policy is None else parse_own(policy.document)[1]


def _names(facts: Facts, secret: Arn) -> bool:
    """Whether a task definition names the secret in any place and form, or would once its reference is fixed."""
    bare = filter(lacks_credentials, facts.task_definition.containers)
    missing = (each for container in bare for each in candidates_for(facts, container))
    meant = (*facts.described, *missing)
    if any(isinstance(each, Secret) and each.arn == secret for each in meant):
        return True
    return str(secret)[:-7] in str(facts.task_definition.raw)
