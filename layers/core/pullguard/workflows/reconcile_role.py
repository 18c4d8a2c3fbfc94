"""Bring our policy on one role to what its dependents need: read, decide, plan, write, report, close.

Whatever message leads here, the run asks the same question (``domain/role_policy.py``) and does the same:

1. Read the role's item, then what the message is about. While it is unknown what became of the last write, wait.
2. If something is to be written, check the stop and the hold; then read all that one write can do (``Extent``).
3. Close the writes of runs that died: report them under the id that they had, then record what became of them.
4. Check the circuit breaker, for additions.
5. Plan: record the write on condition that the item is still the one that was read. If not, try again in a minute.
6. Write the policy. Report, and ask for the validations and the reconciliation that follow. Close: outcome, grant
   records and history in one transaction. If IAM refuses, close and report; a write that also served others is
   followed by the same message once more, which is then alone.

The queue gives order, the plan's condition exclusion: no lock, and no list of what is owed. A run may die after any
call; what it leaves is an open write, which the next run closes. Whatever is closed has been reported and followed up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, TypeAlias

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied, NotNow
from pullguard.domain.policy_document import Granted
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import (
    RUN_MAX,
    SHOWS_AFTER,
    GrantRecord,
    PolicyVersion,
    PolicyWrite,
    RoleItem,
    WriteOutcome,
    digest,
    has_failed_lately,
    is_recent,
)
from pullguard.domain.role_policy import Needs, RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState, closed, own_grants
from pullguard.workflows.write_checks import NotWritten

RETRY_AFTER: Final = timedelta(minutes=1)
LAST_CHECK_AFTER: Final = timedelta(minutes=15)  # after every write, whatever IAM has shown by then
NOTHING: Final = "nothing to write"
_WRITES_KEPT: Final = 4  # with all their grants: a DynamoDB item holds at most 400 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The facts of one run: the state of the role, and what its dependents need.

    ``doubt`` is why not all dependents are known although the run asked for ``all``.
    """

    state: RoleState
    needs: Needs
    doubt: str = ""


