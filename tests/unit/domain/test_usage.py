"""Whether a revision has pulled, and where its tasks run."""

from dataclasses import replace
from datetime import timedelta

from pullguard.domain.usage import Instance, TaskUse, Usage
from tests.fakes import CLUSTER, NOW, revision_arn


def test_an_instance_of_ecs_anywhere_is_external() -> None:
    instance = Instance(cluster_arn=CLUSTER, instance_arn="i", agent_version="1.0.0")
    assert not instance.is_external
    assert replace(instance, attributes=frozenset({"ecs.capability.external"})).is_external


def task(**changes: object) -> TaskUse:
    whole = TaskUse(cluster_arn=CLUSTER, task_arn="t", task_definition=str(revision_arn()))
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_a_revision_has_pulled_where_a_task_of_it_ran() -> None:
    assert not Usage(newest=True).has_pulled
    assert not Usage(newest=True, tasks=(task(has_pulled=False),)).has_pulled
    assert Usage(newest=True, tasks=(task(has_pulled=False), task())).has_pulled
    assert Usage(newest=True, ran_alone=True).has_pulled


def test_the_youngest_start_counts() -> None:
    tasks = (task(started_at=NOW), task(started_at=None), task(started_at=NOW + timedelta(hours=1)))
    assert Usage(newest=True, tasks=tasks).last_started_at == NOW + timedelta(hours=1)
    assert Usage(newest=True, tasks=tasks[1:2]).last_started_at is None
