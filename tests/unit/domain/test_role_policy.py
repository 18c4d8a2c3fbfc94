"""The change of our policy on one role, rule by rule: add, keep, revoke, confirm."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from pullguard.domain.policy_document import (
    Granted,
)
from pullguard.domain.role_item import SHOWS_AFTER, RoleItem, Unneeded
from pullguard.domain.role_policy import (
    GONE,
    STRANGER,
    Need,
    Needs,
    RevocationRules,
    RolePolicyChange,
    role_policy_change,
)
from pullguard.domain.role_state import RoleState
from tests.fakes import NOW
from tests.unit.domain.role_states import (
    A1,
    ALWAYS,
    B2,
    DAY,
    MINUTE,
    MISSING,
    NAMED,
    NEVER,
    OBSERVED,
    OURS,
    REFUSED,
    SECOND,
    UNNAMED,
    UNNEEDED,
    UNREAD,
    WANTED,
    WITHOUT_CONSENT,
    A,
    B,
    C,
    asks,
    changed,
    expected,
    record,
    shows,
    write,
    young,
)

# --- Add ---


@pytest.mark.parametrize(
    ("state", "needs", "change"),
    [
        pytest.param(shows(), asks({A: WANTED}), expected("put", A, before=(), added=[A]), id="a-wanted-secret"),
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
            id="again-after-a-person-removed-it",
        ),
        pytest.param(
            shows(),
            asks({A: replace(WANTED, grant=A1)}),
            expected("put", A1, before=(), added=[A1]),
            id="with-the-key-of-now",
        ),
    ],
)
def test_a_wanted_secret_that_exists_has_consent_and_is_not_observed_is_added(
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


# --- Keep ---


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
def test_a_named_or_unknown_secret_is_kept(state: RoleState, needs: Needs, change: RolePolicyChange) -> None:
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
def test_a_confirmed_grant_under_observe_leads_to_no_finding_and_no_write(need: Need) -> None:
    state = shows(A, records=(record(A, unneeded=20 * DAY),))
    assert changed(state, asks({A: need}, complete=True), ALWAYS) == expected("nothing", A)


# --- Revoke ---


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
            id="a-foreign-grant-does-not-move-and-makes-no-write",
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
        pytest.param(Grace(since=None, grace=timedelta(), is_due=True, is_revoked=True), id="without-any-grace-period"),
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


@pytest.mark.parametrize(("since", "is_due"), [(14 * DAY - SECOND, False), (14 * DAY, True)])
def test_by_default_nothing_is_complete_and_the_grace_period_is_two_weeks(since: timedelta, is_due: bool) -> None:
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=since),))
    needs = Needs(secrets={A.secret: replace(UNNAMED, grant=A)})
    assert changed(state, needs, ALWAYS) == expected("nothing", A, confirmed=[A])
    assert changed(state, replace(needs, is_swept=True), ALWAYS) == expected(
        "nothing", A, unneeded={A: "grant-unneeded"}, due=[A] if is_due else []
    )
    assert not Need().is_for_containers


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
def test_the_finding_that_the_deployment_revokes_for_counts(
    rules: RevocationRules, finding: Unneeded, reason: str | None
) -> None:
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=20 * DAY),))
    change = changed(state, asks({A: replace(REFUSED, is_named=False)}, complete=True), rules)
    assert (change.unneeded, change.revoked) == ({A.secret: finding}, {A.secret: reason} if reason else {})


def test_no_confirmed_grant_is_revoked_if_iam_would_refuse_every_write() -> None:
    state = shows(A, records=(record(A, age=99 * DAY, unneeded=20 * DAY),))
    needs = replace(asks({A: replace(REFUSED, is_named=False)}, complete=True), is_writable=False)
    change = changed(state, needs, ALWAYS)
    assert (change.kind, change.unneeded, change.due) == ("nothing", {A.secret: "grant-without-consent"}, frozenset())


def test_consent_is_missed_whether_or_not_all_dependents_are_known() -> None:
    state = shows(A, records=(record(A, unneeded=20 * DAY),))
    finding = {A: "grant-without-consent"}
    assert changed(state, asks({A: REFUSED}), NEVER) == expected("nothing", A, unneeded=finding)
    assert changed(state, asks({A: REFUSED}), ALWAYS) == expected("nothing", A, unneeded=finding, due=[A])


# --- Confirmed ---


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


# --- Explained ---


def test_a_grant_that_a_dead_run_left_is_not_confirmed_and_goes_without_consent() -> None:
    state = shows(A, writes=(write((), (A,), age=6 * MINUTE, outcome="planned"),))
    assert changed(state, asks({A: REFUSED})) == expected("delete", before=(A,), revoked={A: "no consent"})
    assert changed(state, asks({A: NAMED})) == expected("nothing", A, confirmed=[A])


def test_a_change_names_the_task_definition_of_each_grant() -> None:
    state = shows(A, B, records=(record(A), record(B)))
    needs = asks({A: replace(NAMED, task_definition="web:8"), B: UNREAD, C: replace(WANTED, task_definition="api:1")})
    users = {str(A.secret): "web:8", str(B.secret): "web:7", str(C.secret): "api:1"}
    assert role_policy_change(state, needs, NEVER, NOW).users == users


# --- The circuit breaker ---


def test_the_breaker_holds_back_additions_and_new_keys_but_no_revocation() -> None:
    state = shows(A, B, records=(record(A), young(B)))
    change = changed(state, asks({A1: WANTED, B: REFUSED, C: WANTED}))
    touched = (A.secret, B.secret, C.secret)
    assert ({*change.rekeyed}, {*change.revoked}, {*change.added}) == ({A.secret}, {B.secret}, {C.secret})
    once = RoleItem().with_writes(touched, NOW)
    assert set(change.held_by_breaker(once, 1, NOW)) == {A.secret, C.secret}
    assert change.held_by_breaker(once, 2, NOW) == ()
    only = RoleItem().with_writes((C.secret,), NOW)
    assert change.held_by_breaker(only, 1, NOW) == (C.secret,)


def test_without_wanting_a_secret_it_stays_named() -> None:
    needs = asks({A: WANTED, B: WANTED, C: NAMED}).without_wanting((A.secret, C.secret))
    wants = {secret: (need.is_wanted, need.is_named) for secret, need in needs.secrets.items()}
    assert wants == {A.secret: (False, True), B.secret: (True, True), C.secret: (False, True)}
