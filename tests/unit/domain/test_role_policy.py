"""The change of our policy on one role, rule by rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    POLICY_NAME,
    Granted,
    OwnPolicy,
    policy_document,
    size_chars,
)
from pullguard.domain.role_policy import (
    GONE,
    NO_ROOM,
    RUN_MAX,
    SHOWS_AFTER,
    STRANGER,
    GrantRecord,
    Need,
    Needs,
    PolicyWrite,
    RevocationRules,
    RolePolicyChange,
    RoleState,
    Unneeded,
    WriteOutcome,
    closed,
    landed,
    own_grants,
    role_policy_change,
)
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


# --- Builders ----------------------------------------------------------------------------------------------------


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
    """The change without its explanation, the task definitions concerned, and the statements of others."""
    return replace(role_policy_change(state, needs, rules, now), why="", users={}, foreign=())


# --- Add ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(shows(), asks({A: WANTED}), expected("put", A, before=(), added=[A]), id="what-is-wanted"),
        pytest.param(
            shows(B, records=(record(B),)),
            asks({A: WANTED, B: UNREAD}),
            expected("put", A, B, before=(B,), added=[A]),
            id="whatever-else-is-unknown",
        ),
        pytest.param(
            shows(B),
            asks({A: WANTED}),
            expected("put", A, B, before=(B,), added=[A], reported={B: STRANGER}),
            id="beside-a-grant-that-is-not-ours",
        ),
        pytest.param(
            shows(foreign=True), asks({A: WANTED}), expected("put", A, before=(), added=[A]), id="beside-a-statement"
        ),
        pytest.param(
            shows(records=(record(A),)),
            asks({A: WANTED}),
            expected("put", A, before=(), added=[A]),
            id="again-after-somebody-removed-it",
        ),
        pytest.param(
            shows(),
            asks({A: replace(WANTED, grant=A1)}),
            expected("put", A1, before=(), added=[A1]),
            id="with-the-key-of-now",
        ),
    ],
)
def test_what_is_wanted_exists_has_consent_and_is_not_observed_is_added(
    state: RoleState, needs: Needs, change: RolePolicyChange
) -> None:
    assert changed(state, needs) == change


@pytest.mark.parametrize(
    "need",
    [
        pytest.param(NAMED, id="not-wanted"),
        pytest.param(replace(WANTED, is_named=False), id="not-named"),
        pytest.param(replace(WANTED, is_named=None), id="perhaps-not-named"),
        pytest.param(replace(WANTED, exists=False), id="gone"),
        pytest.param(replace(WANTED, exists=None), id="perhaps-gone"),
        pytest.param(replace(WANTED, has_consent=False), id="without-consent"),
        pytest.param(replace(WANTED, has_consent=None), id="perhaps-without-consent"),
        pytest.param(replace(WANTED, is_observed=True), id="observed"),
    ],
)
def test_nothing_else_is_added(need: Need) -> None:
    for records in ((), (record(A),)):
        assert changed(shows(records=records), asks({A: need}, complete=True), ALWAYS) == expected("nothing")


def test_without_the_secrets_key_nothing_is_added() -> None:
    assert changed(shows(), Needs(secrets={A.secret: WANTED})) == expected("nothing")


# --- Keep --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(A, records=(record(A),)), asks({A: WANTED}), expected("nothing", A, confirmed=[A]), id="wanted"
        ),
        pytest.param(
            shows(A, records=(record(A),)),
            asks({A: NAMED}, complete=True),
            expected("nothing", A, confirmed=[A]),
            id="named-even-if-another-policy-allows-it",
        ),
        pytest.param(
            shows(A, records=(record(A),)),
            asks({A: Need()}, complete=True),
            expected("nothing", A, confirmed=[A]),
            id="perhaps-named",
        ),
        pytest.param(
            shows(A, records=(record(A, unneeded=20 * DAY),)),
            asks({A: UNNAMED}),
            expected("nothing", A, confirmed=[A]),
            id="not-named-by-those-that-were-read",
        ),
        pytest.param(
            shows(A, records=(record(A),)), asks({}, complete=True), expected("nothing", A), id="nothing-known-of-it"
        ),
        pytest.param(
            shows(A, records=(young(A),)),
            asks({A: UNREAD}, complete=True),
            expected("nothing", A),
            id="unread-and-not-confirmed",
        ),
        pytest.param(
            shows(A, records=(record(A, unneeded=20 * DAY),)),
            asks({A: replace(UNNAMED, exists=None)}, complete=True),
            expected("nothing", A),
            id="perhaps-gone",
        ),
        pytest.param(
            shows(A, records=(record(A, unneeded=20 * DAY),)),
            asks({A: replace(UNNAMED, has_consent=None)}, complete=True),
            expected("nothing", A),
            id="perhaps-without-consent",
        ),
        pytest.param(
            shows(A, records=(young(A),)),
            asks({A: replace(OBSERVED, has_consent=None)}, complete=True),
            expected("nothing", A),
            id="observed-and-perhaps-without-consent",
        ),
    ],
)
def test_what_is_named_or_unknown_is_kept(state: RoleState, needs: Needs, change: RolePolicyChange) -> None:
    assert changed(state, needs, ALWAYS) == change


@pytest.mark.parametrize("need", [WANTED, NAMED, UNNAMED, REFUSED, OBSERVED, MISSING, UNREAD])
def test_a_grant_without_a_record_is_reported_and_never_removed(need: Need) -> None:
    needs = asks({A: need, B: WANTED}, complete=True)
    assert changed(shows(A, B, records=(record(B),)), needs, ALWAYS) == expected(
        "nothing", A, B, reported={A: STRANGER}, confirmed=[B]
    )
    assert changed(shows(A), needs, ALWAYS) == expected("put", A, B, before=(A,), added=[B], reported={A: STRANGER})


def test_the_statements_of_others_stay_in_the_policy_and_are_named() -> None:
    found = role_policy_change(shows(foreign=True), asks({}, complete=True), ALWAYS, NOW).foreign
    assert found == shows(foreign=True).own.foreign != ()
    assert changed(shows(foreign=True), asks({}, complete=True), ALWAYS) == expected("nothing")
    last = shows(A, records=(record(A, unneeded=20 * DAY),), foreign=True)
    assert changed(last, asks({A: UNNAMED}, complete=True), ALWAYS) == expected(
        "put", before=(A,), revoked={A: UNNEEDED}, unneeded={A: "grant-unneeded"}, due=[A]
    )


@pytest.mark.parametrize(
    "need",
    [
        pytest.param(OBSERVED, id="named"),
        pytest.param(replace(OBSERVED, is_named=False), id="not-named"),
        pytest.param(replace(OBSERVED, has_consent=False), id="without-consent"),
        pytest.param(replace(OBSERVED, is_wanted=True, grant=A1), id="another-key"),
    ],
)
def test_a_confirmed_grant_under_observe_causes_no_finding_and_no_write(need: Need) -> None:
    state = shows(A, records=(record(A, unneeded=20 * DAY),))
    assert changed(state, asks({A: need}, complete=True), ALWAYS) == expected("nothing", A)


# --- Revoke ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(A, records=(young(A),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="without-consent",
        ),
        pytest.param(
            shows(A, records=(young(A, age=MINUTE),)),
            {A: OBSERVED},
            expected("delete", before=(A,), revoked={A: "observe only"}),
            id="observed",
        ),
        pytest.param(
            shows(A, B, records=(young(A), record(B))),
            {A: REFUSED, B: WANTED},
            expected("put", B, before=(A, B), revoked={A: "no consent"}, confirmed=[B]),
            id="and-another-stays",
        ),
        pytest.param(
            shows(A, records=(young(A),)),
            {A: REFUSED, B: WANTED},
            expected("put", B, before=(A,), revoked={A: "no consent"}, added=[B]),
            id="and-another-comes",
        ),
        pytest.param(
            shows(A, records=(young(A),), foreign=True),
            {A: REFUSED},
            expected("put", before=(A,), revoked={A: "no consent"}),
            id="and-a-statement-stays",
        ),
    ],
)
def test_a_grant_that_was_never_confirmed_goes_at_once_without_consent(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange, complete: bool
) -> None:
    assert changed(state, asks(needs, complete=complete), NEVER) == change


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(shows(A, records=(record(A),)), {A: MISSING}, expected("nothing", A), id="no-write"),
        pytest.param(shows(A, records=(young(A),)), {A: MISSING}, expected("nothing", A), id="not-confirmed"),
        pytest.param(
            shows(A, records=(record(A),)),
            {A: MISSING, B: WANTED},
            expected("put", B, before=(A,), added=[B], revoked={A: GONE}),
            id="with-an-addition",
        ),
        pytest.param(
            shows(A, B, records=(record(A), young(B))),
            {A: MISSING, B: REFUSED},
            expected("delete", before=(A, B), revoked={A: GONE, B: "no consent"}),
            id="with-a-revocation",
        ),
        pytest.param(
            shows(A, B, records=(record(A), record(B))),
            {A: MISSING, B: replace(WANTED, grant=B2)},
            expected("put", B2, before=(A, B), revoked={A: GONE}, rekeyed=[B], confirmed=[B]),
            id="with-another-key",
        ),
        pytest.param(
            shows(B, records=(record(B),), former=(C,)),
            {B: MISSING, C: NAMED},
            expected("nothing", B),
            id="what-is-not-ours-does-not-move-and-makes-no-write",
        ),
    ],
)
def test_the_grant_of_a_secret_that_is_gone_goes_with_the_next_write(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange
) -> None:
    assert changed(state, asks(needs), NEVER) == change


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding on a confirmed grant, and the only rule that lets it be revoked."""

    need: Need
    name: Unneeded
    reason: str
    rule: RevocationRules


