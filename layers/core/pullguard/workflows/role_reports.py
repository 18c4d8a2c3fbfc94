"""The reports of a role's reconciliation, the checks before its write, and the validations that follow it."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from pullguard.alerts import describe
from pullguard.aws.answers import DENIED
from pullguard.aws.iam import Iam
from pullguard.domain.actions import Grant, Revoke
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.messages import Review, ValidationRequest
from pullguard.domain.policy_document import Granted, grant_command, policy_document, render
from pullguard.domain.records import to_record
from pullguard.domain.remediation import GRANTS_MAX_BYTES, Deed, Remediation, WrittenGrant
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.role_policy import MAKE_ROOM, RolePolicyChange
from pullguard.domain.role_state import RoleState
from pullguard.workflows.execute import WAITS_S, Executor
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER
from pullguard.workflows.write_checks import Held, NotWritten, TooManyWrites, WriteGuard

# IAM may still show what was revoked: a validation before this would find the access that is going.
REVOKED_SHOWS_S: Final = 60
_NAMED_MAX: Final = 5
_LOST: Final = "IAM does not show it five minutes later: it was not made, or was undone since"
_DENIED: Final = (
    "Check that the role matches the parameter ManagedRolePattern, carries the tag pullguard:managed=true and has the "
    "boundary of RequireRoleBoundary, if one is set, and that no control policy forbids it."
)

_NOT_TAKEN: Final = (
    "IAM does not accept the content of the policy: one of its grants, a statement of others in it, or its size. "
    "Compare it with what IAM allows, and remove what is wrong. For five minutes each grant of this role is tried "
    "alone, so one that IAM does not accept holds up no other."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePolicies:
    """Our policies on roles, in IAM."""

    iam: Iam

    def put(self, role: Arn, policy: str, state: RoleState, grants: tuple[Granted, ...]) -> None:
        """Write the policy: ``grants``, and what others wrote in it; raises ``Denied`` and ``NotNow``."""
        own = state.own if policy == state.policy else state.former
        self.iam.put_role_policy(_name(role), policy, render(own.document(grants)))

    def delete(self, role: Arn, policy: str) -> None:
        """Delete the policy; raises ``Denied`` and ``NotNow``."""
        self.iam.delete_role_policy(_name(role), policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGate:
    """The stop, and the hold in the role's item."""

    guard: WriteGuard

    def admit(self, role: Arn, item: RoleItem) -> None:
        """Admit a write; raises ``NotWritten`` if everything is stopped or the role is held."""
        self.guard.admit()
        if item.hold is not None:
            raise Held("the role is held", item.hold, f"pullguard resume {role.resource_name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReports:
    """Reports on the bus, about one message: ``request``."""

    executor: Executor
    request: ValidationRequest | Review

    def written(self, role: Arn, write: PolicyWrite, change: RolePolicyChange) -> None:
        """Report what a write added and revoked, each under an id that derives from the write's."""
        self._revoked(role, write)
        self._added(role, write, (*change.added, *change.rekeyed, *change.restored), why=_beside(write))

    def left_open(self, role: Arn, write: PolicyWrite) -> None:
        """Report a write whose run died: its additions in any case, its revocations only if IAM shows them."""
        if write.outcome == "done":
            self._revoked(role, write)
        self._added(role, write, _new(write), why=_beside(write) if write.outcome == "done" else _LOST)

    def adopted(self, role: Arn, records: Iterable[GrantRecord]) -> None:
        """Report grants that a write left in our policy without a record of them."""
        for each in records:
            deed = _deed_of(role, each.granted, {str(each.granted.secret): each.task_definition})
            if deed is not None:
                remediation = Remediation(event="Remediation Completed", deed=deed)
                adopted = f"adopted {each.granted.secret} {each.granted_at.isoformat()}"
                self.executor.report(remediation, message_id=adopted)

    def decided(self, role: Arn, change: RolePolicyChange) -> None:
        """Report what is refused for want of room, what is not ours, and grants without consent."""
        self._not_ours(role, change)
        for secret, why in change.refused.items():
            deed = _deed_of(role, Granted(secret=secret, key=None), change.users)
            if deed is not None:
                failed = replace(deed, why=why, remedy=MAKE_ROOM)
                self.executor.report(Remediation(event="Remediation Failed", deed=failed), message_id="")
        present = {each.secret: each for each in change.after}
        for secret, finding in change.unneeded.items():
            if finding == "grant-without-consent" and secret in present:
                for deed in _revocations(role, (present[secret],), (secret,), change.users):
                    why = "an owner does not consent to this grant any more, and a task definition may need it"
                    said = replace(deed, why=why, remedy="Set the owner's tag again, or remove the reference.")
                    self.executor.report(Remediation(event="Remediation Planned", deed=said), message_id="")

    def unreadable(self, role: Arn, item: RoleItem, state: RoleState) -> None:
        """Report that the policy of our name is not a policy that Pullguard writes: nothing is written to the role."""
        user = self._user(each.task_definition for each in item.grants)
        if user:
            why = f"{state.policy} has members or a version that Pullguard does not write, so it is left alone"
            remedy = f"Remove {state.policy} from the role, or what others added to it; Pullguard then writes it again."
            deed = replace(_leaving(role, user), why=why, remedy=remedy)
            self.executor.report(Remediation(event="Remediation Failed", deed=deed), message_id="")

    def _not_ours(self, role: Arn, change: RolePolicyChange) -> None:
        """Report once what our policy holds although this stack did not grant it."""
        user = self._user(change.users.values())
        if not user or not (change.reported or change.foreign):
            return
        grants = (f"a grant of {secret}" for secret in sorted(change.reported))
        held = (*grants, *(f"the statement {each}" for each in change.foreign))
        more = f" and {len(held) - _NAMED_MAX} more" if len(held) > _NAMED_MAX else ""
        deed = replace(
            _leaving(role, user),
            why=f"{change.policy} holds what this stack has not granted: {'; '.join(held[:_NAMED_MAX])}{more}",
            remedy="It stays. If it is not needed, remove it from the policy by hand.",
        )
        self.executor.report(Remediation(event="Remediation Refused", deed=deed), message_id="")

    def _users(self, known: Mapping[str, str], grants: Iterable[Granted]) -> dict[str, str]:
        """Return the task definition that a report about each grant names: its own, or else any that is known."""
        other = self._user(known.values())
        return {str(each.secret): known.get(str(each.secret)) or other for each in grants}

    def _user(self, known: Iterable[str]) -> str:
        """Return the task definition that a report about the role names: the one asked about, or any known one."""
        if isinstance(self.request, ValidationRequest):
            return str(self.request.task_definition)
        return next((each for each in known if each), "")

    def not_written(self, role: Arn, change: RolePolicyChange, error: Exception) -> None:
        """Report a write that was refused or held back; a failed revocation says that the grant remains."""
        deeds = (
            *_additions(role, change.after, (*change.added, *change.rekeyed), self._users(change.users, change.after)),
            *_revocations(role, change.before, change.revoked, self._users(change.users, change.before)),
        )
        if isinstance(error, NotWritten):
            self.executor.report_not_written(deeds, error, self.request)
            return
        for deed in deeds:
            failed = replace(deed, why=str(error), remedy=_remedy(error))
            if deed.kind == "withdraw":
                failed = replace(
                    failed,
                    why=f"the grant REMAINS ({change.revoked[Arn.parse(str(deed.secret))]}): {error}",
                    remedy="Remove it by hand. Until it is gone, each sweep tries again.",
                    snippet=_by_hand(role, change),
                )
            self.executor.report(Remediation(event="Remediation Failed", deed=failed), message_id="")

    def breaker_open(self, role: Arn, change: RolePolicyChange, secrets: Iterable[Arn]) -> None:
        """Report once an hour that the circuit breaker holds additions back, and ask again when it closes."""
        guard = self.executor.guard
        for secret in secrets:
            error = TooManyWrites(f"the grant of {secret} on the role {role}", guard.writes_per_hour)
            deeds = _additions(role, change.after, (secret,), change.users)
            self.executor.report_not_written(deeds, error, self.request)

    def _revoked(self, role: Arn, write: PolicyWrite) -> None:
        for deed in _revocations(
            role, write.before, map(Arn.parse, write.reasons), self._users(write.users, write.before)
        ):
            self._completed(deed, write, why=write.reasons[str(deed.secret)])

    def _added(self, role: Arn, write: PolicyWrite, secrets: Iterable[Arn], why: str) -> None:
        """Report the grants of ``secrets``; each report names all that the write adds, since one alert serves it."""
        users = self._users(write.users, write.after)
        new = tuple(_additions(role, write.after, _new(write), users))
        several = new if len(new) > 1 else ()
        grants = tuple(_named(several))
        together = f"one write grants {len(several)} secrets" if several else ""
        for deed in _additions(role, write.after, secrets, users):
            with_all = replace(deed, grants=grants, grants_count=len(several))
            self._completed(with_all, write, why="; ".join(filter(None, (together, why))))

    def _completed(self, deed: Deed, write: PolicyWrite, why: str = "") -> None:
        remediation = Remediation(
            event="Remediation Completed",
            deed=replace(deed, why=why),
            before=_text(write.before),
            after=_text(write.after),
        )
        self.executor.report(remediation, message_id=write.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFollowUps:
    """The validations and reconciliations that follow one message: ``request``."""

    executor: Executor
    request: ValidationRequest | Review

    def again(self, role: Arn, after: timedelta) -> None:  # noqa: ARG002 (the request names it)
        """Have the same asked once more."""
        self._ask({self.request: int(after.total_seconds())})

    def written(self, role: Arn, change: RolePolicyChange) -> None:
        """Have the task definitions of a write revalidated until IAM shows it, and the role reconciled once more."""
        touched = {str(each) for each in (*change.added, *change.rekeyed, *change.revoked, *change.restored)}
        users = {Arn.parse(user) for secret, user in change.users.items() if secret in touched}
        if isinstance(self.request, ValidationRequest):
            users.add(self.request.task_definition)
        delay_s = REVOKED_SHOWS_S if change.revoked else WAITS_S[0]
        provenance = self.request.provenance
        requests = (ValidationRequest(task_definition=each, provenance=provenance, attempt=1) for each in sorted(users))
        review = Review(role=role, provenance=provenance)
        self._ask({**dict.fromkeys(requests, delay_s), review: int(LAST_CHECK_AFTER.total_seconds())})

    def _ask(self, requests: Mapping[ValidationRequest | Review, int]) -> None:
        """Request each after its delay, in seconds."""
        self.executor.queues.delayed(self.executor.validation_queue_url, requests)


def _leaving(role: Arn, user: str) -> Deed:
    what = f"revoke what this stack has not granted to role {role.resource_name}"
    return Deed(kind="withdraw", what=what, task_definition=user, target=str(role), role=str(role))


def _additions(
    role: Arn, grants: Iterable[Granted], secrets: Iterable[Arn], users: Mapping[str, str]
) -> Iterator[Deed]:
    wanted = set(secrets)
    for each in grants:
        if each.secret in wanted and (deed := _deed_of(role, each, users)) is not None:
            yield deed


def _deed_of(role: Arn, granted: Granted, users: Mapping[str, str]) -> Deed | None:
    """Return the words of a grant; None if no task definition is known that it is for."""
    user = users.get(str(granted.secret))
    if not user:
        return None
    return describe(
        Grant(task_definition=Arn.parse(user), role=role, secret=granted.secret, key=granted.key, findings=())
    )


def _revocations(
    role: Arn, before: Iterable[Granted], secrets: Iterable[Arn], users: Mapping[str, str]
) -> Iterator[Deed]:
    gone = set(secrets)
    for each in before:
        user = users.get(str(each.secret))
        if each.secret in gone and user:
            yield describe(Revoke(task_definition=Arn.parse(user), role=role, secret=each.secret, key=each.key))


def _beside(write: PolicyWrite) -> str:
    """Return what stays in the policy beside this stack's own grants."""
    grants = (f"it also grants {secret}, which this stack has not granted" for secret in write.strangers)
    return "; ".join((*grants, *(f"it also holds what is not Pullguard's: {each}" for each in write.foreign)))


def _new(write: PolicyWrite) -> tuple[Arn, ...]:
    """Return the secrets whose grants a write brings into its policy; they may have moved there from the former one.

    A grant that a rollback puts back without a record of it is not reported as this stack's.
    """
    known = {each for each in write.before if each.secret not in write.restored}
    return tuple(each.secret for each in write.after if each not in known and each.secret not in write.strangers)


def _named(deeds: Iterable[Deed]) -> Iterator[WrittenGrant]:
    """Yield the grants of one write, as many as take at most ``GRANTS_MAX_BYTES``."""
    size = 0
    for each in deeds:
        grant = WrittenGrant(secret=str(each.secret), task_definition=each.task_definition)
        size += len(json.dumps(to_record(grant))) + len(", ")
        if size > GRANTS_MAX_BYTES:
            return
        yield grant


def _remedy(error: Exception) -> str:
    """Return what to do about a refusal of IAM: about the access, or about what was to be written."""
    return _NOT_TAKEN if isinstance(error, Denied) and error.code not in DENIED else _DENIED


def _text(grants: Iterable[Granted]) -> str | None:
    document = policy_document(grants)
    return render(document) if document["Statement"] else None


def _by_hand(role: Arn, change: RolePolicyChange) -> str | None:
    """Return the command that takes only the revoked grants from the policy; None if it holds statements of others."""
    if change.foreign:
        return None
    stays = tuple(each for each in change.before if each.secret not in change.revoked or each in change.after)
    if stays:
        return grant_command(_name(role), policy_document(stays), change.policy)
    return f"aws iam delete-role-policy --role-name {shlex.quote(_name(role))} --policy-name {change.policy}"


def _name(role: Arn) -> str:
    return role.resource_name.rsplit("/", 1)[-1]
