"""A role as IAM shows it, perhaps late, and what that means together with the ledger.

IAM is eventually consistent and another stack may write, too: which grants our policy holds, which of them are ours,
and what became of a write are inferred here, from what IAM shows and what the ledger recorded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import Granted, OwnPolicy
from pullguard.domain.role_item import (
    RUN_MAX,
    SHOWS_AFTER,
    GrantRecord,
    PolicyVersion,
    PolicyWrite,
    RoleItem,
    digest,
    is_recent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleState:
    """A role as IAM shows it, perhaps late, and what the ledger knows of it.

    ``created_at`` is the role's CreateDate. ``policy`` is the name of our policy and ``own`` what it says; ``former``
    is what the policy of the former name says, which several stacks shared. ``writes`` and ``versions`` are those of
    the role's item, oldest first. ``others_chars`` is the size of the role's other inline policies.
    """

    created_at: datetime
    policy: str
    role_id: str = ""
    own: OwnPolicy = field(default_factory=OwnPolicy)
    former: OwnPolicy = field(default_factory=OwnPolicy)
    grants: tuple[GrantRecord, ...] = ()
    writes: tuple[PolicyWrite, ...] = ()
    versions: tuple[PolicyVersion, ...] = ()
    others_chars: int = 0


def known_of(item: RoleItem, role_id: str, created_at: datetime | None) -> RoleItem:
    """Return what the ledger knows of the role that IAM shows; raises ``NotNow`` if it knows a later role of that name.

    Records of an earlier role count if they are as recent as this role (``own_grants``): a run that IAM showed the
    earlier one, late, has written to this one. Without the CreateDate of both, nothing counts.
    """
    if item.role_id in ("", role_id):
        return item
    if item.created_at is None or created_at is None:
        return RoleItem()
    if created_at < item.created_at:
        raise NotNow(f"IAM still shows the role {role_id}, which was deleted: {item.role_id} has its name now")
    return item


def own_grants(state: RoleState, now: datetime) -> dict[Arn, GrantRecord]:
    """Return the grants that are ours on this very role: recorded since it was created, or left by a write since then.

    A write that its run did not close leaves no records. Five minutes later, what it left in our own policy is ours,
    and not confirmed; what it found there as a stranger's stays a stranger's. A write of the former policy vouches for
    what it took from there: another stack that tidies it at the same time may put that back.
    """
    born = state.created_at - RUN_MAX  # a plan is older than its write
    grants = {each.granted.secret: each for each in state.grants if each.granted_at >= born}
    shown = _by_secret(state.own.grants)
    adopted: dict[Arn, GrantRecord] = {}
    for write in state.writes:
        is_settled = write.outcome == "done" or (write.outcome == "planned" and landed(write, state))
        if not is_settled or write.policy != state.policy or write.at < born:
            continue
        left = _by_secret(write.after)
        adopted = {secret: each for secret, each in adopted.items() if secret in left}
        if now - write.at < SHOWS_AFTER:
            continue
        for secret in left.keys() & shown.keys() - set(write.strangers):
            before = adopted[secret].task_definition if secret in adopted else ""
            user = write.users.get(str(secret), before)
            adopted[secret] = GrantRecord(
                granted=shown[secret],
                task_definition=user,
                granted_at=write.at,
                is_for_containers=secret in write.for_containers,
            )
    grants = {**adopted, **grants}
    back = _by_secret(state.former.grants)
    for write in state.writes:
        if write.policy == state.policy or write.outcome not in ("planned", "done") or write.at < born:
            continue
        for secret in _by_secret(set(write.before) - set(write.after)).keys() & back.keys() - grants.keys():
            user = write.users.get(str(secret), "")
            grants[secret] = GrantRecord(granted=back[secret], task_definition=user, granted_at=write.at)
    return grants


def landed(write: PolicyWrite, state: RoleState) -> bool:
    """Whether IAM shows all that a write added and nothing that it removed; to be asked ``SHOWS_AFTER`` after it."""
    own = state.own if write.policy == state.policy else state.former
    shown, before, after = set(own.grants), set(write.before), set(write.after)
    gone = before - after
    return after - before <= shown and not shown & gone


def closed(state: RoleState, now: datetime) -> tuple[PolicyWrite, ...]:
    """Return the open writes whose outcome IAM shows by now, with it."""
    return tuple(
        replace(each, outcome="done" if landed(each, state) else "lost")
        for each in state.writes
        if each.outcome == "planned" and not is_recent(each.at, now)
    )


def recent_writes(state: RoleState, now: datetime) -> tuple[PolicyWrite, ...]:
    """Return the writes to this very role that IAM may not show yet."""
    born = state.created_at - RUN_MAX
    return tuple(
        each
        for each in state.writes
        if each.outcome in ("planned", "done") and each.at >= born and is_recent(each.at, now)
    )


def present(shown: OwnPolicy, state: RoleState, recent: Iterable[PolicyWrite], now: datetime) -> tuple[Granted, ...]:
    """Return the grants of a policy: what IAM shows, or what our last write left if IAM shows an older one of ours.

    Anything else that IAM shows was edited by others, and counts as it is.
    """
    ours = [each for each in recent if each.policy == shown.name]
    known = {digest(each) for write in ours for each in (write.before, write.after)}
    known |= {each.digest for each in state.versions if each.policy == shown.name and is_recent(each.at, now)}
    return ours[-1].after if ours and digest(shown.grants) in known else shown.grants


def _by_secret(grants: Iterable[Granted]) -> dict[Arn, Granted]:
    """Return ``grants`` by secret; of two with one secret, the one with the greater key."""
    return {each.secret: each for each in sorted(grants, key=lambda each: (str(each.secret), str(each.key or "")))}