@dataclass(frozen=True, kw_only=True)
class Grace:
    """Since when a grant has had a finding, what the deployment and this run allow, and what follows."""

    since: timedelta | None = 50 * DAY
    revokes: bool = True
    grace: timedelta = 14 * DAY
    complete: bool = True
    is_due: bool = False
    is_revoked: bool = False


@pytest.mark.parametrize(
    "grace",
    [
        pytest.param(Grace(since=None), id="found-for-the-first-time"),
        pytest.param(Grace(since=14 * DAY - SECOND), id="within-the-grace-period"),
        pytest.param(Grace(since=14 * DAY, is_due=True, is_revoked=True), id="after-the-grace-period"),
        pytest.param(Grace(since=DAY, grace=DAY, is_due=True, is_revoked=True), id="after-a-shorter-grace-period"),
        pytest.param(Grace(complete=False, is_due=True), id="not-all-dependents-were-read"),
        pytest.param(Grace(revokes=False), id="not-revoked-by-this-deployment"),
    ],
)
@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(
            Finding(need=UNNAMED, name="grant-unneeded", reason=UNNEEDED, rule=RevocationRules(unneeded=True)),
            id="unneeded",
        ),
        pytest.param(
            Finding(
                need=REFUSED,
                name="grant-without-consent",
                reason=WITHOUT_CONSENT,
                rule=RevocationRules(without_consent=True),
            ),
            id="without-consent",
        ),
    ],
)
def test_a_confirmed_grant_goes_after_the_grace_period_if_the_deployment_says_so(
    finding: Finding, grace: Grace
) -> None:
    others = replace(ALWAYS, unneeded=not finding.rule.unneeded, without_consent=not finding.rule.without_consent)
    rules = replace(finding.rule if grace.revokes else others, grace=grace.grace)
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=grace.since),))
    assert changed(
        state, asks({A: finding.need}, complete=grace.complete, swept=not grace.complete), rules
    ) == expected(
        "delete" if grace.is_revoked else "nothing",
        *(() if grace.is_revoked else (A,)),
        before=(A,),
        revoked={A: finding.reason} if grace.is_revoked else {},
        unneeded={A: finding.name},
        due=[A] if grace.is_due else [],
    )


