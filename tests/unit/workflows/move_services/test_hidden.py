"""A revision that another party registered between the broken one and its copy is found and named."""

from typing import Any

import pytest

from pullguard.domain.errors import NotNow
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.reregister import REREGISTERED_TAG
from pullguard.workflows.move_services import hidden_by, hides, show_again
from tests.fakes import container, denied, revision_arn, secret, secret_arn, task_definition

OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
SOURCE = task_definition(container(OLD), revision=7)
THEIRS = task_definition(container(OLD, image="ghcr.io/acme/web:2"), revision=8)
COPY = task_definition(container(NEW), revision=8, tags={REREGISTERED_TAG: str(SOURCE.arn)})
GONE = task_definition(container(OLD), revision=8, status="INACTIVE")


class Described:
    """In the place of ECS: revisions by ``family:revision``, and which of them were described."""

    def __init__(self, revisions: dict[int, Lookup[TaskDefinition]]) -> None:
        self.revisions = revisions
        self.asked: list[str] = []

    def describe(self, reference: str) -> Lookup[TaskDefinition]:
        self.asked.append(reference)
        return self.revisions.get(int(reference.rpartition(":")[2]), Missing(resource=reference))


def find(revisions: dict[int, Lookup[TaskDefinition]], successor: int) -> tuple[Any, list[str]]:
    described: Any = Described(revisions)
    return hidden_by(revision_arn(revision=successor), SOURCE, described), described.asked


BETWEEN: dict[str, tuple[dict[int, Lookup[TaskDefinition]], int, int | None]] = {
    "nothing-between": ({}, 8, None),
    "somebodys-revision": ({8: THEIRS}, 9, 8),
    "another-copy-of-ours": ({8: COPY}, 9, None),
    "a-revision-that-is-not-active": ({8: GONE}, 9, None),
    "a-revision-that-is-deleted": ({}, 9, None),
    "somebodys-revision-before-a-copy": ({8: THEIRS, 9: COPY}, 10, 8),
}


@pytest.mark.parametrize(("revisions", "successor", "hidden"), BETWEEN.values(), ids=BETWEEN)
def test_only_an_active_revision_of_another_caller_is_hidden(
    revisions: dict[int, Lookup[TaskDefinition]], successor: int, hidden: int | None
) -> None:
    found, _ = find(revisions, successor)
    assert found == (None if hidden is None else revision_arn(revision=hidden))


def test_the_newest_of_many_revisions_are_described() -> None:
    found, asked = find({}, 100)
    assert found is None
    assert asked == [f"web:{number}" for number in range(99, 74, -1)]


def test_a_revision_that_cannot_be_read_leaves_it_open() -> None:
    with pytest.raises(NotNow, match="web:8"):
        find({8: denied()}, 9)


def test_a_hidden_revision_is_named_with_the_command_that_shows_it_again() -> None:
    successor, hidden = revision_arn(revision=9), revision_arn(revision=8)
    said = hides(successor, hidden, SOURCE.arn)
    assert [name for name in ("web:7", "web:8", "web:9") if name not in said] == []
    assert show_again(successor, hidden).endswith(
        f"aws ecs deregister-task-definition --region us-east-1 --task-definition {successor}"
    )
