"""The move of our grants from the policy of the former name, which several stacks shared."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.policy_document import (
    Granted,
    OwnPolicy,
)
from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.domain.role_policy import (
    GONE,
    Need,
    RolePolicyChange,
)
from pullguard.domain.role_state import RoleState, own_grants
from tests.fakes import NOW
from tests.unit.domain.role_states import (
    A1,
    A2,
    ALWAYS,
    DAY,
    FORMER,
    MINUTE,
    MISSING,
    NAMED,
    REFUSED,
    WANTED,
    A,
    B,
    C,
    Kind,
    asks,
    changed,
    expected,
    policy,
    record,
    shows,
    write,
    wrote,
    young,
)


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
            id="a-grant-of-another-stack-stays",
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
            shows(A, former=(A,), records=(record(A), young(B, age=MINUTE)), writes=(write((A,), (A, B)),)),
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
            shows(former=(B,), records=(young(B),), writes=(write((A, B), (B,), policy=FORMER),)),
            {B: REFUSED},
            tidied("delete", before=(B,), revoked={B: "no consent"}),
            id="revoked-there-although-another-grant-left-just-now",
        ),
        pytest.param(
            shows(A1, former=(A2,), records=(record(A1),)),
            {A: replace(NAMED, grant=A1)},
            tidied("delete", before=(A2,), confirmed=[A]),
            id="the-key-of-now-is-not-replaced-by-a-former-one",
        ),
        pytest.param(
            shows(B, former=(A,), records=(record(A), record(B))),
            {A: NAMED, B: MISSING},
            expected("put", A, before=(B,), revoked={B: GONE}, confirmed=[A]),
            id="a-move-is-a-write-that-drops-what-is-gone",
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
def test_a_foreign_statement_in_the_former_policy_stays(former: OwnPolicy, change: RolePolicyChange) -> None:
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