@pytest.mark.parametrize("need", [OBSERVED, REFUSED, UNREAD, MISSING], ids=["observed", "refused", "unread", "gone"])
def test_a_grant_without_consent_is_not_moved_from_the_former_policy(need: Need) -> None:
    state = shows(former=(A,), records=(record(A),))
    change = changed(state, asks({A: need}))
    assert (change.kind, change.policy, change.after) == ("nothing", OURS, ())


@pytest.mark.parametrize(
    ("rules", "finding", "reason"),
    [
        (NEVER, "grant-without-consent", None),
        (RevocationRules(unneeded=True), "grant-unneeded", UNNEEDED),
        (RevocationRules(without_consent=True), "grant-without-consent", WITHOUT_CONSENT),
        (ALWAYS, "grant-unneeded", UNNEEDED),
    ],
    ids=["never", "unneeded", "without-consent", "always"],
)
def test_of_two_findings_one_counts_that_the_deployment_revokes_for(
    rules: RevocationRules, finding: Unneeded, reason: str | None
) -> None:
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=20 * DAY),))
    change = changed(state, asks({A: replace(REFUSED, is_named=False)}, complete=True), rules)
    assert (change.unneeded, change.revoked) == ({A.secret: finding}, {A.secret: reason} if reason else {})


def test_where_iam_would_refuse_every_write_no_confirmed_grant_is_revoked() -> None:
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=20 * DAY),))
    needs = replace(asks({A: replace(REFUSED, is_named=False)}, complete=True), is_writable=False)
    change = changed(state, needs, ALWAYS)
    assert (change.kind, change.unneeded, change.due) == ("nothing", {A.secret: "grant-without-consent"}, frozenset())


def test_consent_is_missed_whether_or_not_all_dependents_are_known() -> None:
    state = shows(A, records=(record(A, unneeded=20 * DAY),))
    finding = {A: "grant-without-consent"}
    assert changed(state, asks({A: REFUSED}), NEVER) == expected("nothing", A, unneeded=finding)
    assert changed(state, asks({A: REFUSED}), ALWAYS) == expected("nothing", A, unneeded=finding, due=[A])


# --- Confirmed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "need", "change"),
    [
        pytest.param(
            shows(A, records=(young(A, age=SHOWS_AFTER),)),
            NAMED,
            expected("nothing", A, confirmed=[A]),
            id="five-minutes-later",
        ),
        pytest.param(
            shows(A, records=(young(A, age=SHOWS_AFTER - SECOND),)), NAMED, expected("nothing", A), id="too-early"
        ),
        pytest.param(
            shows(A, records=(young(A),)), replace(NAMED, has_consent=None), expected("nothing", A), id="unread-consent"
        ),
        pytest.param(
            shows(records=(young(A),), writes=(write((), (A,)),)),
            NAMED,
            expected("nothing", A, restored=[A]),
            id="iam-does-not-show-it",
        ),
        pytest.param(shows(records=(young(A),)), NAMED, expected("nothing"), id="iam-has-not-got-it"),
        pytest.param(
            shows(A, records=(record(A, age=20 * DAY, unneeded=DAY),)),
            REFUSED,
            expected("nothing", A, unneeded={A: "grant-without-consent"}),
            id="without-consent",
        ),
        pytest.param(shows(A), NAMED, expected("nothing", A, reported={A: STRANGER}), id="not-ours"),
    ],
)
def test_a_grant_is_confirmed_by_a_run_that_finds_it_in_iam_with_consent(
    state: RoleState, need: Need, change: RolePolicyChange
) -> None:
    assert changed(state, asks({A: need})) == change


# --- Late answers ------------------------------------------------------------------------------------------------

