from typing import Any

import pytest

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.reregister import REREGISTERED_TAG
from pullguard.planning.successor import differences, is_newest, successor_of
from tests.fakes import container, denied, revision_arn, secret, task_definition

OLD, NEW = secret(suffix="OldOld"), secret(suffix="NewNew")
CHANGE = (ReferenceChange(container="app", before=str(OLD.arn), after=NEW.arn),)
REMOVAL = (ReferenceChange(container="app", before=str(OLD.arn), after=None),)


def described(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    own = {
        "taskDefinitionArn": str(revision_arn(revision=members.pop("revision", 7))),
        "registeredAt": "2026",
        "cpu": "256",
    }
    return {"family": "web", "containerDefinitions": list(containers or (container(OLD),)), **own, **members}


NEWEST: dict[str, tuple[Lookup[TaskDefinition], str, bool]] = {
    "itself": (task_definition(revision=7), "ACTIVE", True),
    "a-later-one": (task_definition(revision=8), "ACTIVE", False),
    "an-earlier-one-right-after-the-registration": (task_definition(revision=6), "ACTIVE", True),
    "none-right-after-the-registration": (Missing(resource="web"), "ACTIVE", True),
    "deregistered": (task_definition(revision=6), "INACTIVE", False),
    "deregistered-and-no-other": (Missing(resource="web"), "INACTIVE", False),
    "not-known": (denied("ecs:DescribeTaskDefinition", "web"), "ACTIVE", False),
}


@pytest.mark.parametrize(("newest", "status", "expected"), NEWEST.values(), ids=NEWEST)
def test_an_active_revision_is_the_newest_unless_a_later_one_is_known(
    newest: Lookup[TaskDefinition], status: str, *, expected: bool
) -> None:
    assert is_newest(newest, task_definition(revision=7, status=status)) is expected


ROWS: dict[str, tuple[dict[str, Any], tuple[ReferenceChange, ...] | None, tuple[str, ...]]] = {
    "the-change": (described(container(NEW), revision=8), CHANGE, ()),
    "the-change-is-not-made": (described(revision=8), CHANGE, ("containerDefinitions[0].repositoryCredentials",)),
    "credentials-taken-away": (described({**container(), "repositoryCredentials": None}), REMOVAL, ()),
    "references-do-not-count": (described(container(NEW)), None, ()),
    "what-is-empty-is-absent": (described(container(NEW), volumes=[], inferenceAccelerators=None), CHANGE, ()),
    "a-privilege-that-is-off": (described({**container(NEW), "privileged": False}), CHANGE, ()),
    "a-privilege-that-is-on": (
        described({**container(NEW), "privileged": True}),
        CHANGE,
        ("containerDefinitions[0].privileged",),
    ),
    "another-image": (described(container(NEW, image="evil.example/x")), None, ("containerDefinitions[0].image",)),
    "one-more-container": (described(container(NEW), container(NEW, name="b")), None, ("containerDefinitions",)),
    "a-number-for-a-text": (described(container(NEW), cpu=256), CHANGE, ("cpu",)),
    "another-family": (described(container(NEW), family="api"), CHANGE, ("family",)),
}


@pytest.mark.parametrize(("copy", "changes", "found"), ROWS.values(), ids=ROWS)
def test_in_what_a_revision_differs(
    copy: dict[str, Any], changes: tuple[ReferenceChange, ...] | None, found: tuple[str, ...]
) -> None:
    paths = differences(described(), copy, changes)
    assert all(path.startswith(found) for path in paths) if found else paths == ()
    assert bool(paths) == bool(found)


@pytest.mark.parametrize(
    ("image", "source_of_the_tag", "is_successor"),
    [("ghcr.io/acme/web:1", 7, True), ("evil.example/miner:1", 7, False), ("ghcr.io/acme/web:1", 6, False)],
    ids=["ours", "a-forged-tag", "another-revision"],
)
def test_a_tag_alone_makes_no_successor(image: str, source_of_the_tag: int, is_successor: bool) -> None:
    source = task_definition(container(OLD, image="ghcr.io/acme/web:1"), revision=7)
    tags = {REREGISTERED_TAG: str(revision_arn(revision=source_of_the_tag))}
    newest = task_definition(container(NEW, image=image), revision=8, tags=tags)
    assert (successor_of(newest, source) is not None) == is_successor
