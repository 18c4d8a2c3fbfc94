"""The facts that one run reads about a role: secrets of its item, needs of its task definitions, all of them if due."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pullguard.domain.actions import Grant
from pullguard.domain.errors import NotNow
from pullguard.domain.lookup import Lookup
from pullguard.domain.messages import UNLISTED
from pullguard.domain.policy_document import Granted
from pullguard.domain.references import role_name
from pullguard.domain.role_item import SHOWS_AFTER, RoleItem
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import ScheduleUse, TaskUse, Usage
from pullguard.domain.verification import Accepted
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.reconcile_role import Extent, Seen
from pullguard.workflows.role_reader import DEPENDENTS_MAX, OTHERS_MAX, DependentsReader
from tests.fakes import ACCOUNT, CLUSTER, NOW, World, container, denied, granted, key, revision_arn, role, secret
from tests.fakes import task_definition as definition
from tests.flows import OWN_POLICY, Harness, request
from tests.unit.workflows.granted_role import ROLE, a_write, holder, recorded

GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
WEB = definition(container(GHCR))
API = definition(container(HUB, image="docker.io/acme/api:1"), family="api")
WORLD = World((WEB, API), (holder(GHCR, HUB),), (GHCR, HUB))
ITEM = RoleItem(grants=recorded(GHCR, HUB))
NAME = role_name(ACCOUNT, "web-execution")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    here = Harness(ledger, replace(WORLD, asked=[], unreadable={}))
    here.starts.keep_schedules(())
    return here


def know(here: Harness, *definitions: TaskDefinition, things: tuple[Any, ...] = ()) -> None:
    """Let the ledger know that task definitions reference the role, and these secrets."""
    for each in definitions:
        names = frozenset({NAME, *(str(thing.arn) for thing in things)})
        here.ledger.entries.keep_references(each.arn, Entry(), names)


def reader_of(here: Harness, *witnesses: TaskDefinition, sweep: str = "") -> DependentsReader:
    return DependentsReader(
        readers=here.world,
        ledger=here.ledger,
        definition_store=here.definition_store,
        starts=here.starts,
        policy=OWN_POLICY,
        mode=here.mode,
        rules=here.rules,
        now=here.now,
        witnesses=witnesses,
        sweep=sweep,
    )


def read(
    here: Harness,
    *witnesses: TaskDefinition,
    sweep: str = "",
    everything: bool = False,
    item: RoleItem = ITEM,
    extent: Extent = "asked",
) -> Seen | None:
    reader = reader_of(here, *witnesses, sweep=sweep or ("s-0" if everything else ""))
    return reader.read(ROLE, item, "all" if everything else extent)


def seen(here: Harness, *witnesses: TaskDefinition, **options: Any) -> Seen:
    found = read(here, *witnesses, **options)
    assert found is not None
    return found


def named(found: Seen) -> dict[str, bool | None]:
    return {secret.resource_name: each.is_named for secret, each in found.needs.secrets.items()}


IS_GHCR, IS_HUB = GHCR.arn.resource_name, HUB.arn.resource_name


# --- The role ---


def test_the_state_and_the_needs_are_of_the_same_moment(harness: Harness) -> None:
    found = seen(harness, WEB, extent="others")
    assert (found.state.policy, found.state.own.grants, found.state.grants) == (
        *(OWN_POLICY, granted(GHCR, HUB)),
        ITEM.grants,
    )
    assert set(found.needs.secrets) == {GHCR.arn, HUB.arn}
    assert (found.needs.is_complete, found.needs.is_swept) == (False, False)


def test_a_role_that_is_gone_has_no_state(harness: Harness) -> None:
    harness.world.roles = ()
    assert read(harness) is None


UNREAD: dict[str, dict[str, Any]] = {
    "the-role": {"unreadable": {str(ROLE): denied()}},
    "its-policies": {"roles": (role(inline_policies=denied("iam:ListRolePolicies")),)},
}


@pytest.mark.parametrize("changes", UNREAD.values(), ids=UNREAD)
def test_a_role_that_cannot_be_read_sends_the_message_back(harness: Harness, changes: dict[str, Any]) -> None:
    harness.world = replace(harness.world, **changes)
    with pytest.raises(NotNow, match="could not be read"):
        read(harness, WEB)


# --- The task definitions of the message ---


def test_one_task_definition_proves_what_it_names_and_nothing_of_the_others(harness: Harness) -> None:
    assert named(seen(harness, WEB, extent="others")) == {IS_GHCR: True, IS_HUB: None}
    assert named(seen(harness)) == {IS_GHCR: None, IS_HUB: None}


def test_a_needed_secret_is_wanted_and_read_although_nothing_is_granted_yet(harness: Harness) -> None:
    harness.world.roles = (role(),)
    found = seen(harness, WEB, item=RoleItem())
    assert set(found.needs.secrets) == {GHCR.arn}
    need = found.needs.secrets[GHCR.arn]
    assert (need.is_wanted, need.grant) == (True, Granted(secret=GHCR.arn, key=None))


def test_each_secret_is_asked_for_by_its_complete_arn(harness: Harness) -> None:
    read(harness)
    assert {about for kind, about in harness.world.asked if kind == "secret"} == {str(GHCR.arn), str(HUB.arn)}


@pytest.mark.parametrize("mode", ["remediate", "observe"])
def test_a_deployment_that_observes_observes_every_grant_and_wants_none(harness: Harness, mode: Any) -> None:
    harness.mode = mode
    harness.world.roles = (holder(HUB),)
    found = seen(harness, WEB, item=RoleItem(grants=recorded(HUB)), extent="others")
    assert found.needs.secrets[HUB.arn].is_observed is (mode == "observe")
    assert (GHCR.arn in found.needs.secrets) is (mode == "remediate")


IMAGE = "ghcr.io/acme/web:1"
MEANT = secret(tags={"pullguard:roles": "web-execution"})
BARE = definition(container(), tags={"pullguard:attach": "true"})
RUNNING = Usage(newest=True, tasks=(TaskUse(cluster_arn=CLUSTER, task_arn="t", task_definition="web:7"),))


@pytest.mark.parametrize(
    ("accepted", "running", "wanted"),
    [(True, Usage(newest=True), True), (False, Usage(newest=True), False), (True, RUNNING, False)],
    ids=["a-registry-took-it", "no-registry-was-asked", "its-tasks-have-pulled"],
)
def test_the_validators_answer_reaches_it_through_the_ledger(
    harness: Harness, running: Usage, *, accepted: bool, wanted: bool
) -> None:
    harness.world = World((BARE,), (role(),), (MEANT,), running=running)
    if accepted:
        answer = {"app": Accepted(image=IMAGE, secret=MEANT.arn, version="v1", at=NOW)}
        harness.ledger.entries.keep_accepted(BARE.arn, answer, now=NOW)
    found = seen(harness, BARE, item=RoleItem())
    assert [each.is_wanted for each in found.needs.secrets.values()] == ([True] if wanted else [])


# --- What else one write can do ---

OTHER = role(name="other")
NONE = RoleItem()


def ask(here: Harness, *grants: Grant) -> None:
    """Let the ledger know that validations asked for grants."""
    here.ledger.entries.keep_references(WEB.arn, Entry(seen=True), frozenset(), dict.fromkeys(grants, here.now()))


def needed(definition: TaskDefinition, one: Secret, **changes: Any) -> Grant:
    grant = Grant(task_definition=definition.arn, role=ROLE, secret=one.arn, key=None, findings=())
    return replace(grant, **changes)


def wants(found: Seen) -> set[str]:
    return {secret.resource_name for secret, each in found.needs.secrets.items() if each.is_wanted}


def test_secrets_that_the_message_does_not_name_are_read_only_for_a_write(harness: Harness) -> None:
    ask(harness, needed(API, HUB))
    assert named(seen(harness, WEB)) == {IS_GHCR: True}
    assert {about for kind, about in harness.world.asked if kind == "secret"} == {str(GHCR.arn)}


def test_the_consent_of_a_granted_secret_that_the_message_names_is_read_though_it_wants_no_grant(
    harness: Harness,
) -> None:
    harness.world.secrets = (replace(GHCR, tags={}), HUB)
    (need,) = seen(harness, WEB).needs.secrets.values()
    assert (need.has_consent, need.is_wanted) == (False, False)


def test_a_grant_that_another_validation_asked_for_is_proved_and_wanted_too(harness: Harness) -> None:
    harness.world.roles = (role(),)
    ask(harness, needed(API, HUB), needed(WEB, GHCR))
    found = seen(harness, WEB, item=NONE, extent="others")
    assert wants(found) == {IS_GHCR, IS_HUB}
    assert found.needs.secrets[HUB.arn].task_definition == str(API.arn)
    assert not found.needs.is_complete


BESIDE_IT: dict[str, Callable[[Harness], None]] = {
    "it-is-gone": lambda it: setattr(it.world, "task_definitions", (WEB,)),
    "it-cannot-be-described": lambda it: it.world.unreadable.update({API.family: denied(), str(API.arn): denied()}),
    "its-secret-cannot-be-read": lambda it: it.world.unreadable.update({str(HUB.arn): denied()}),
    "it-has-another-role": lambda it: setattr(
        it.world, "task_definitions", (WEB, definition(container(HUB), family="api", role_name="other"))
    ),
    "its-secret-has-no-consent": lambda it: setattr(it.world, "secrets", (GHCR, replace(HUB, tags={}))),
    "it-observes": lambda it: setattr(
        it.world,
        "task_definitions",
        (WEB, definition(container(HUB), family="api", tags={"pullguard:mode": "observe"})),
    ),
    "it-was-asked-for-an-hour-ago": lambda it: it.later(hours=1),
}


@pytest.mark.parametrize("change", BESIDE_IT.values(), ids=BESIDE_IT)
def test_a_grant_for_others_that_is_not_proved_holds_nothing_up(
    harness: Harness, change: Callable[[Harness], None]
) -> None:
    harness.world.roles = (role(), OTHER)
    ask(harness, needed(API, HUB))
    change(harness)
    found = seen(harness, WEB, item=NONE, extent="others")
    assert wants(found) == {IS_GHCR}


def test_a_task_definition_is_not_described_for_a_grant_that_is_there_by_now(harness: Harness) -> None:
    """It also holds for a grant that our last write left and that IAM does not show yet."""
    harness.world.roles = (role(),)
    ask(harness, needed(API, HUB))
    item = RoleItem(writes=(a_write((), granted(HUB)),))
    assert wants(seen(harness, WEB, item=item, extent="others")) == {IS_GHCR}
    assert ("task-definition", str(API.arn)) not in harness.world.asked
    keyed = needed(API, HUB, key=key().arn)  # another grant than the one that is there
    ask(harness, keyed)
    seen(harness, WEB, item=item, extent="others")
    assert ("task-definition", str(API.arn)) in harness.world.asked


def test_after_a_write_that_iam_refused_each_message_is_alone_for_a_while(harness: Harness) -> None:
    harness.world.roles = (role(),)
    ask(harness, needed(API, HUB))
    item = RoleItem(writes=(a_write((), granted(GHCR, HUB), outcome="refused"),))
    assert wants(seen(harness, WEB, item=item, extent="others")) == {IS_GHCR}
    harness.later(seconds=SHOWS_AFTER.total_seconds())
    assert wants(seen(harness, WEB, item=item, extent="others")) == {IS_GHCR, IS_HUB}


@pytest.mark.parametrize("outcome", ["planned", "lost"], ids=["in-the-run-that-finds-it-lost", "in-those-that-follow"])
def test_after_a_write_that_is_lost_each_message_is_alone_for_a_while(harness: Harness, outcome: Any) -> None:
    harness.world.roles = (role(),)
    ask(harness, needed(API, HUB))
    item = RoleItem(writes=(a_write((), granted(GHCR, HUB), outcome=outcome),))
    harness.later(seconds=SHOWS_AFTER.total_seconds())
    assert wants(seen(harness, WEB, item=item, extent="others")) == {IS_GHCR}
    harness.later(seconds=SHOWS_AFTER.total_seconds())
    rest = {IS_GHCR} if outcome == "planned" else {IS_GHCR, IS_HUB}
    assert wants(seen(harness, WEB, item=item, extent="others")) == rest


def test_others_take_a_part_of_the_runs_time_and_no_more(harness: Harness) -> None:
    many = [definition(container(HUB), family=f"f{number}") for number in range(9)]
    some = [secret(f"registry/{number}", "AbCdEf") for number in range(9)]
    harness.world = SlowWorld((WEB, *many), (role(),), (GHCR, HUB), later=lambda: harness.later(seconds=4))
    ask(harness, *(needed(one, other) for one, other in zip(many, some, strict=True)))
    seen(harness, WEB, item=NONE, extent="others")
    described = {about for kind, about in harness.world.asked if kind == "task-definition" and ":" in about}
    assert len(described - {str(WEB.arn)}) == OTHERS_MAX.total_seconds() // 4 + 1


@dataclass
class SlowWorld(World):
    """A world whose ECS is slow."""

    later: Callable[[], None] = lambda: None

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        if reference.startswith("arn:"):
            self.later()
        return super().task_definition(reference)


def test_each_task_definition_is_gathered_once_in_a_run(harness: Harness) -> None:
    """Not that the accepted credentials of the ledger are read once more."""
    reader = reader_of(harness, WEB)
    reader.read(ROLE, NONE)
    before = [each for each in harness.world.asked if each[0] != "role"]
    reader.read(ROLE, NONE, "others")
    after = [each for each in harness.world.asked if each[0] != "role"]
    assert after[len(before) :] == [("secret", str(each.arn)) for each in (GHCR, HUB)]


# --- What the last complete sweep says ---


def complete(here: Harness, sweep: str = "s-1") -> None:
    here.definition_store.save_complete(Sweep(id=sweep, began_at=NOW.isoformat(), due=None), now=NOW)


def test_after_a_complete_sweep_the_references_say_what_is_named(harness: Harness) -> None:
    complete(harness)
    know(harness, API, things=(HUB,))
    found = seen(harness, sweep="s-1")
    assert (named(found), found.needs.is_swept) == ({IS_GHCR: False, IS_HUB: True}, True)


@pytest.mark.parametrize("sweep", ["", "s-0", "s-2"], ids=["no-sweep-asks", "an-earlier-one", "a-later-one"])
def test_any_other_message_proves_nothing_by_the_references(harness: Harness, sweep: str) -> None:
    complete(harness)
    found = seen(harness, sweep=sweep)
    assert (named(found), found.needs.is_swept) == ({IS_GHCR: None, IS_HUB: None}, False)


def test_before_any_complete_sweep_the_references_say_nothing(harness: Harness) -> None:
    assert not seen(harness, sweep="s-1").needs.is_swept


# --- All dependents ---


def test_all_dependents_are_described_now(harness: Harness) -> None:
    know(harness, WEB, API)
    found = seen(harness, everything=True)
    assert (named(found), found.needs.is_complete) == ({IS_GHCR: True, IS_HUB: True}, True)
    harness.world.task_definitions = (API,)
    found = seen(harness, everything=True)
    assert (named(found), found.needs.is_complete) == ({IS_GHCR: False, IS_HUB: True}, True)


def test_a_revision_counts_until_a_sweep_has_found_it_out_of_use(harness: Harness) -> None:
    """A service that was moved to it since the sweep listed them may not be known yet."""
    know(harness, WEB)
    harness.world.running = Usage(newest=False)
    assert named(seen(harness, everything=True)) == {IS_GHCR: True, IS_HUB: False}
    harness.validate(request(WEB.arn, kind=UNLISTED))
    assert named(seen(harness, everything=True)) == {IS_GHCR: False, IS_HUB: False}


def test_a_revision_that_is_not_in_use_wants_nothing(harness: Harness) -> None:
    know(harness, WEB)
    harness.world.roles = (role(),)
    for running, wants in ((Usage(newest=False), False), (Usage(newest=True), True)):
        harness.world.running = running
        found = seen(harness, everything=True)
        assert [each.is_wanted for secret, each in found.needs.secrets.items() if secret == GHCR.arn] == [wants]


STARTS: dict[str, Callable[[Harness], None]] = {
    "alone": lambda here: here.starts.keep_alone(WEB.arn, ran=True),
    "alone-and-failed": lambda here: here.starts.keep_alone(WEB.arn, ran=False),
    "by-a-rule": lambda here: here.starts.keep_schedules(
        (ScheduleUse(kind="rule", name="nightly", within="t", task_definition=WEB.arn),)
    ),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_revision_started_outside_services_counts_although_no_reference_leads_to_it(
    harness: Harness, start: Callable[[Harness], None]
) -> None:
    start(harness)
    harness.world.running = Usage(newest=False)
    assert named(seen(harness, everything=True)) == {IS_GHCR: True, IS_HUB: False}


def test_a_start_with_another_role_does_not_count(harness: Harness) -> None:
    harness.starts.keep_alone(WEB.arn, ran=True)
    harness.world.task_definitions = (replace(WEB, execution_role=str(ROLE).replace("web-execution", "other")),)
    assert named(seen(harness, everything=True)) == {IS_GHCR: False, IS_HUB: False}


def many(here: Harness, count: int) -> None:
    for number in range(count):
        here.ledger.entries.keep_references(revision_arn(f"f{number}"), Entry(), frozenset({NAME}))


NOT_PROVED: dict[str, Callable[[Harness], Any]] = {
    "schedules-denied": lambda here: here.starts.keep_schedules(denied("scheduler:ListSchedules")),
    "schedules-never-listed": lambda here: here.starts._delete("SCHEDULES", "LISTED"),
    "a-task-definition-denied": lambda here: here.world.unreadable.update({str(WEB.arn): denied()}),
    "its-use-denied": lambda here: here.world.unreadable.update({"usage": denied("ecs:ListServices")}),
    "a-secret-that-it-names-denied": lambda here: here.world.unreadable.update({str(GHCR.arn): denied()}),
    "too-many": lambda here: many(here, DEPENDENTS_MAX),
}


@pytest.mark.parametrize("arrange", NOT_PROVED.values(), ids=NOT_PROVED)
def test_nothing_is_complete_if_one_dependent_is_unknown_and_the_log_says_why(
    harness: Harness, arrange: Callable[[Harness], Any], caplog: pytest.LogCaptureFixture
) -> None:
    know(harness, WEB, API)
    arrange(harness)
    with caplog.at_level(logging.WARNING):
        found = seen(harness, everything=True)
    assert not found.needs.is_complete
    assert False not in named(found).values()
    assert any(word in caplog.text for word in ("not known", "could not be read", "too many"))


def test_as_many_dependents_as_one_run_can_describe_are_read(harness: Harness) -> None:
    know(harness, WEB)
    many(harness, DEPENDENTS_MAX - 1)
    assert seen(harness, everything=True).needs.is_complete