class RoleItems(Protocol):
    """The roles' items in the ledger."""

    def item(self, role: Arn) -> RoleItem:
        """Return the role's item, by a consistent read; an empty one if there is none."""

    def replace(self, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        """Store ``new`` in place of ``known``; False if the item has changed since it was read."""


# How much of a role's needs a run reads. ``asked``: what the message is about: what its task definition needs, or the
# consent to every grant of its role. ``others``: that consent in any case, and the needs of other task definitions for
# which a grant was asked for. ``all``: also the needs of every dependent.
Extent: TypeAlias = Literal["asked", "others", "all"]


class RoleReader(Protocol):
    """The questions about a role and its dependents."""

    def read(self, role: Arn, item: RoleItem, extent: Extent = "asked") -> Seen | None:
        """Return the facts now; None if there is no such role. Raises ``NotNow`` if the role cannot be read."""


class PolicyApi(Protocol):
    """IAM's calls on an inline policy. Raise ``Denied`` if IAM refuses, ``NotNow`` if it does not answer."""

    def put(self, role: Arn, policy: str, state: RoleState, grants: tuple[Granted, ...]) -> None:
        """Write the policy: ``grants``, and what others wrote in it."""

    def delete(self, role: Arn, policy: str) -> None:
        """Delete the policy."""


class Gate(Protocol):
    """The stop and the holds, which keep a write from being made."""

    def admit(self, role: Arn, item: RoleItem) -> None:
        """Admit a write; raises ``NotWritten`` if everything is stopped or the role is held."""


class Reports(Protocol):
    """The reports of a run; each is reported once, under an id that derives from the write's."""

    def written(self, role: Arn, write: PolicyWrite, change: RolePolicyChange) -> None:
        """Report what a write added and revoked."""

    def left_open(self, role: Arn, write: PolicyWrite) -> None:
        """Report a write whose run died."""

    def adopted(self, role: Arn, records: Iterable[GrantRecord]) -> None:
        """Report grants that a write left in our policy without a record of them."""

    def unreadable(self, role: Arn, item: RoleItem, state: RoleState) -> None:
        """Report that the policy of our name is not a policy that Pullguard writes."""

    def decided(self, role: Arn, change: RolePolicyChange) -> None:
        """Report what is refused, what is not ours, and confirmed grants that are unneeded or lack consent."""

    def breaker_open(self, role: Arn, change: RolePolicyChange, secrets: Iterable[Arn]) -> None:
        """Report additions that the circuit breaker holds back."""

    def not_written(self, role: Arn, change: RolePolicyChange, error: Exception) -> None:
        """Report a write that was refused or held back; a failed revocation says that the grant remains."""


class FollowUps(Protocol):
    """The validations and reconciliations that follow."""

    def again(self, role: Arn, after: timedelta) -> None:
        """Have the role reconciled once more."""

    def written(self, role: Arn, change: RolePolicyChange) -> None:
        """Have the task definitions of a write revalidated until IAM shows it, and the role reconciled once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The outcome of a run. ``is_settled``: the policy is as it should be, as far as IAM shows it."""

    role: str
    written: bool = False
    is_settled: bool = False
    added: int = 0
    revoked: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The facts and the decision of one run; ``noted`` is the item with what it has learned.

    ``is_shared``: the write also grants what other messages have asked for.
    """

    role: Arn
    item: RoleItem
    noted: RoleItem
    seen: Seen
    change: RolePolicyChange
    write: PolicyWrite
    is_shared: bool = False

    @property
    def planned(self) -> RoleItem:
        """The item with the planned write."""
        return replace(self.noted, writes=(*self.noted.writes, self.write))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReconciler:
    """Reconciles one role at a time; a grant is written at most ``writes_per_hour`` times in an hour."""

    roles: RoleItems
    reader: RoleReader
    iam: PolicyApi
    gate: Gate
    reports: Reports
    follow_ups: FollowUps
    rules: RevocationRules
    writes_per_hour: int
    now: Callable[[], datetime]

    def reconcile(self, role: Arn, *, write_id: str, provenance: Provenance | None = None) -> Reconciled:
        """Reconcile ``role``: ``write_id`` names the write, ``provenance`` the event that led here.

        Raises ``NotNow`` if something needed could not be read or recorded.
        """
        item = self.roles.item(role)
        seen = self.reader.read(role, item)
        result = Reconciled(role=str(role))
        if seen is None:
            return self._forget(role, item, replace(result, is_settled=True, why="there is no such role"))
        if not seen.state.own.is_readable:
            self.reports.unreadable(role, item, seen.state)
            return replace(result, why=f"{seen.state.policy} is not a policy that Pullguard writes")
        now = self.now()
        change = role_policy_change(seen.state, seen.needs, self.rules, now)
        if change.kind == "wait":
            self.follow_ups.again(role, RETRY_AFTER)
            return replace(result, why=change.why)
        over, own = closed(seen.state, now), change
        refusal = self._refusal(role, item) if change.is_write or change.refused or change.due or over else None
        if over or (refusal is None and (change.is_write or change.refused)):
            seen = self.reader.read(role, item, "others") or seen
            change = role_policy_change(seen.state, seen.needs, self.rules, now)
        if change.due and not seen.needs.is_complete:
            seen = self.reader.read(role, item, "all") or seen
            change = role_policy_change(seen.state, seen.needs, self.rules, now)
        for write in over:
            self.reports.left_open(role, write)
        noted = _noted(item, seen, change, over, now)
        self.reports.adopted(role, _adopted(item, noted, seen, over))
        asked, change = change, self._within_breaker(role, noted, seen, change, now)
        self.reports.decided(role, change)
        if not change.is_write:
            settled = not asked.is_write and not change.refused
            return self._keep(role, item, noted, replace(result, is_settled=settled, why=change.why or NOTHING))
        if refusal is not None:
            self.reports.not_written(role, change, refusal)
            return self._keep(role, item, noted, replace(result, why=str(refusal)))
        write = _planned(change, seen.needs, f"{write_id}.{item.sequence}", provenance, self.now())
        is_shared = bool(set(change.added) - set(own.added))
        run = _Run(role=role, item=item, noted=noted, seen=seen, change=change, write=write, is_shared=is_shared)
        return self._write(run, result)

    def _refusal(self, role: Arn, item: RoleItem) -> NotWritten | None:
        """Return what the stop or a hold says against a write; None if it may be made."""
        try:
            self.gate.admit(role, item)
        except NotWritten as error:
            return error
        return None

    def _within_breaker(
        self, role: Arn, item: RoleItem, seen: Seen, change: RolePolicyChange, now: datetime
    ) -> RolePolicyChange:
        """Return the change without what the circuit breaker holds back: additions and new keys, never a revocation."""
        held = change.held_by_breaker(item, self.writes_per_hour, now)
        if not held:
            return change
        self.reports.breaker_open(role, change, held)
        return role_policy_change(seen.state, seen.needs.without_wanting(held), self.rules, now)

    def _forget(self, role: Arn, item: RoleItem, result: Reconciled) -> Reconciled:
        """Drop what is known of grants on a role that is gone; its history and a hold stay."""
        now = self.now()
        times = (*(each.granted_at for each in item.grants), *(each.at for each in item.writes))
        if any(is_recent(at, now) for at in times):
            return result  # IAM may not show yet that it is there
        return self._keep(role, item, replace(item, grants=(), writes=(), versions=()), result)

    def _keep(self, role: Arn, item: RoleItem, noted: RoleItem, result: Reconciled) -> Reconciled:
        if noted != item and not self.roles.replace(role, item, noted):
            self.follow_ups.again(role, RETRY_AFTER)
        return result

    def _write(self, run: "_Run", result: Reconciled) -> Reconciled:
        role, item, change, write = run.role, run.item, run.change, run.write
        if not self.roles.replace(role, item, run.planned):
            self.follow_ups.again(role, RETRY_AFTER)
            return replace(result, why="another run has planned a write since")
        try:
            self.gate.admit(role, self.roles.item(role))  # whatever was set while this run was planning
            if self.now() - write.at > RUN_MAX:
                self._close(run, "lost")
                raise NotNow("this run took too long to write what it planned")
            if change.kind == "put":
                self.iam.put(role, change.policy, run.seen.state, change.after)
            else:
                self.iam.delete(role, change.policy)
        except (Denied, NotWritten) as error:
            self._close(run, "refused")  # first: an open write counts as one that may have been made
            self.reports.not_written(role, change, error)
            if run.is_shared and isinstance(error, Denied):
                self.follow_ups.again(role, RETRY_AFTER)  # alone: the reader leaves out the others after a refusal
            return replace(result, why=str(error))
        self.reports.written(role, write, change)
        self.follow_ups.written(role, change)
        self._close(run, "done")
        return replace(result, written=True, added=len(change.added), revoked=len(change.revoked))

    def _close(self, run: "_Run", outcome: WriteOutcome) -> None:
        """Record the outcome of a write and its grants; a hold that was set since stays."""
        item = replace(run.planned, sequence=run.item.sequence + 1)
        for _ in range(5):
            if self.roles.replace(run.role, item, _closed(item, run.write, outcome, run.change, self.now())):
                return
            item = self.roles.item(run.role)
        raise NotNow(f"the outcome of the write to {run.role} could not be recorded")


def _planned(
    change: RolePolicyChange, needs: Needs, write_id: str, provenance: Provenance | None, now: datetime
) -> PolicyWrite:
    changed = set(change.before) ^ set(change.after)
    touched = {str(secret) for secret in (*(each.secret for each in changed), *change.restored)}
    return PolicyWrite(
        id=write_id,
        policy=change.policy,
        at=now,
        before=change.before,
        after=change.after,
        users={secret: user for secret, user in change.users.items() if secret in touched},
        reasons={str(secret): why for secret, why in change.revoked.items()},
        provenance=provenance,
        for_containers=tuple(sorted(each for each in change.added if needs.secrets[each].is_for_containers)),
        restored=tuple(sorted(change.restored)),
        strangers=change.strangers,
        foreign=change.foreign,
    )


def _noted(
    item: RoleItem, seen: Seen, change: RolePolicyChange, over: tuple[PolicyWrite, ...], now: datetime
) -> RoleItem:
    """Return the item with what this run has learned: writes that are over, and what became of each grant."""
    outcomes = {each.id: each for each in over}
    writes = tuple(outcomes.get(each.id, each) for each in seen.state.writes)
    born = seen.state.created_at - RUN_MAX
    grants = (
        _judged(record, change, seen, now)
        for record in own_grants(seen.state, now).values()
        if _remains(record, seen.state, now)
    )
    settled = [
        each
        for each in writes
        if each.outcome != "planned"
        and (each in over or (each.at >= born and (is_recent(each.at, now) or has_failed_lately(each, now))))
    ]
    failed = [each for each in settled if has_failed_lately(each, now)][-1:]  # keeps each message alone
    others = [each for each in settled if each not in failed]
    room = _WRITES_KEPT - len(failed)
    dropped, newest = others[:-room], others[-room:]
    kept = tuple(each for each in writes if each.outcome == "planned" or each in newest or each in failed)
    touched = {each.secret for write in over for each in set(write.before) ^ set(write.after)}
    return replace(
        item.with_writes(touched, now) if touched else item,
        grants=tuple(sorted(grants, key=lambda each: str(each.granted.secret))),
        role_id=seen.state.role_id,
        created_at=seen.state.created_at,
        writes=kept,
        versions=(*(each for each in seen.state.versions if is_recent(each.at, now)), *_versions(dropped)),
    )


def _versions(writes: Iterable[PolicyWrite]) -> Iterator[PolicyVersion]:
    for write in writes:
        for grants in (write.before, write.after):
            yield PolicyVersion(policy=write.policy, digest=digest(grants), at=write.at)


def _adopted(item: RoleItem, noted: RoleItem, seen: Seen, over: Iterable[PolicyWrite]) -> tuple[GrantRecord, ...]:
    """Return the records of grants that an earlier write left in our policy, and that were not known as ours.

    What the writes that are ``over`` added is reported with them.
    """
    reported = {each for write in over for each in set(write.after) - set(write.before)}
    known = {(each.granted.secret, each.granted_at) for each in item.grants}
    shown = {each.secret for each in seen.state.own.grants}
    return tuple(
        each
        for each in noted.grants
        if (each.granted.secret, each.granted_at) not in known
        and each.granted.secret in shown
        and each.granted not in reported
    )


def _remains(record: GrantRecord, state: RoleState, now: datetime) -> bool:
    shown = {each.secret for each in (*state.own.grants, *state.former.grants)}
    return record.granted.secret in shown or now - record.granted_at <= SHOWS_AFTER


def _judged(record: GrantRecord, change: RolePolicyChange, seen: Seen, now: datetime) -> GrantRecord:
    """Return a grant record with what this run has found of its grant."""
    secret, needs = record.granted.secret, seen.needs
    if secret in change.confirmed and not record.is_confirmed:
        record = replace(record, is_confirmed=True)
    need = needs.secrets.get(secret)
    if secret in change.unneeded:
        is_known = needs.is_complete or needs.is_swept
        finding = change.unneeded[secret]
        if record.unneeded_since is not None and record.unneeded in (None, finding):
            return replace(record, unneeded=finding)
        return replace(record, unneeded=finding, unneeded_since=now) if is_known else record
    if need is not None and need.is_named and need.has_consent:
        return replace(record, unneeded=None, unneeded_since=None)
    return record


def _closed(
    item: RoleItem, write: PolicyWrite, outcome: WriteOutcome, change: RolePolicyChange, now: datetime
) -> RoleItem:
    """Return the item with the outcome of ``write``, and with its grants and their counts if it was done."""
    writes = tuple(replace(each, outcome=outcome) if each.id == write.id else each for each in item.writes)
    if outcome != "done":
        return replace(item, writes=writes)
    grants = {each.granted.secret: each for each in item.grants if each.granted.secret not in change.revoked}
    after: Mapping[Arn, Granted] = {each.secret: each for each in change.after}
    for secret in change.rekeyed & grants.keys() & after.keys():
        grants[secret] = replace(grants[secret], granted=after[secret])
    for secret, granted in change.added.items():
        grants[secret] = GrantRecord(
            granted=granted,
            task_definition=write.users.get(str(secret), ""),
            granted_at=write.at,
            is_for_containers=secret in write.for_containers,
        )
    touched = (*change.added, *change.rekeyed, *change.revoked)
    after_it = replace(item, grants=tuple(grants[secret] for secret in sorted(grants)), writes=writes)
    return after_it.with_writes(touched, now)
