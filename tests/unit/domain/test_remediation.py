"""Remediations of a task definition: stable ids, and a record that survives the ledger."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.errors import Malformed
from pullguard.domain.remediation import Deed, Remediation, WrittenGrant
from tests.fakes import revision_arn, role_arn

DEED = Deed(
    kind="grant",
    what="let role web-execution read secret registry/ghcr",
    task_definition=str(revision_arn()),
    target=str(role_arn()),
    why="",
    findings=("f1", "f2"),
)
DONE = Remediation(event="Remediation Completed", deed=DEED, before=None, after="{}", message_id="m1")


def changed(remediation: Remediation, **deed: Any) -> Remediation:
    return replace(remediation, deed=replace(remediation.deed, **deed))


def test_a_record_survives_the_ledger() -> None:
    kept = DONE.to_dict()
    assert Remediation.from_dict(kept) == DONE
    several = changed(DONE, grants=(WrittenGrant(secret="s", task_definition="t"),), grants_count=9)
    assert Remediation.from_dict(several.to_dict()) == several
    assert Remediation.from_dict({**kept, "of_a_later_version": 1, "findings": ["f1", "f2"]}) == DONE
    assert (kept["id"], kept["event"], kept["kind"]) == (DONE.id, "Remediation Completed", "grant")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(replace(DONE), True, id="the-same"),
        pytest.param(replace(DONE, after="[]"), True, id="another-text-after-it"),
        pytest.param(changed(DONE, remedy="x", findings=()), True, id="another-remedy"),
        pytest.param(changed(DONE, grants_count=2), True, id="among-others"),
        pytest.param(replace(DONE, message_id="m2"), False, id="another-message"),
        pytest.param(replace(DONE, event="Remediation Failed"), False, id="another-outcome"),
        pytest.param(changed(DONE, why="throttled"), False, id="another-reason"),
        pytest.param(changed(DONE, task_definition=str(revision_arn("api"))), False, id="another-task-definition"),
    ],
)
def test_the_same_thing_in_the_same_message_has_one_id(other: Remediation, same: bool) -> None:
    assert (other.id == DONE.id) is same
    assert len(other.id) == 16


FOR_API = str(revision_arn("api"))
ONE_DEED: dict[str, tuple[Remediation, dict[str, Any], bool]] = {
    # the record, what another has differently, whether people hear of both as one
    "a-plan-for-another-task-definition": (
        replace(DONE, event="Remediation Planned"),
        {"task_definition": FOR_API},
        True,
    ),
    "another-plan-for-the-role": (replace(DONE, event="Remediation Planned"), {"what": "let it decrypt"}, False),
    "a-refusal-of-something-else-for-the-same-reason": (
        replace(DONE, event="Remediation Refused"),
        {"what": "x"},
        True,
    ),
    "a-refusal-for-another-reason": (replace(DONE, event="Remediation Refused"), {"why": "held"}, False),
    "a-failure-for-another-task-definition": (
        replace(DONE, event="Remediation Failed"),
        {"task_definition": FOR_API},
        True,
    ),
    "a-failure-at-another-role": (replace(DONE, event="Remediation Failed"), {"target": str(role_arn("api"))}, False),
    "a-grant-of-the-same-write-for-another-task-definition": (DONE, {"task_definition": FOR_API}, True),
    "a-revocation-of-the-same-write-for-another-task-definition": (
        changed(DONE, kind="withdraw"),
        {"task_definition": FOR_API},
        False,
    ),
}


@pytest.mark.parametrize(("first", "differs", "same"), ONE_DEED.values(), ids=ONE_DEED)
def test_a_deed_is_reported_once(first: Remediation, differs: dict[str, Any], same: bool) -> None:
    assert (changed(first, **differs).deed_id == first.deed_id) is same


def test_a_registration_is_one_deed_for_its_family() -> None:
    refused = changed(replace(DONE, event="Remediation Refused"), kind="reregister", target=str(revision_arn()))
    newer = str(revision_arn("web", 8))
    assert changed(refused, task_definition=newer, target=newer).deed_id == refused.deed_id
    assert changed(refused, task_definition=FOR_API, target=FOR_API).deed_id != refused.deed_id


def test_the_task_definition_is_proved() -> None:
    assert DONE.task_definition == revision_arn()
    with pytest.raises(Malformed):
        _ = changed(DONE, task_definition="web:7").task_definition
