"""The preview of a registration names the services that would move and those left to their owners."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.actions import MoveService, Plan, Refusal
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules, make_plan
from pullguard.planning.preview import after_registering, in_words
from tests.fakes import (
    CLUSTER,
    World,
    container,
    denied,
    revision_arn,
    role,
    secret,
    secret_arn,
    service,
    task_definition,
)

OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
STALE = World((task_definition(container(OLD)),), (role(reads=[NEW]),), (NEW,))
RUN_BY_THREE = Usage(newest=True, services=(service("b"), service("a"), service("c", controller="CODE_DEPLOY")))


def preview(world: World, **rules: Any) -> Plan:
    facts, its = world.facts(), Rules(**rules)
    findings = examine(facts).findings
    return after_registering(facts, findings, make_plan(facts, findings, its), its)


def test_services_would_move_to_the_next_revision_and_others_are_left_to_their_owners() -> None:
    after = preview(replace(STALE, running=RUN_BY_THREE), move_services=True)
    moves = [(each.service, each.before, each.after) for each in after.actions if isinstance(each, MoveService)]
    assert moves == [(service(name).service_arn, revision_arn(), revision_arn(revision=8)) for name in "ab"]
    assert [(each.kind, each.target) for each in after.refusals] == [("move-service", service("c").service_arn)]


def test_services_that_may_not_be_moved_are_left_to_their_owners() -> None:
    after = preview(replace(STALE, running=RUN_BY_THREE))
    assert after.actions == ()
    assert {each.target for each in after.refusals} == {service(name).service_arn for name in "abc"}


NOTHING: dict[str, World] = {
    "nothing-is-registered": replace(STALE, task_definitions=(task_definition(container(NEW)),), running=RUN_BY_THREE),
    "its-use-is-unknown": replace(STALE, unreadable={"usage": denied()}),
    "nothing-runs-it": STALE,
}


@pytest.mark.parametrize("world", NOTHING.values(), ids=NOTHING)
def test_nothing_follows(world: World) -> None:
    assert preview(world, move_services=True) == Plan()


def moving(*names: str) -> tuple[MoveService, ...]:
    return tuple(
        MoveService(
            cluster=CLUSTER,
            service=service(name).service_arn,
            before=revision_arn(),
            after=revision_arn(revision=8),
        )
        for name in names
    )


def left(*targets: str) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            kind="move-service",
            task_definition=revision_arn(),
            target=each,
            why="",
            remedy="",
            snippet=None,
            findings=(),
        )
        for each in targets
    )


def numbered(count: int) -> list[str]:
    return [f"s{number:02}" for number in range(count)]


def words_of(count: int) -> str:
    return ", ".join(f'service "{name}"' for name in numbered(count))


WORDS: dict[str, tuple[Plan, tuple[str, ...]]] = {
    "services-in-order": (
        Plan(actions=moving("b", "a")),
        ('Then it would move service "a", service "b" to the new revision.',),
    ),
    "ten-are-named": (Plan(actions=moving(*numbered(10))), (f"move {words_of(10)} to the new revision.",)),
    "more-are-counted": (
        Plan(actions=moving(*numbered(12))),
        (f"move {words_of(10)} and 2 more to the new revision.",),
    ),
    "left-to-their-owners": (
        Plan(refusals=left(service("web").service_arn, "rule nightly")),
        ("leave to their owners", '"rule nightly", service "web"'),
    ),
    "both": (Plan(actions=moving("a"), refusals=left("rule nightly")), ('move service "a"', '"rule nightly"')),
}


@pytest.mark.parametrize(("after", "words"), WORDS.values(), ids=WORDS)
def test_the_next_steps_are_described_in_sentences(after: Plan, words: tuple[str, ...]) -> None:
    said = in_words(after)
    assert [each for each in words if each not in said] == []
    assert said.endswith(".")


def test_nothing_is_said_where_nothing_follows() -> None:
    assert in_words(Plan()) == ""


def test_a_refused_registration_beside_it_is_no_consequence() -> None:
    """The second container names no secret, which is refused; its refusal is in the plan already."""
    image = "ghcr.io/acme/side:1"
    both = task_definition(container(OLD), container(name="side", image=image))
    bare = replace(
        STALE,
        task_definitions=(both,),
        running=Usage(newest=True, services=(service("a"),)),
        verifications={image: Verification(answer="ok")},
        as_anybody={image: Verification(answer="rejected")},
    )
    after = preview(bare, move_services=True)
    assert [type(each) for each in after.actions] == [MoveService]
    assert after.refusals == ()
