"""Which revisions Pullguard acts on, and whose tags count."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import TASKS_NOT_ASKED, Missing, NotAsked
from pullguard.domain.usage import FailedStart, Usage
from pullguard.planning.scope import in_scope, is_certain, is_gone, tags_of
from tests.fakes import NOW, World, container, denied, role, secret, service, task_definition

SECRET = secret(tags={"pullguard:registry": "ghcr.io", "pullguard:mode": "observe"})
OLD = Usage(newest=False, services=(), schedules=())
FAILED = FailedStart(task_arn="t", stopped_at=NOW, reasons=())


def facts(**changes: Any) -> Facts:
    found = World(
        task_definitions=(task_definition(container(SECRET)),), secrets=(SECRET,), roles=(role(tags={"team": "web"}),)
    ).facts()
    return replace(found, **changes)


IN_SCOPE = {
    "unknown usage": denied("ecs:ListServices"),
    "usage that was not asked for": NotAsked(why="not needed", switch="-"),
    "the newest revision": replace(OLD, newest=True),
    "an older one that a service runs": replace(OLD, services=(service(),)),
    "an older one that ran by itself": replace(OLD, started_alone=True),
    "an older one whose tasks were not listed": replace(OLD, tasks=TASKS_NOT_ASKED),
    "an older one whose failed starts were not listed": replace(OLD, failed_starts=TASKS_NOT_ASKED),
    "an older one that a program failed to start": replace(OLD, failed_starts=(FAILED,)),
    "an older one if schedules cannot be read": replace(OLD, schedules=denied("scheduler:ListSchedules")),
}


@pytest.mark.parametrize("usage", IN_SCOPE.values(), ids=IN_SCOPE)
def test_a_revision_in_use_or_of_unknown_use_is_in_scope(usage: Any) -> None:
    assert in_scope(facts(usage=usage))
    assert not is_gone(facts(usage=usage))


def test_an_older_revision_that_nothing_runs_is_gone() -> None:
    assert not in_scope(facts(usage=OLD))
    assert is_gone(facts(usage=OLD))
    assert is_gone(facts(usage=replace(OLD, failed_starts=(replace(FAILED, of_service=True),))))


def test_an_absent_resource_is_gone_for_certain_and_an_unreadable_one_is_not() -> None:
    missing = Missing(resource="web:1")
    assert (is_gone(missing), is_certain(missing)) == (True, True)
    unread = denied("ecs:DescribeTaskDefinition")
    assert (is_gone(unread), is_certain(unread)) == (False, False)


@pytest.mark.parametrize("unread", ["role", "registry_secrets", "usage"])
def test_one_unreadable_fact_leaves_the_needs_uncertain(unread: str) -> None:
    assert is_certain(facts(usage=OLD))
    assert not is_certain(facts(**{"usage": OLD, unread: denied("iam:GetRole")}))


def test_the_tags_of_definition_role_and_secrets_count() -> None:
    assert [dict(each) for each in tags_of(facts())] == [
        {},
        {"pullguard:managed": "true", "team": "web"},
        SECRET.tags,
    ]