FRESH_A, FRESH_B = young(A, age=MINUTE), young(B, age=MINUTE)


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: WANTED},
            expected("nothing", A, restored=[A]),
            id="the-version-before-is-shown",
        ),
        pytest.param(
            shows(A, records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: WANTED},
            expected("nothing", A),
            id="the-version-after-is-shown",
        ),
        pytest.param(
            shows(records=(FRESH_A, FRESH_B), writes=(write((), (A,), age=2 * MINUTE), write((A,), (A, B)))),
            {A: WANTED, B: WANTED},
            expected("nothing", A, B, restored=[A, B]),
            id="an-older-version-is-shown",
        ),
        pytest.param(
            shows(A, B, records=(record(A),), writes=(write((A, B), (A,)),)),
            {A: WANTED, B: REFUSED},
            expected("nothing", A, confirmed=[A]),
            id="a-revocation-is-not-shown",
        ),
        pytest.param(
            shows(C, records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: WANTED},
            expected("put", A, C, before=(C,), added=[A], reported={C: STRANGER}),
            id="somebodys-edit-is-taken-as-it-is",
        ),
        pytest.param(
            shows(records=(young(A, age=SHOWS_AFTER),), writes=(write((), (A,), age=SHOWS_AFTER),)),
            {A: WANTED},
            expected("put", A, before=(), added=[A]),
            id="five-minutes-later-iam-is-right",
        ),
        pytest.param(
            shows(writes=(write((), (A,), outcome="refused"),)),
            {A: WANTED},
            expected("put", A, before=(), added=[A]),
            id="a-refused-write-does-not-count",
        ),
        pytest.param(
            shows(writes=(write((), (A,), outcome="lost"),)),
            {A: WANTED},
            expected("put", A, before=(), added=[A]),
            id="a-lost-write-does-not-count",
        ),
        pytest.param(
            shows(writes=(write((), (A,), policy=FORMER),)),
            {A: WANTED},
            expected("put", A, before=(), added=[A]),
            id="a-write-of-another-policy-does-not-count",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: NAMED, B: WANTED},
            expected("put", A, B, before=(A,), added=[B], restored=[A]),
            id="what-iam-did-not-show-is-written-again-and-reported",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="what-iam-does-not-show-goes-without-consent",
        ),
        pytest.param(
            shows(records=(record(A, age=MINUTE),), writes=(write((), (A,)),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="what-iam-does-not-show-goes-even-if-confirmed",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,), age=2 * MINUTE), write((A,), (), policy=FORMER))),
            {A: REFUSED, B: WANTED},
            expected("put", B, before=(A,), added=[B], revoked={A: "no consent"}),
            id="what-iam-does-not-show-goes-even-if-it-left-the-former-policy-just-now",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: MISSING},
            expected("delete", before=(A,), revoked={A: GONE}),
            id="what-iam-does-not-show-goes-if-the-secret-is-gone",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: UNREAD, B: WANTED},
            expected("put", A, B, before=(A,), added=[B], restored=[A]),
            id="what-is-unknown-is-written-again",
        ),
    ],
)
def test_for_five_minutes_our_last_write_counts_if_iam_shows_a_version_of_ours(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange
) -> None:
    assert changed(state, asks(needs)) == change


@pytest.mark.parametrize(
    ("state", "change"),
    [
        pytest.param(
            shows(writes=(write((), (A,), outcome="planned", age=SHOWS_AFTER - SECOND),)),
            expected("wait"),
            id="younger-than-five-minutes",
        ),
        pytest.param(
            shows(A, records=(record(A),), writes=(write((A,), (), outcome="planned"), write((A,), (A,), age=SECOND))),
            expected("wait"),
            id="before-one-that-is-closed",
        ),
        pytest.param(
            shows(writes=(write((A,), (), outcome="planned", policy=FORMER),)),
            expected("wait"),
            id="to-the-former-policy",
        ),
        pytest.param(
            shows(writes=(write((), (A,), outcome="planned", age=SHOWS_AFTER),)),
            expected("put", A, before=(), added=[A]),
            id="five-minutes-old",
        ),
        pytest.param(
            shows(writes=(write((), (A,), outcome="planned", age=RUN_MAX + 2 * SECOND),), age=SECOND),
            expected("put", A, before=(), added=[A]),
            id="to-a-role-of-the-same-name",
        ),
    ],
)
def test_an_open_write_is_waited_for_five_minutes(state: RoleState, change: RolePolicyChange) -> None:
    assert changed(state, asks({A: WANTED})) == change


def test_a_policy_of_our_name_that_does_not_parse_is_left_alone() -> None:
    own = policy(readable=False)
    for writes in ((), (write((), (A,), outcome="planned"),)):
        state = shows(records=(young(A), record(B)), former=(B,), writes=writes, own=own)
        assert changed(state, asks({A: WANTED, B: REFUSED}, complete=True), ALWAYS) == expected("nothing")


def test_a_run_that_writes_nothing_for_lack_of_knowledge_says_why() -> None:
    unread = role_policy_change(shows(own=policy(readable=False)), asks({A: WANTED}), NEVER, NOW)
    open_write = write((), (A,), outcome="planned")
    waits = role_policy_change(shows(writes=(open_write,)), asks({A: WANTED}), NEVER, NOW)
    assert (unread.kind, unread.why) == ("nothing", "the policy of our name is not ours to read")
    assert (waits.kind, waits.why) == ("wait", "it is not known yet whether the last write reached IAM")
    assert not unread.is_write
    assert not waits.is_write


# --- A role of the same name -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "need", "change"),
    [
        pytest.param(
            shows(A, records=(young(A, age=2 * RUN_MAX + SECOND),), age=RUN_MAX),
            REFUSED,
            expected("nothing", A, reported={A: STRANGER}),
            id="a-record-older-than-the-role",
        ),
        pytest.param(
            shows(A, records=(young(A, age=2 * RUN_MAX),), age=RUN_MAX),
            REFUSED,
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="a-record-as-old-as-the-plan-of-its-write-may-be",
        ),
        pytest.param(
            shows(writes=(write((), (A,), age=2 * RUN_MAX + SECOND),), age=RUN_MAX),
            WANTED,
            expected("put", A, before=(), added=[A]),
            id="a-write-older-than-the-role",
        ),
        pytest.param(
            shows(writes=(write((), (A,), age=2 * RUN_MAX),), records=(young(A, age=2 * RUN_MAX),), age=RUN_MAX),
            WANTED,
            expected("nothing", A, restored=[A]),
            id="a-write-as-old-as-its-plan-may-be",
        ),
    ],
)
def test_records_and_writes_of_a_former_role_of_the_name_are_void(
    state: RoleState, need: Need, change: RolePolicyChange
) -> None:
    assert changed(state, asks({A: need})) == change


