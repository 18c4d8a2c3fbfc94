"""Grants as the ledger remembers them: of which role, unused since when, and without whose consent."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.grant_record import GrantRecord, GrantWithoutConsent
from pullguard.domain.policy_document import Granted, policy_document, render
from pullguard.domain.records import from_record, to_record
from pullguard.domain.write_history import Write
from tests.fakes import NOW, ROLE_ID, key, role, role_arn, secret_arn

GRANTED = Granted(secret=secret_arn(), key=None)
WITH_KEY = Granted(secret=secret_arn(), key=key().arn)
OTHER = Granted(secret=secret_arn("other"), key=None)
RECORD = GrantRecord(granted=GRANTED, task_definition="web:7", role_id=ROLE_ID)


def test_a_record_is_read_from_its_item() -> None:
    data = {"secret": str(secret_arn()), "key": str(key().arn), "task_definition": "web:7", "role_id": ROLE_ID}
    item = {"unused_since": {"S": NOW.isoformat()}, "unused_sweep": {"S": "s1"}}
    assert GrantRecord.from_item(data, item) == GrantRecord(
        granted=WITH_KEY, task_definition="web:7", role_id=ROLE_ID, unused_since=NOW, unused_sweep="s1"
    )


def test_an_item_of_an_earlier_version_lacks_members() -> None:
    assert GrantRecord.from_item({"secret": str(secret_arn()), "key": None}, {}) == GrantRecord(
        granted=GRANTED, task_definition=""
    )


@pytest.mark.parametrize(
    ("role_id", "is_of"), [(ROLE_ID, True), ("", True), ("AROAEARLIER", False)], ids=["same", "not-recorded", "earlier"]
)
def test_a_grant_to_an_earlier_role_of_the_name_is_not_this_ones(role_id: str, is_of: bool) -> None:
    assert replace(RECORD, role_id=role_id).is_of(role()) is is_of


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        pytest.param({}, False, id="needed"),
        pytest.param({"unused_since": NOW - timedelta(days=7), "unused_sweep": "s1"}, True, id="for-the-whole-grace"),
        pytest.param({"unused_since": NOW - timedelta(days=6), "unused_sweep": "s1"}, False, id="not-long-enough"),
        pytest.param({"unused_since": NOW - timedelta(days=9), "unused_sweep": "s0"}, False, id="not-by-this-sweep"),
        pytest.param({"unused_since": NOW - timedelta(days=9)}, False, id="by-no-sweep"),
    ],
)
def test_a_grant_is_due_after_the_grace(changes: dict[str, Any], due: bool) -> None:
    assert replace(RECORD, **changes).is_due("s1", grace_days=7, now=NOW) is due


KEPT = GrantWithoutConsent(granted=WITH_KEY, before=GRANTED, task_definition="web:7", why="not opted in")


@pytest.mark.parametrize("record", [KEPT, replace(KEPT, before=None)], ids=["more-than-before", "new"])
def test_a_grant_without_consent_survives_the_ledger(record: GrantWithoutConsent) -> None:
    assert from_record(GrantWithoutConsent, to_record(record)) == record


def write(*after: Granted, before: tuple[Granted, ...] = (), **changes: Any) -> Write:
    texts = (render(policy_document(each)) if each else None for each in (before, after))
    record = {**dict(zip(("before", "after"), texts, strict=True)), "task_definition": "api:1", "outcome": "written"}
    return replace(Write.from_record(role_arn(), "2026-11-23T12:00:00+00:00#m1", record), **changes)


UNREAD = GrantWithoutConsent(granted=GRANTED, before=None, task_definition="", why="not opted in")
RECALLED: dict[str, tuple[list[Write], Granted | None, tuple[Granted, Granted | None, str] | None]] = {
    "no-write": ([], GRANTED, None),
    "another-secrets-write": ([write(OTHER)], GRANTED, None),
    "the-write-that-made-it": ([write(GRANTED)], GRANTED, (GRANTED, None, "api:1")),
    "the-write-that-added-the-key": ([write(WITH_KEY, before=(GRANTED,))], WITH_KEY, (WITH_KEY, GRANTED, "api:1")),
    "the-policy-shows-another": ([write(GRANTED)], WITH_KEY, None),
    "the-policy-was-not-read": ([write(GRANTED)], None, (GRANTED, None, "api:1")),
    "a-refused-write": ([write(GRANTED, outcome="refused")], GRANTED, None),
    "a-write-that-kept-it": ([write(GRANTED, OTHER, before=(GRANTED,))], GRANTED, None),
    "the-last-of-two": ([write(GRANTED), write(GRANTED, task_definition="web:9")], GRANTED, (GRANTED, None, "web:9")),
}


@pytest.mark.parametrize(("writes", "shown", "expected"), RECALLED.values(), ids=RECALLED)
def test_what_cannot_be_read_is_recalled_from_the_writes(
    writes: list[Write], shown: Granted | None, expected: tuple[Granted, Granted | None, str] | None
) -> None:
    found = UNREAD.recalled(writes, shown)
    assert (None if found is None else (found.granted, found.before, found.task_definition)) == expected


def test_what_can_be_read_is_not_looked_up_in_the_writes() -> None:
    assert KEPT.recalled([write(OTHER)], None) is KEPT
