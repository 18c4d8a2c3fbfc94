"""Roles as IAM shows them, needs, and whole changes, for the tests of the decision about our policy."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    POLICY_NAME,
    Granted,
    OwnPolicy,
    policy_document,
    size_chars,
)
from pullguard.domain.role_item import SHOWS_AFTER, GrantRecord, PolicyWrite, WriteOutcome
from pullguard.domain.role_policy import (
    GONE,
    Need,
    Needs,
    RevocationRules,
    RolePolicyChange,
    role_policy_change,
)
from pullguard.domain.role_state import RoleState
from tests.fakes import NOW, key, secret_arn

OURS, FORMER = f"{POLICY_NAME}-us-east-1", POLICY_NAME
A, B, C = (Granted(secret=secret_arn(f"registry/{name}"), key=None) for name in "abc")
A1, A2, B2 = replace(A, key=key(1).arn), replace(A, key=key(2).arn), replace(B, key=key(2).arn)
DENY = {"Sid": "Theirs", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)

WANTED = Need(is_named=True, is_wanted=True)
NAMED = Need(is_named=True)
UNNAMED = Need(is_named=False)
REFUSED = Need(has_consent=False, is_named=True, why_not="no consent")
OBSERVED = Need(is_observed=True, is_named=True, why_not="observe only")
MISSING = Need(exists=False, has_consent=False, why_not=GONE)
UNREAD = Need(exists=None, has_consent=None)

NEVER = RevocationRules()
ALWAYS = RevocationRules(unneeded=True, without_consent=True)
WITHOUT_CONSENT, UNNEEDED = "an owner does not consent", "no task definition in use names it"


def record(
    granted: Granted, *, age: timedelta = DAY, confirmed: bool = True, unneeded: timedelta | None = None
) -> GrantRecord:
    """A grant record of this ``age``, ``unneeded`` for so long."""
    return GrantRecord(
        granted=granted,
        task_definition="web:7",
        granted_at=NOW - age,
        is_confirmed=confirmed,
        unneeded_since=None if unneeded is None else NOW - unneeded,
    )


def young(granted: Granted, *, age: timedelta = DAY) -> GrantRecord:
    """A record that is not confirmed."""
    return record(granted, age=age, confirmed=False)


def write(
    before: tuple[Granted, ...],
    after: tuple[Granted, ...],
    *,
    age: timedelta = MINUTE,
    outcome: WriteOutcome = "done",
    policy: str = OURS,
    strangers: tuple[Granted, ...] = (),
) -> PolicyWrite:
    return PolicyWrite(
        id=f"{age}",
        policy=policy,
        at=NOW - age,
        before=before,
        after=after,
        users={str(each.secret): "web:6" for each in after},
        strangers=tuple(each.secret for each in strangers),
        outcome=outcome,
    )


def policy(*grants: Granted, name: str = OURS, foreign: bool = False, readable: bool = True) -> OwnPolicy:
    statements = (DENY,) if foreign else ()
    return OwnPolicy(
        name=name, grants=grants, statements=statements, foreign=tuple(map(str, statements)), is_readable=readable
    )


def shows(
    *grants: Granted,
    records: tuple[GrantRecord, ...] = (),
    writes: tuple[PolicyWrite, ...] = (),
    former: tuple[Granted, ...] | OwnPolicy = (),
    age: timedelta = 100 * DAY,
    room_for: tuple[Granted, ...] | None = None,
    foreign: bool = False,
    **changes: Any,
) -> RoleState:
    """A role of this ``age`` on which IAM shows ``grants`` in our policy; ``room_for`` are the most that fit there."""
    others = 0 if room_for is None else INLINE_POLICIES_MAX_CHARS - size_chars(policy_document(room_for))
    whole = RoleState(
        created_at=NOW - age,
        policy=OURS,
        own=policy(*grants, foreign=foreign),
        former=former if isinstance(former, OwnPolicy) else policy(*former, name=FORMER),
        grants=records,
        writes=writes,
        others_chars=others,
    )
    return replace(whole, **changes)


def asks(needs: Mapping[Granted, Need], *, complete: bool = False, swept: bool = False) -> Needs:
    """The needs by grant, which is what a need asks for unless it says otherwise."""
    return Needs(
        secrets={each.secret: replace(need, grant=need.grant or each) for each, need in needs.items()},
        is_complete=complete,
        is_swept=swept,
    )


Kind = Literal["nothing", "put", "delete", "wait"]


def expected(kind: Kind, *after: Granted, **rest: Any) -> RolePolicyChange:
    """The whole change. Grants stand for their secrets; a ``before`` that is left out is ``after``."""
    for name in ("added", "revoked", "refused", "reported", "unneeded"):
        given = rest.get(name, {})
        rest[name] = (
            {each.secret: given[each] for each in given}
            if isinstance(given, dict)
            else {each.secret: each for each in given}
        )
    for name in ("restored", "rekeyed", "confirmed", "due"):
        rest[name] = frozenset(each.secret for each in rest.get(name, ()))
    return RolePolicyChange(**{"policy": OURS, "before": after, **rest, "kind": kind, "after": after})


def changed(state: RoleState, needs: Needs, rules: RevocationRules = NEVER, now: datetime = NOW) -> RolePolicyChange:
    """The change without its explanation, its dependents, and the statements of others."""
    return replace(role_policy_change(state, needs, rules, now), why="", users={}, foreign=())


def done(change: RolePolicyChange, at: datetime) -> PolicyWrite:
    """The write of ``change``, made ``at`` that time."""
    return PolicyWrite(
        id=f"done {at}",
        policy=change.policy,
        at=at,
        before=change.before,
        after=change.after,
        strangers=change.strangers,
        outcome="done",
    )


def wrote(state: RoleState, change: RolePolicyChange, now: datetime) -> tuple[RoleState, datetime]:
    """The role when IAM has shown a write for some time, with the records that its run left."""
    if not change.is_write:
        return state, now
    later = now + 2 * SHOWS_AFTER
    added = tuple(GrantRecord(granted=each, task_definition="web:7", granted_at=now) for each in change.added.values())
    shown = {"own" if change.policy == state.policy else "former": change.after}
    return (
        replace(
            state,
            grants=(*(each for each in state.grants if each.granted.secret not in change.revoked), *added),
            writes=(*state.writes, done(change, now)),
            **{name: replace(getattr(state, name), grants=grants) for name, grants in shown.items()},
        ),
        later,
    )
