"""The change of our policy on a role that IAM shows late, or that was created again."""

from datetime import timedelta

import pytest

from pullguard.domain.policy_document import (
    Granted,
)
from pullguard.domain.role_item import RUN_MAX, SHOWS_AFTER, PolicyVersion, digest
from pullguard.domain.role_policy import (
    GONE,
    STRANGER,
    Need,
    RolePolicyChange,
    role_policy_change,
)
from pullguard.domain.role_state import RoleState
from tests.fakes import NOW
from tests.unit.domain.role_states import (
    ALWAYS,
    FORMER,
    MINUTE,
    MISSING,
    NAMED,
    NEVER,
    OURS,
    REFUSED,
    SECOND,
    UNREAD,
    WANTED,
    A,
    B,
    C,
    asks,
    changed,
    expected,
    policy,
    record,
    shows,
    write,
    young,
)

# --- Late answers ---


def version(*grants: Granted, policy: str = OURS, age: timedelta = MINUTE) -> PolicyVersion:
    """A version of our policy with these grants, written or replaced at this ``age``."""
    return PolicyVersion(policy=policy, digest=digest(grants), at=NOW - age)


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
            id="an-edit-of-a-person-is-accepted-as-it-is",
        ),
        pytest.param(
            shows(
                C,
                records=(FRESH_A,),
                writes=(write((), (A,)),),
                versions=(version(C, policy=FORMER),),
            ),
            {A: WANTED},
            expected("put", A, C, before=(C,), added=[A], reported={C: STRANGER}),
            id="a-version-of-the-former-policy-is-no-version-of-ours",
        ),
        pytest.param(
            shows(C, records=(FRESH_A,), writes=(write((), (A,)),), versions=(version(C),)),
            {A: WANTED},
            expected("nothing", A, restored=[A]),
            id="a-version-whose-write-is-not-kept-is-one-of-ours",
        ),
        pytest.param(
            shows(C, records=(FRESH_A,), writes=(write((), (A,)),), versions=(version(C, age=SHOWS_AFTER),)),
            {A: WANTED},
            expected("put", A, C, before=(C,), added=[A], reported={C: STRANGER}),
            id="a-version-of-five-minutes-ago-is-not-shown-any-more",
        ),
        pytest.param(
            shows(
                former=(C,),
                records=(record(C),),
                writes=(write((A,), (), policy=FORMER),),
                versions=(version(C),),
            ),
            {C: NAMED},
            expected("put", C, before=(), confirmed=[C]),
            id="a-version-of-ours-is-none-of-the-former-policy",
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
            id="a-grant-that-iam-did-not-show-is-written-again-and-reported",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="a-grant-that-iam-does-not-show-goes-without-consent",
        ),
        pytest.param(
            shows(records=(record(A, age=MINUTE),), writes=(write((), (A,)),)),
            {A: REFUSED},
            expected("delete", before=(A,), revoked={A: "no consent"}),
            id="a-grant-that-iam-does-not-show-goes-even-if-confirmed",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,), age=2 * MINUTE), write((A,), (), policy=FORMER))),
            {A: REFUSED, B: WANTED},
            expected("put", B, before=(A,), added=[B], revoked={A: "no consent"}),
            id="a-grant-that-iam-does-not-show-goes-even-if-it-left-the-former-policy-just-now",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: MISSING},
            expected("delete", before=(A,), revoked={A: GONE}),
            id="a-grant-that-iam-does-not-show-goes-if-the-secret-is-gone",
        ),
        pytest.param(
            shows(records=(FRESH_A,), writes=(write((), (A,)),)),
            {A: UNREAD, B: WANTED},
            expected("put", A, B, before=(A,), added=[B], restored=[A]),
            id="an-unknown-state-is-written-again",
        ),
    ],
)
def test_our_last_write_counts_for_five_minutes_if_iam_shows_a_version_of_ours(
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


# --- A role of the same name ---


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