# --- The former policy -------------------------------------------------------------------------------------------


def tidied(kind: Kind, *after: Granted, before: tuple[Granted, ...], **rest: Any) -> RolePolicyChange:
    return expected(kind, *after, policy=FORMER, before=before, **rest)


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(former=(A,), records=(record(A),)),
            {A: NAMED},
            expected("put", A, before=(), confirmed=[A]),
            id="written-under-the-new-name-first",
        ),
        pytest.param(
            shows(former=(A, C), records=(record(A),)),
            {A: NAMED, B: WANTED},
            expected("put", A, B, before=(), added=[B], confirmed=[A]),
            id="written-with-an-addition",
        ),
        pytest.param(
            shows(former=(A,), records=(record(A),)),
            {A: replace(WANTED, grant=A1)},
            expected("put", A1, before=(), rekeyed=[A], confirmed=[A]),
            id="written-with-its-key-of-now",
        ),
        pytest.param(
            shows(former=(A,), records=(record(A),), writes=(write((), (A,)),)),
            {A: NAMED},
            expected("nothing", A, confirmed=[A]),
            id="stays-until-iam-shows-it-under-the-new-name",
        ),
        pytest.param(
            shows(A, former=(A,), records=(record(A),)),
            {A: NAMED},
            tidied("delete", before=(A,), confirmed=[A]),
            id="deleted-when-iam-shows-it-under-the-new-name",
        ),
        pytest.param(
            shows(A, former=(A, B), records=(record(A),)),
            {A: NAMED},
            tidied("put", B, before=(A, B), confirmed=[A]),
            id="what-another-stack-granted-stays",
        ),
        pytest.param(
            shows(A, former=(A,), records=(record(A),)),
            {A: NAMED, B: WANTED},
            expected("put", A, B, before=(A,), added=[B], confirmed=[A]),
            id="our-own-policy-comes-first",
        ),
        pytest.param(shows(former=(A,)), {A: REFUSED}, expected("nothing"), id="without-a-record-it-is-anothers"),
        pytest.param(
            shows(former=(A,), records=(record(A, age=200 * DAY),)),
            {A: REFUSED},
            expected("nothing"),
            id="a-void-record-does-not-vouch-for-it",
        ),
        pytest.param(
            shows(A, records=(record(A),), former=(), writes=(write((A,), (), policy=FORMER),)),
            {A: NAMED},
            expected("nothing", A, confirmed=[A]),
            id="it-has-gone",
        ),
        pytest.param(
            shows(A, former=(A,), records=(record(A),), writes=(write((A,), (), policy=FORMER),)),
            {A: NAMED},
            expected("nothing", A, confirmed=[A]),
            id="it-has-gone-and-iam-shows-it-late",
        ),
        pytest.param(
            shows(A, former=(A,), records=(record(A), FRESH_B), writes=(write((A,), (A, B)),)),
            {A: NAMED, B: NAMED},
            tidied("delete", before=(A,), confirmed=[A]),
            id="the-tidying-write-puts-nothing-back",
        ),
        pytest.param(
            shows(former=(A,), records=(young(A),)),
            {A: REFUSED},
            tidied("delete", before=(A,), revoked={A: "no consent"}),
            id="revoked-there",
        ),
        pytest.param(
            shows(former=(A, B), records=(young(A),)),
            {A: REFUSED},
            tidied("put", B, before=(A, B), revoked={A: "no consent"}),
            id="revoked-there-beside-another-stacks",
        ),
        pytest.param(
            shows(former=(A,), records=(record(A),)), {A: MISSING}, expected("nothing"), id="gone-and-no-write-of-it"
        ),
        pytest.param(
            shows(A, former=(A,), records=(young(A),)),
            {A: REFUSED},
            tidied("delete", before=(A,)),
            id="revoked-there-before-here",
        ),
        pytest.param(
            shows(A, records=(young(A),), writes=(write((A,), (), policy=FORMER),)),
            {A: REFUSED},
            expected("nothing", A),
            id="not-revoked-here-until-iam-has-shown-that-it-has-gone",
        ),
        pytest.param(
            shows(A, records=(young(A),), writes=(write((A,), (), policy=FORMER, age=SHOWS_AFTER),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="revoked-here-five-minutes-later",
        ),
        pytest.param(
            shows(B, former=(A, B), records=(record(A), record(B))),
            {A: MISSING, B: NAMED},
            tidied("delete", before=(A, B), revoked={A: GONE}, confirmed=[B]),
            id="gone-with-the-next-write",
        ),
        pytest.param(
            shows(former=(A,), records=(record(A),), room_for=()),
            {A: NAMED},
            expected("nothing", confirmed=[A]),
            id="stays-while-there-is-no-room-under-the-new-name",
        ),
    ],
)
def test_grants_of_ours_leave_the_former_policy(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange
) -> None:
    assert changed(state, asks(needs)) == change


