"""Facts: what could not be looked up is one too, and what follows from what was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pullguard.domain.facts import (
    NO_PERMISSION,
    Accepted,
    Facts,
    Instance,
    Missing,
    NamedPolicy,
    NotAsked,
    RotationEnd,
    TaskUse,
    Unreadable,
    Usage,
    explained,
    vanished,
)
from tests.fakes import CLUSTER, NOW, container, denied, key, revision_arn, secret, secret_arn, task_definition

READ = "secretsmanager:GetSecretValue"
UNREAD: dict[str, tuple[Unreadable, str, str]] = {
    "denied": (denied(READ, "a"), f"{READ} on a: access was denied (AccessDenied)", f"{READ} denied"),
    "throttled": (
        Unreadable(permission=READ, resource="a", reason="throttled"),
        f"{READ} on a: AWS throttled the call",
        f"{READ} throttled",
    ),
    "unreachable": (
        Unreadable(permission=READ, resource="a", reason="unreachable"),
        f"{READ} on a: the service did not answer",
        f"{READ} unanswered",
    ),
    "refused": (
        Unreadable(permission=READ, resource="a", reason="refused"),
        f"{READ} on a: AWS refused the call",
        f"{READ} refused",
    ),
    "no-call": (
        Unreadable(permission=NO_PERMISSION, resource="a", reason="denied"),
        "(none) on a: access was denied",
        "",
    ),
}


@pytest.mark.parametrize(("unread", "words", "brief"), UNREAD.values(), ids=UNREAD)
def test_what_aws_did_not_answer_names_the_call(unread: Unreadable, words: str, brief: str) -> None:
    assert (str(unread), unread.brief, explained(unread)) == (words, brief, words)


def test_a_lookup_without_a_result_says_why() -> None:
    assert explained(Missing(resource="a")) == "a does not exist"
    assert explained(NotAsked(why="it is off", switch="--on")) == "it is off (--on)"
    assert vanished(Missing(resource="a")) == "a was not found, although AWS had just described it"


@pytest.mark.parametrize(
    ("stages", "current", "pending"),
    [
        ({}, None, None),
        ({"v1": ("AWSCURRENT",)}, "v1", None),
        ({"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)}, "v1", "v2"),
        ({"v1": ("AWSPREVIOUS",), "v2": ("AWSPENDING", "AWSCURRENT")}, "v2", None),
        ({"v1": (), "v2": ("blue",)}, None, None),
    ],
    ids=["no-version", "current", "rotating", "rotated", "other-labels"],
)
def test_which_version_is_current_and_which_a_rotation_has_begun(
    stages: dict[str, tuple[str, ...]], current: str | None, pending: str | None
) -> None:
    found = secret(stages=stages)
    assert (found.current_version, found.pending_version) == (current, pending)


def test_every_key_of_a_secret_is_listed() -> None:
    assert secret().keys == (None,)
    assert secret(key=key(), current_keys=(key(2), None)).keys == (key(), key(2), None)
    assert secret(key=key(), current_keys=denied()).keys == (key(),)


def test_secrets_are_compared_by_identity() -> None:
    one = secret()
    assert one == one  # noqa: PLR0124
    assert one != replace(one)


def test_a_policy_without_an_arn_is_inline() -> None:
    assert NamedPolicy(name="a", document={}).kind == "inline"
    assert NamedPolicy(name="a", document={}, arn="arn:aws:iam::aws:policy/a").kind == "managed"


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


def test_an_accepted_login_survives_the_ledger() -> None:
    accepted = Accepted(image="ghcr.io/acme/web:1", secret=secret_arn(), version="v1", at=NOW)
    assert Accepted.from_dict(accepted.to_dict()) == accepted


def test_facts_are_completed_one_by_one() -> None:
    whole = Facts(task_definition=task_definition(container("a")), now=NOW)
    ends = {secret_arn(): RotationEnd(outcome="failed", at=NOW)}
    accepted = {"app": Accepted(image="i", secret=secret_arn(), version="v1", at=NOW)}
    done = (
        whole.with_usage(Usage(newest=True))
        .with_accepted(accepted)
        .with_had_pulled(True)
        .with_rotation_ends(ends)
        .with_granted_keys({secret_arn(): None})
    )
    assert done == replace(
        whole,
        usage=Usage(newest=True),
        accepted=accepted,
        had_pulled=True,
        rotation_ends=ends,
        granted_keys={secret_arn(): None},
    )


def test_every_answer_about_a_secret_is_described() -> None:
    named, gone, again = secret(), Missing(resource="b"), secret("c")
    facts = Facts(
        task_definition=task_definition(),
        now=NOW,
        secrets={"a": named},
        namesakes={"b": gone},
        replacements={"b": again},
    )
    assert facts.described == (named, gone, again)
