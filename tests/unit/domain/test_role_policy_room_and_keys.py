"""The change of our policy where the quota has no room for it, and where the key of a secret changes."""

from dataclasses import replace

import pytest

from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    Granted,
)
from pullguard.domain.role_policy import (
    GONE,
    NO_ROOM,
    STRANGER,
    Need,
    Needs,
    RolePolicyChange,
)
from pullguard.domain.role_state import RoleState
from tests.fakes import NOW
from tests.unit.domain.role_states import (
    A1,
    A2,
    B2,
    MINUTE,
    MISSING,
    NAMED,
    REFUSED,
    WANTED,
    A,
    B,
    C,
    asks,
    changed,
    expected,
    record,
    shows,
    wrote,
    young,
)

# --- Quota ---


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
            id="not-even-a-foreign-grant",
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


# --- Keys ---


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
            shows(A, B, records=(record(A), record(B)), room_for=(A1,)),
            {A: NEW_KEY, B: NAMED},
            expected("nothing", A, B, confirmed=[A, B]),
            id="not-if-there-is-no-room-beside-the-others",
        ),
        pytest.param(
            shows(A, B, records=(record(A), record(B))),
            {A: NAMED, B: replace(WANTED, grant=B2)},
            expected("put", A, B2, before=(A, B), rekeyed=[B], confirmed=[A, B]),
            id="beside-one-that-has-it",
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
def test_the_present_key_of_the_secret_is_added_beside_a_foreign_grant(
    shown: Granted, need: Need, change: RolePolicyChange
) -> None:
    assert changed(shows(shown), asks({A: need})) == change


def test_a_grant_that_is_not_ours_with_the_key_of_now_prevents_no_other() -> None:
    change = expected("put", A1, B, before=(A1,), added=[B], reported={A: STRANGER})
    assert changed(shows(A1), asks({A: NEW_KEY, B: WANTED})) == change


def test_a_grant_that_is_not_ours_stays_when_ours_of_the_same_secret_is_revoked() -> None:
    state, now = wrote(shows(A2), changed(shows(A2), asks({A: NEW_KEY})), NOW)
    assert state.own.grants == (A1, A2)
    change = changed(state, asks({A: replace(REFUSED, grant=A1)}), now=now)
    assert (change.kind, change.after) == ("put", (A2,))
    assert change.revoked == {A.secret: "no consent"}


def test_a_key_that_could_not_be_read_stays() -> None:
    state = shows(A1, records=(record(A1),))
    assert changed(state, Needs(secrets={A.secret: WANTED})) == expected("nothing", A1, confirmed=[A])