@pytest.mark.parametrize(
    ("former", "change"),
    [
        pytest.param(
            policy(A, name=FORMER, foreign=True), tidied("put", before=(A,), confirmed=[A]), id="with-a-statement"
        ),
        pytest.param(
            policy(name=FORMER, readable=False), expected("nothing", A, confirmed=[A]), id="that-does-not-parse"
        ),
    ],
)
def test_what_others_wrote_in_the_former_policy_stays(former: OwnPolicy, change: RolePolicyChange) -> None:
    assert changed(shows(A, records=(record(A),), former=former), asks({A: NAMED})) == change


def test_a_grant_that_another_stack_left_in_the_former_policy_never_becomes_ours() -> None:
    state, needs = shows(A, former=(A, B), records=(record(A),)), asks({A: NAMED, B: REFUSED}, complete=True)
    state, later = wrote(state, changed(state, needs), NOW)
    assert own_grants(state, later).keys() == {A.secret}
    assert changed(state, needs, ALWAYS, later) == expected("nothing", A, confirmed=[A])


@pytest.mark.parametrize("shown", [(), (A,)], ids=["not-moved-yet", "moved"])
def test_a_grant_that_is_revoked_leaves_both_policies(shown: tuple[Granted, ...]) -> None:
    state, needs, now = shows(*shown, former=(A,), records=(young(A),)), asks({A: REFUSED}), NOW
    for _ in range(3):
        state, now = wrote(state, changed(state, needs, now=now), now)
    assert (state.own.grants, state.former.grants) == ((), ())


def wrote(state: RoleState, change: RolePolicyChange, now: datetime) -> tuple[RoleState, datetime]:
    """The role when IAM has shown a write for some time, with the records that its run left."""
    if not change.is_write:
        return state, now
    later = now + 2 * SHOWS_AFTER
    done = PolicyWrite(
        id="done",
        policy=change.policy,
        at=now,
        before=change.before,
        after=change.after,
        strangers=change.strangers,
        outcome="done",
    )
    added = tuple(GrantRecord(granted=each, task_definition="web:7", granted_at=now) for each in change.added.values())
    shown = {"own" if change.policy == state.policy else "former": change.after}
    return (
        replace(
            state,
            grants=(*(each for each in state.grants if each.granted.secret not in change.revoked), *added),
            writes=(*state.writes, done),
            **{name: replace(getattr(state, name), grants=grants) for name, grants in shown.items()},
        ),
        later,
    )


# --- Quota -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(room_for=(A, B)),
            {C: WANTED, B: WANTED, A: WANTED},
            expected("put", A, B, before=(), added=[A, B], refused={C: NO_ROOM}),
            id="in-the-order-of-the-arns",
        ),
        pytest.param(
            shows(room_for=()), {A: WANTED, B: WANTED}, expected("nothing", refused={A: NO_ROOM, B: NO_ROOM}), id="none"
        ),
        pytest.param(
            shows(C, records=(record(C),), room_for=(C,)),
            {A: WANTED, C: NAMED},
            expected("nothing", C, refused={A: NO_ROOM}, confirmed=[C]),
            id="nothing-is-displaced",
        ),
        pytest.param(
            shows(C, room_for=(C,)),
            {A: WANTED},
            expected("nothing", C, refused={A: NO_ROOM}, reported={C: STRANGER}),
            id="not-even-what-is-not-ours",
        ),
        pytest.param(
            shows(A, B, records=(record(A), record(B)), room_for=(A,)),
            {A: NAMED, B: NAMED, C: WANTED},
            expected("nothing", A, B, refused={C: NO_ROOM}, confirmed=[A, B]),
            id="not-even-over-the-quota",
        ),
        pytest.param(
            shows(foreign=True, room_for=(A,)),
            {A: WANTED},
            expected("nothing", refused={A: NO_ROOM}),
            id="statements-of-others-count",
        ),
        pytest.param(
            shows(A, records=(young(A),), room_for=(A,)),
            {A: REFUSED, B: WANTED},
            expected("put", B, before=(A,), added=[B], revoked={A: "no consent"}),
            id="a-revocation-makes-room",
        ),
        pytest.param(
            shows(A, records=(record(A),), room_for=(A,)),
            {A: MISSING, B: WANTED},
            expected("put", B, before=(A,), added=[B], revoked={A: GONE}),
            id="a-secret-that-is-gone-makes-room",
        ),
        pytest.param(
            shows(A, records=(record(A),), room_for=(A,)),
            {A: MISSING, B: replace(WANTED, grant=B2)},
            expected("nothing", A, refused={B: NO_ROOM}),
            id="a-refusal-is-no-write",
        ),
    ],
)
def test_additions_fill_the_quota_and_the_rest_is_refused(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange
) -> None:
    assert changed(state, asks(needs)) == change


def test_the_size_of_the_other_policies_counts() -> None:
    full = shows(others_chars=INLINE_POLICIES_MAX_CHARS)
    assert changed(full, asks({A: WANTED})) == expected("nothing", refused={A: NO_ROOM})


# --- Keys --------------------------------------------------------------------------------------------------------

