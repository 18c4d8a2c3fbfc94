"""Which grants are ours, and what became of a write, by what IAM shows and the ledger recorded."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pullguard.domain.errors import NotNow
from pullguard.domain.policy_document import (
    Granted,
    OwnPolicy,
)
from pullguard.domain.role_item import RUN_MAX, SHOWS_AFTER, GrantRecord, PolicyWrite, RoleItem, WriteOutcome
from pullguard.domain.role_state import RoleState, closed, known_of, landed, own_grants
from tests.fakes import NOW
from tests.unit.domain.role_states import A1, A2, DAY, FORMER, MINUTE, OURS, SECOND, A, B, C, record, shows, write


def left(granted: Granted, age: timedelta, task_definition: str = "web:6") -> GrantRecord:
    """The record of what a write of this ``age`` left."""
    return GrantRecord(granted=granted, task_definition=task_definition, granted_at=NOW - age)


ITEM = RoleItem(role_id="AROANEW", created_at=NOW, grants=(record(A),))
UNDATED = replace(ITEM, created_at=None)
OF_THIS_ROLE: dict[str, tuple[RoleItem, str, datetime | None, RoleItem]] = {
    "the-same": (ITEM, "AROANEW", NOW, ITEM),
    "the-same-without-its-date": (ITEM, "AROANEW", None, ITEM),
    "an-item-without-an-id": (RoleItem(grants=(record(A),)), "AROANEW", NOW, RoleItem(grants=(record(A),))),
    "a-later-one": (ITEM, "AROALATER", NOW + SECOND, ITEM),
    "one-of-the-same-second": (ITEM, "AROALATER", NOW, ITEM),
    "another-one-without-its-date": (ITEM, "AROALATER", None, RoleItem()),
    "another-one-than-that-of-an-item-without-a-date": (UNDATED, "AROALATER", NOW, RoleItem()),
}


@pytest.mark.parametrize(("item", "role_id", "created_at", "known"), OF_THIS_ROLE.values(), ids=OF_THIS_ROLE)
def test_the_ledgers_knowledge_belongs_to_the_role_that_iam_shows(
    item: RoleItem, role_id: str, created_at: datetime | None, known: RoleItem
) -> None:
    assert known_of(item, role_id, created_at) == known


def test_an_earlier_role_of_that_name_is_a_late_answer() -> None:
    with pytest.raises(NotNow, match="AROAOLD, which was deleted: AROANEW has its name now"):
        known_of(ITEM, "AROAOLD", NOW - SECOND)


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
            id="the-grants-that-it-found-there-as-well",
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
        pytest.param(
            shows(A, writes=(write((), (A,), age=LONG_AGO),), age=LONG_AGO - RUN_MAX),
            (left(A, LONG_AGO),),
            id="written-within-a-run-of-the-role",
        ),
        pytest.param(
            shows(A2, A1, writes=(write((), (A1, A2), age=LONG_AGO),)), (left(A2, LONG_AGO),), id="with-the-greater-key"
        ),
        pytest.param(
            shows(A, writes=(write((), (B,), age=DAY, outcome="refused"), write((), (A,), age=LONG_AGO))),
            (left(A, LONG_AGO),),
            id="written-after-a-refusal",
        ),
        pytest.param(
            shows(A, writes=(write((), (A,), age=DAY), write((A,), (A, B)), write((A, B), (B,), age=SECOND))),
            (),
            id="removed-by-the-last-of-several-writes",
        ),
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
def test_our_grants_are_those_recorded_or_left_by_a_write_since_the_role_was_created(
    state: RoleState, records: tuple[GrantRecord, ...]
) -> None:
    assert own_grants(state, NOW) == {each.granted.secret: each for each in records}


def test_by_default_a_role_has_nothing() -> None:
    nothing = replace(shows(), own=OwnPolicy(), former=OwnPolicy())
    assert RoleState(created_at=nothing.created_at, policy=OURS) == nothing


def took(*taken: Granted, age: timedelta = LONG_AGO, outcome: WriteOutcome = "done", **more: Any) -> PolicyWrite:
    """A write that took grants from the former policy, and left C there."""
    return replace(write((*taken, C), (C,), age=age, policy=FORMER, outcome=outcome), **more)


@pytest.mark.parametrize(
    ("state", "records"),
    [
        pytest.param(shows(former=(A, C), writes=(took(A),)), (left(A, LONG_AGO, ""),), id="put-back"),
        pytest.param(shows(former=(A1, C), writes=(took(A),)), (left(A1, LONG_AGO, ""),), id="with-another-key"),
        pytest.param(
            shows(former=(A,), writes=(took(A, users={str(A.secret): "web:5"}),)),
            (left(A, LONG_AGO, "web:5"),),
            id="for-its-task-definition",
        ),
        pytest.param(
            shows(former=(A,), writes=(took(A, outcome="planned"),)), (left(A, LONG_AGO, ""),), id="by-a-run-that-died"
        ),
        pytest.param(
            shows(former=(A, B), writes=(write((), (), age=LONG_AGO), took(A, outcome="lost"), took(B))),
            (left(B, LONG_AGO, ""),),
            id="by-one-of-several-writes",
        ),
        pytest.param(
            shows(former=(A,), writes=(took(A),), age=LONG_AGO - RUN_MAX),
            (left(A, LONG_AGO, ""),),
            id="within-a-run-of-the-role",
        ),
        pytest.param(
            shows(former=(A,), writes=(took(A),), age=LONG_AGO - RUN_MAX - SECOND), (), id="older-than-the-role"
        ),
        pytest.param(shows(former=(C,), writes=(took(A),)), (), id="not-put-back"),
        pytest.param(shows(former=(A,), writes=(took(A, outcome="refused"),)), (), id="refused"),
        pytest.param(
            shows(former=(A,), records=(record(A),), writes=(took(A),)), (record(A),), id="it-renews-no-record"
        ),
        pytest.param(
            shows(former=(A,), writes=(write((A,), (), age=LONG_AGO),)), (), id="taken-from-the-policy-of-now"
        ),
    ],
)
def test_a_grant_from_the_former_policy_is_ours_if_another_stack_puts_it_back(
    state: RoleState, records: tuple[GrantRecord, ...]
) -> None:
    assert own_grants(state, NOW) == {each.granted.secret: each for each in records}


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
        pytest.param((A, C), (B, C), (B,), True, id="a-person-removed-the-grant-that-it-left"),
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
