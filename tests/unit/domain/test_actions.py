"""Actions as data: compared by their members, and a pasted reference never shown."""

from dataclasses import FrozenInstanceError, replace

import pytest

from pullguard.domain.actions import MODES, Grant, MoveService, Plan, ReferenceChange, Refusal
from tests.fakes import key, revision_arn, role_arn, secret_arn

GRANT = Grant(task_definition=revision_arn(), role=role_arn(), secret=secret_arn(), key=key().arn, findings=("f1",))


def test_the_reference_that_is_replaced_may_be_a_password_and_is_not_shown() -> None:
    change = ReferenceChange(container="app", before="hunter2-correct-horse", after=secret_arn())
    assert "hunter2" not in repr(change)
    assert "hunter2" not in repr(
        MoveService(cluster="c", service="s", before=revision_arn(), after=revision_arn(), changes=(change,))
    )
    assert change != replace(change, before="another")


def test_an_action_is_frozen_and_equal_to_its_copy() -> None:
    assert replace(GRANT) == GRANT
    assert hash(replace(GRANT)) == hash(GRANT)
    assert replace(GRANT, key=None) != GRANT
    with pytest.raises(FrozenInstanceError):
        GRANT.key = None  # type: ignore[misc]


def test_an_empty_plan_does_nothing_and_a_refusal_was_asked_for_unless_said() -> None:
    assert Plan() == Plan(actions=(), refusals=())
    refusal = Refusal(
        kind="grant", task_definition=revision_arn(), target="t", why="w", remedy="", snippet=None, findings=()
    )
    assert not refusal.unasked


def test_observing_is_the_lower_mode() -> None:
    assert MODES == ("observe", "remediate")