NEW_KEY = replace(WANTED, grant=A1)


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(
            shows(A, records=(record(A),)),
            {A: NEW_KEY},
            expected("put", A1, before=(A,), rekeyed=[A], confirmed=[A]),
            id="a-key-of-its-own",
        ),
        pytest.param(
            shows(A2, records=(record(A2),)),
            {A: NEW_KEY},
            expected("put", A1, before=(A2,), rekeyed=[A], confirmed=[A]),
            id="another-key",
        ),
        pytest.param(
            shows(A1, records=(record(A1),)),
            {A: WANTED},
            expected("put", A, before=(A1,), rekeyed=[A], confirmed=[A]),
            id="the-managed-key",
        ),
        pytest.param(
            shows(A, records=(record(A, age=MINUTE, confirmed=False),)),
            {A: NEW_KEY},
            expected("put", A1, before=(A,), rekeyed=[A]),
            id="before-it-is-confirmed",
        ),
        pytest.param(
            shows(A, B, records=(record(A), record(B)), room_for=(A1, B)),
            {A: NEW_KEY, B: replace(WANTED, grant=B2)},
            expected("put", A1, B, before=(A, B), rekeyed=[A], confirmed=[A, B]),
            id="as-far-as-there-is-room",
        ),
        pytest.param(
            shows(A, records=(record(A),), room_for=(A1,)),
            {A: NEW_KEY, B: WANTED},
            expected("put", A1, before=(A,), rekeyed=[A], refused={B: NO_ROOM}, confirmed=[A]),
            id="before-an-addition",
        ),
    ],
)
def test_a_grant_gets_the_secrets_key_of_now(
    state: RoleState, needs: dict[Granted, Need], change: RolePolicyChange
) -> None:
    assert changed(state, asks(needs)) == change


@pytest.mark.parametrize(
    ("state", "need", "change"),
    [
        pytest.param(
            shows(A, records=(record(A),)),
            replace(NEW_KEY, has_consent=False),
            expected("nothing", A, unneeded={A: "grant-without-consent"}),
            id="without-consent",
        ),
        pytest.param(
            shows(A, records=(record(A),)),
            replace(NEW_KEY, has_consent=None),
            expected("nothing", A),
            id="perhaps-without-consent",
        ),
        pytest.param(
            shows(A, records=(record(A),)), replace(NEW_KEY, exists=None), expected("nothing", A), id="perhaps-gone"
        ),
        pytest.param(
            shows(A, records=(record(A),)), replace(NEW_KEY, is_observed=True), expected("nothing", A), id="observed"
        ),
        pytest.param(
            shows(A, records=(record(A),)),
            replace(NEW_KEY, is_wanted=False),
            expected("nothing", A, confirmed=[A]),
            id="not-wanted",
        ),
        pytest.param(
            shows(A, records=(record(A),), room_for=(A,)),
            NEW_KEY,
            expected("nothing", A, confirmed=[A]),
            id="without-room",
        ),
    ],
)
def test_without_the_consent_of_an_addition_the_old_key_stays(
    state: RoleState, need: Need, change: RolePolicyChange
) -> None:
    assert changed(state, asks({A: need})) == change


@pytest.mark.parametrize(
    ("shown", "need", "change"),
    [
        pytest.param(
            A,
            NEW_KEY,
            expected("put", A1, before=(A,), added=[A1], reported={A: STRANGER}),
            id="the-key-that-it-lacks",
        ),
        pytest.param(
            A2,
            NEW_KEY,
            expected("put", A1, A2, before=(A2,), added=[A1], reported={A: STRANGER}),
            id="another-key",
        ),
        pytest.param(A1, NEW_KEY, expected("nothing", A1, reported={A: STRANGER}), id="the-same-key"),
        pytest.param(A1, WANTED, expected("nothing", A1, reported={A: STRANGER}), id="no-key"),
        pytest.param(
            A, replace(NEW_KEY, has_consent=None), expected("nothing", A, reported={A: STRANGER}), id="no-consent"
        ),
    ],
)
def test_beside_a_grant_that_is_not_ours_the_secrets_key_of_now_is_added(
    shown: Granted, need: Need, change: RolePolicyChange
) -> None:
    assert changed(shows(shown), asks({A: need})) == change


def test_a_grant_that_is_not_ours_stays_when_ours_of_the_same_secret_is_revoked() -> None:
    state, now = wrote(shows(A2), changed(shows(A2), asks({A: NEW_KEY})), NOW)
    assert state.own.grants == (A1, A2)
    change = changed(state, asks({A: replace(REFUSED, grant=A1)}), now=now)
    assert (change.kind, change.after) == ("put", (A2,))
    assert change.revoked == {A.secret: "no consent"}


def test_a_key_that_could_not_be_read_stays() -> None:
    state = shows(A1, records=(record(A1),))
    assert changed(state, Needs(secrets={A.secret: WANTED})) == expected("nothing", A1, confirmed=[A])


# --- What is ours ------------------------------------------------------------------------------------------------


def left(granted: Granted, age: timedelta) -> GrantRecord:
    """The record of what a write of this ``age`` left."""
    return GrantRecord(granted=granted, task_definition="web:6", granted_at=NOW - age)


LONG_AGO = 6 * MINUTE


@pytest.mark.parametrize(
    ("state", "records"),
    [
        pytest.param(shows(A), (), id="nothing-is-recorded"),
        pytest.param(shows(A, records=(record(A),)), (record(A),), id="recorded"),
        pytest.param(shows(records=(record(A),)), (record(A),), id="recorded-and-not-shown"),
        pytest.param(shows(A, records=(record(A),), age=DAY - RUN_MAX), (record(A),), id="within-a-run-of-the-role"),
        pytest.param(shows(A, records=(record(A),), age=DAY - RUN_MAX - SECOND), (), id="older-than-the-role"),
        pytest.param(shows(A, writes=(write((), (A,), age=SHOWS_AFTER),)), (left(A, SHOWS_AFTER),), id="written"),
        pytest.param(shows(A, writes=(write((), (A,), age=SHOWS_AFTER - SECOND),)), (), id="written-just-now"),
        pytest.param(
            shows(A, writes=(write((), (A,), age=LONG_AGO, outcome="planned"),)),
            (left(A, LONG_AGO),),
            id="by-a-run-that-died",
        ),
        pytest.param(
            shows(A, B, writes=(write((A, C), (A, B), age=LONG_AGO, outcome="planned"),)),
            (left(A, LONG_AGO), left(B, LONG_AGO)),
            id="what-it-found-there-as-well",
        ),
        pytest.param(
            shows(A, B, writes=(write((A,), (A, B), age=LONG_AGO, strangers=(A,)),)),
            (left(B, LONG_AGO),),
            id="no-strangers",
        ),
        pytest.param(
            shows(A, C, writes=(write((A, C), (A, B), age=LONG_AGO, outcome="planned"),)), (), id="by-a-write-not-shown"
        ),
        pytest.param(
            shows(A, writes=(write((), (A, B), age=LONG_AGO),)), (left(A, LONG_AGO),), id="only-what-is-still-there"
        ),
        pytest.param(shows(A1, writes=(write((), (A,), age=LONG_AGO),)), (left(A1, LONG_AGO),), id="with-its-key"),
        pytest.param(
            shows(A, B, writes=(write((A, B), (A,), age=LONG_AGO, policy=FORMER),)), (), id="not-of-the-former-policy"
        ),
        pytest.param(shows(A, writes=(write((), (A,), age=LONG_AGO, outcome="refused"),)), (), id="refused"),
        pytest.param(shows(A, writes=(write((), (A,), age=LONG_AGO, outcome="lost"),)), (), id="lost"),
        pytest.param(shows(A, writes=(write((), (A,), age=LONG_AGO),), age=LONG_AGO - RUN_MAX - SECOND), (), id="void"),
        pytest.param(
            shows(A, records=(record(A),), writes=(write((), (A,), age=LONG_AGO),)),
            (record(A),),
            id="a-rewrite-renews-no-record",
        ),
        pytest.param(
            shows(A1, records=(record(A),), writes=(write((A,), (A1,), age=LONG_AGO),)),
            (record(A),),
            id="a-new-key-renews-no-record",
        ),
    ],
)
def test_ours_is_what_is_recorded_or_left_by_a_write_since_the_role_was_created(
    state: RoleState, records: tuple[GrantRecord, ...]
) -> None:
    assert own_grants(state, NOW) == {each.granted.secret: each for each in records}


def test_what_a_run_that_died_left_is_not_confirmed_and_goes_without_consent() -> None:
    state = shows(A, writes=(write((), (A,), age=LONG_AGO, outcome="planned"),))
    assert changed(state, asks({A: REFUSED})) == expected("delete", before=(A,), revoked={A: "no consent"})
    assert changed(state, asks({A: NAMED})) == expected("nothing", A, confirmed=[A])


@pytest.mark.parametrize(
    ("before", "after", "shown", "is_done"),
    [
        pytest.param((), (A,), (A,), True, id="added"),
        pytest.param((), (A,), (), False, id="not-added"),
        pytest.param((), (A, B), (A,), False, id="half-added"),
        pytest.param((A,), (), (), True, id="removed"),
        pytest.param((A,), (), (A,), False, id="not-removed"),
        pytest.param((A,), (B,), (A, B), False, id="added-and-not-removed"),
        pytest.param((A,), (B,), (B, C), True, id="beside-somebodys-grant"),
        pytest.param((A, C), (B, C), (B,), True, id="somebody-removed-what-it-left"),
        pytest.param((A,), (A1,), (A1,), True, id="another-key"),
        pytest.param((A,), (A1,), (A,), False, id="the-old-key"),
        pytest.param((A,), (A,), (A,), True, id="no-change"),
    ],
)
@pytest.mark.parametrize("name", [OURS, FORMER])
def test_a_write_has_landed_if_iam_shows_what_it_added_and_nothing_that_it_removed(
    before: tuple[Granted, ...], after: tuple[Granted, ...], shown: tuple[Granted, ...], is_done: bool, name: str
) -> None:
    state = shows(*shown) if name == OURS else shows(former=shown)
    assert landed(write(before, after, policy=name), state) is is_done
    open_write = write(before, after, age=SHOWS_AFTER, outcome="planned", policy=name)
    over = replace(open_write, outcome="done" if is_done else "lost")
    assert closed(replace(state, writes=(open_write,)), NOW) == (over,)


@pytest.mark.parametrize(
    "still",
    [
        pytest.param(write((), (A,), age=SHOWS_AFTER - SECOND, outcome="planned"), id="too-young"),
        pytest.param(write((), (A,), age=DAY), id="done"),
        pytest.param(write((), (A,), age=DAY, outcome="refused"), id="refused"),
        pytest.param(write((), (A,), age=DAY, outcome="lost"), id="lost"),
    ],
)
def test_no_other_write_is_closed(still: PolicyWrite) -> None:
    over = write((), (A,), age=DAY, outcome="planned")
    for state in (shows(A, writes=(over, still)), shows(A, writes=(still, over))):
        assert closed(state, NOW) == (replace(over, outcome="done"),)


def test_a_change_names_the_task_definition_of_each_grant() -> None:
    state = shows(A, B, records=(record(A), record(B)))
    needs = asks({A: replace(NAMED, task_definition="web:8"), B: UNREAD, C: replace(WANTED, task_definition="api:1")})
    users = {str(A.secret): "web:8", str(B.secret): "web:7", str(C.secret): "api:1"}
    assert role_policy_change(state, needs, NEVER, NOW).users == users
