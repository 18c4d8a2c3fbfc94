import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pullguard.arn import Arn
from pullguard.errors import NotNow, Rejected
from pullguard.flows.resolve_change import COPIES_S, STOPS_S, ChangeResolver
from pullguard.ledger import Ledger
from pullguard.messages import SIBLING, Look
from pullguard.model import NamedPolicy, Usage
from tests.fakes import Crash, World, container, denied, key, revision_arn, role, secret, task_definition
from tests.flows import HOME, Stage, look

EVENTS = Path(__file__).parents[2] / "events"
GHCR = secret()
WEB, API, OTHER = revision_arn("web"), revision_arn("api"), revision_arn("other")


def sample(name: str, folder: str = "eventbridge", **changes: Any) -> str:
    """An event of events/, with members of its detail changed."""
    text = (EVENTS / folder / f"{name}.json").read_text(encoding="utf-8")
    if not changes:
        return text
    event = json.loads(text)
    event["detail"] |= changes
    return json.dumps(event)


def resolver(here: Stage) -> ChangeResolver:
    return ChangeResolver(
        readers=here.world,
        roster=here.roster,
        services=here.services,
        ledger=here.ledger,
        queues=here.queues,
        validation_queue_url="validations",
        sweep_queue_url="sweeps",
        home=HOME,
        now=here.now,
    )


def asked(here: Stage) -> list[str]:
    return [each["task_definition"] for each in here.sent.bodies("validations")]


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    """web and api use the sample's secret (api under its key); other uses nothing of it."""
    keyed = replace(GHCR, key=key())
    stranger = secret("stranger", "Strang")
    here = Stage(ledger, World())
    for family, its_secret in (("web", GHCR), ("api", keyed), ("other", stranger)):
        its_role = role(f"{family}-execution", reads=[its_secret])
        definition = task_definition(container(its_secret), family=family, role_name=its_role.name)
        here.world = World((definition,), (its_role,), (its_secret,))
        here.validate(look(definition.arn))
    here.sent.messages.clear()
    return here


def test_the_world_of_these_tests_is_known_to_the_ledger(stage: Stage) -> None:
    assert stage.ledger.dependents(str(GHCR.arn)) == (API, WEB)
    assert stage.ledger.dependents(str(key().arn)) == (API,)


AFFECTED: dict[str, list[Any]] = {
    # events about a task definition name it
    "register-task-definition": [WEB],
    "update-service": [WEB],
    # events about a secret concern those that reference it, by its ARN or by its name
    "put-secret-value": [API, WEB],
    "secret-label-updated": [API, WEB],
    "delete-secret": [API, WEB],
    "create-secret": [API, WEB],
    "untag-secret": [API, WEB],
    "rotation-failed": [API, WEB],
    "rotation-succeeded": [API, WEB],
    # events about a role concern those that run under it
    "put-role-policy": [WEB],
    "delete-role": [WEB],
}


@pytest.mark.parametrize(("name", "expected"), AFFECTED.items(), ids=AFFECTED)
def test_those_that_are_affected_are_looked_at(stage: Stage, name: str, expected: list[Any]) -> None:
    result = resolver(stage).resolve(sample(name), occasion="m-1")
    assert asked(stage) == [str(each) for each in expected]
    assert (result.affected, result.cold) == (len(expected), result.cold)


def test_a_key_concerns_the_secrets_under_it(stage: Stage) -> None:
    its = json.loads(sample("disable-key"))
    text = json.dumps(its)
    (arn,) = {part for part in text.replace('"', " ").split() if ":key/" in part}
    resolver(stage).resolve(text.replace(arn, str(key().arn)), occasion="m-1")
    assert asked(stage) == [str(API)]


@pytest.mark.parametrize("name", ["create-policy-version", "set-default-policy-version"])
@pytest.mark.parametrize("place", ["attached_policies", "boundary"])
def test_a_managed_policy_concerns_the_roles_that_have_it(ledger: Ledger, name: str, place: str) -> None:
    policy = NamedPolicy(name="its", document={}, arn="arn:aws:iam::111122223333:policy/registry-secrets")
    its_role = role(reads=[GHCR])
    changes: Any = {place: (policy,) if place == "attached_policies" else policy}
    its_role = replace(its_role, **changes)
    other = task_definition(container(GHCR), family="other", role_name="other-execution")
    roles = (its_role, role("other-execution", reads=[GHCR]))
    here = Stage(ledger, World((task_definition(container(GHCR)), other), roles, (GHCR,)))
    for arn in (WEB, OTHER):
        here.validate(look(arn))
    here.sent.messages.clear()
    resolver(here).resolve(sample(name), occasion="m-1")
    assert asked(here) == [str(WEB)]


def test_a_message_carries_the_cause(stage: Stage) -> None:
    resolver(stage).resolve(sample("put-secret-value"), occasion="m-1")
    causes = [each["cause"]["kind"] for each in stage.sent.bodies("validations")]
    assert causes == ["PutSecretValue"] * 2


def test_what_nobody_uses_concerns_nobody(stage: Stage) -> None:
    stage.ledger.save_sweep_state({"sweep": "1"})
    text = (
        sample("put-secret-value").replace("registry/ghcr-AbCdEf", "nobodys-Nobody").replace("registry/ghcr", "nobodys")
    )
    assert resolver(stage).resolve(text, occasion="m-1").affected == 0
    assert stage.sent.messages == []


# --- What it costs -----------------------------------------------------------------------------------------------

ONE_QUERY = (
    "secret-label-updated",
    "put-secret-value",
    "update-secret",
    "update-secret-version-stage",
    "delete-secret",
    "rotation-succeeded",
    "rotation-failed",
    "put-role-policy",
    "disable-key",
)


@pytest.mark.parametrize("name", ONE_QUERY)
def test_who_is_affected_is_one_query_and_no_question_to_aws(stage: Stage, name: str) -> None:
    calls: Counter[str] = Counter()
    client = stage.ledger._client
    client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.update([model.name]), unique_id="count"
    )
    try:
        stage.world.asked.clear()
        resolver(stage).resolve(sample(name), occasion="m-1")
    finally:
        client.meta.events.unregister("before-call.dynamodb", unique_id="count")
    assert calls["Query"] == 1
    assert stage.world.asked == []


NAMED_OTHERWISE = {
    "by its name": "registry/ghcr",
    "without its suffix": "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr",
    "by its ARN": str(GHCR.arn),
}


@pytest.mark.parametrize("reference", NAMED_OTHERWISE.values(), ids=NAMED_OTHERWISE)
@pytest.mark.parametrize("there", [True, False], ids=["a secret that is there", "a secret that is gone"])
def test_a_dependent_is_found_however_it_names_the_secret(ledger: Ledger, reference: str, there: bool) -> None:
    definition = task_definition(container(reference))
    here = Stage(ledger, World((definition,), (role(),), (GHCR,) if there else ()))
    here.validate(look(definition.arn))
    here.sent.messages.clear()
    for name in ("secret-label-updated", "put-secret-value", "create-secret", "tag-secret", "rotation-failed"):
        here.sent.messages.clear()
        here.later(seconds=COPIES_S)
        resolver(here).resolve(sample(name), occasion=name)
        assert asked(here) == [str(WEB)], name


def test_a_secret_of_another_region_is_found_where_its_events_are_forwarded(ledger: Ledger) -> None:
    far = replace(GHCR, arn=Arn.parse(str(GHCR.arn).replace("us-east-1", "eu-west-1")))
    definition = task_definition(container(far))
    here = Stage(ledger, World((definition,), (role(),), (far,)))
    here.validate(look(definition.arn))
    here.sent.messages.clear()
    resolver(here).resolve(sample("secret-label-updated").replace("us-east-1", "eu-west-1"), occasion="m-1")
    assert asked(here) == [str(WEB)]


# --- Copies ------------------------------------------------------------------------------------------------------


NATIVE, CLOUDTRAIL = sample("secret-label-updated"), sample("put-secret-value")
ELSEWHERE = sample("secret-label-updated", versionId="00000000-084a-49c9-8722-cbfb0f25c456")
# Each row: the events in the order of their coming, and which of them ask for looks.
COMINGS: dict[str, tuple[list[str], list[bool]]] = {
    "natively and through CloudTrail": ([NATIVE, CLOUDTRAIL], [True, False]),
    "through CloudTrail and natively": ([CLOUDTRAIL, NATIVE], [True, False]),
    "natively, through CloudTrail, both twice": ([NATIVE, CLOUDTRAIL, NATIVE, CLOUDTRAIL], [True, False, False, False]),
    "a label that moves away and back": ([NATIVE, ELSEWHERE, NATIVE], [True, True, True]),
    "a change of another kind in between": ([NATIVE, sample("tag-secret"), CLOUDTRAIL], [True, True, False]),
    "a write whose version is not told in between": (
        [NATIVE, sample("update-secret-description"), CLOUDTRAIL],
        [True, True, True],
    ),
    "a task that stops is told twice": ([sample("task-stopped-fargate")] * 2, [True, False]),
    "a task that stops is started again, and stops again": (
        [sample("task-stopped-fargate"), sample("task-stopped-fargate", version=4).replace('"id": "', '"id": "1')],
        [True, False],
    ),
    "a task stops for another kind of reason": (
        [
            sample("task-stopped-fargate"),
            sample("task-stopped-fargate", stoppedReason="CannotPullContainerError: toomanyrequests", containers=[]),
        ],
        [True, True],
    ),
    "two policies of one role": (
        [sample("put-role-policy"), sample("put-role-policy").replace('"id": "', '"id": "1')],
        [True, True],
    ),
}


@pytest.mark.parametrize(("events", "news"), COMINGS.values(), ids=COMINGS)
def test_the_same_change_is_looked_at_once(stage: Stage, events: list[str], news: list[bool]) -> None:
    results = [resolver(stage).resolve(event, occasion=f"m-{number}") for number, event in enumerate(events)]
    assert [not each.copy for each in results] == news
    assert len(asked(stage)) == sum(each.affected for each in results if not each.copy)
    assert [bool(each.asked) for each in results] == news


def test_a_message_that_comes_back_after_a_crash_is_no_copy(stage: Stage) -> None:
    stage.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(stage).resolve(NATIVE, occasion="m-1")
    assert not resolver(stage).resolve(NATIVE, occasion="m-1").copy
    assert asked(stage) == [str(API), str(WEB)]


def test_a_copy_that_finds_more_dependents_is_none(stage: Stage) -> None:
    resolver(stage).resolve(NATIVE, occasion="m-1")
    late = task_definition(container(GHCR), family="late")
    stage.world = World((late,), (role(),), (GHCR,))
    stage.validate(look(late.arn))
    assert resolver(stage).resolve(CLOUDTRAIL, occasion="m-2").affected == 3


def test_after_ten_minutes_nothing_is_a_copy(stage: Stage) -> None:
    resolver(stage).resolve(NATIVE, occasion="m-1")
    stage.later(seconds=COPIES_S)
    assert not resolver(stage).resolve(NATIVE, occasion="m-2").copy


def test_a_storm_of_stops_is_one_look_a_minute(stage: Stage) -> None:
    for number in range(120):  # a stop each second
        stop = sample("task-stopped-fargate", version=number).replace('"id": "', f'"id": "{number}')
        resolver(stage).resolve(stop, occasion=f"m-{number}")
        stage.later(seconds=1)
    assert len(asked(stage)) == 120 / STOPS_S


# --- What a rotation costs ---------------------------------------------------------------------------------------

SECONDS = iter(range(1, 1000))


def event(name: str, **changes: Any) -> str:
    """A sample as another event, later than all others of this process."""
    made, second = json.loads(sample(name, **changes)), next(SECONDS)
    return json.dumps(
        {**made, "id": f"rotation-{second}", "time": f"2026-11-23T00:{second // 60:02}:{second % 60:02}Z"}
    )


def moved(version: int = 1) -> list[str]:
    """AWSCURRENT moves to a version: natively, and through CloudTrail."""
    token = f"{version:08}-084a-49c9-8722-cbfb0f25c456"
    parameters = json.loads(sample("update-secret-version-stage"))["detail"]["requestParameters"]
    asked_for = {**parameters, "moveToVersionId": token}
    return [
        event("secret-label-updated", versionId=token),
        event("update-secret-version-stage", requestParameters=asked_for),
    ]


def begun() -> list[str]:
    return [event("rotate-secret"), event("rotation-started"), event("put-secret-value-pending")]


ENDED, FAILED = event("rotation-succeeded"), event("rotation-failed")
NATIVELY, BY_CLOUDTRAIL = moved()
# Each row: the events in the order of their coming, and how many of the two dependents each of them asks for.
ROTATIONS: dict[str, tuple[list[str], list[int]]] = {
    "a good one": ([*begun(), *moved(), event("rotation-succeeded")], [1, 0, 0, 2, 0, 1]),
    "its end is told twice": ([*moved(), ENDED, ENDED], [2, 0, 1, 0]),
    "a copy comes after its end": ([NATIVELY, event("rotation-succeeded"), BY_CLOUDTRAIL], [2, 1, 0]),
    "two, one after the other": (
        [*begun(), *moved(2), event("rotation-succeeded"), *begun(), *moved(3), event("rotation-succeeded")],
        [1, 0, 0, 2, 0, 1, 0, 0, 0, 2, 0, 1],
    ),
    "the move was not told": ([*begun(), event("rotation-succeeded")], [1, 0, 0, 2]),
    "the move of the second was not told": (
        [*moved(4), event("rotation-succeeded"), *begun(), event("rotation-succeeded")],
        [2, 0, 1, 1, 0, 0, 2],
    ),
    "a write whose version is not told in between": (
        [*moved(5), event("update-secret-description"), event("rotation-succeeded")],
        [2, 0, 2, 2],
    ),
    "one that failed": ([*begun(), event("rotation-failed")], [1, 0, 0, 2]),
    "one that ends what had failed": (
        [event("rotation-failed"), *moved(6), event("rotation-succeeded"), *moved(7), event("rotation-succeeded")],
        [2, 2, 0, 2, 2, 0, 1],
    ),
    "one that is switched off": ([event("cancel-rotate-secret")], [2]),
    "one whose test failed": ([event("test-rotation-failed")], [2]),
}


@pytest.mark.parametrize(("events", "looks"), ROTATIONS.values(), ids=ROTATIONS)
def test_a_rotation_costs_one_round_of_looks_and_one_before_and_after_it(
    stage: Stage, events: list[str], looks: list[int]
) -> None:
    asked_for = []
    for number, each in enumerate(events):
        stage.sent.messages.clear()
        result = resolver(stage).resolve(each, occasion=f"m-{number}")
        assert result.asked == len(asked(stage))
        asked_for.append(result.asked)
    assert asked_for == looks


def test_the_end_of_a_rotation_finds_a_dependent_that_its_move_did_not(stage: Stage) -> None:
    resolver(stage).resolve(NATIVELY, occasion="m-1")
    late = task_definition(container(GHCR), family="late")
    stage.world = World((late,), (role(),), (GHCR,))
    stage.validate(look(late.arn))
    assert resolver(stage).resolve(event("rotation-succeeded"), occasion="m-2").asked == 3


def test_the_end_of_a_rotation_that_crashed_asks_everybody(stage: Stage) -> None:
    resolver(stage).resolve(NATIVELY, occasion="m-1")
    stage.sent.messages.clear()
    end = event("rotation-succeeded")
    stage.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(stage).resolve(end, occasion="m-2")
    assert resolver(stage).resolve(end, occasion="m-2").asked == 2


def test_long_after_the_move_the_end_of_a_rotation_asks_everybody(stage: Stage) -> None:
    resolver(stage).resolve(NATIVELY, occasion="m-1")
    stage.later(seconds=COPIES_S)
    assert resolver(stage).resolve(event("rotation-succeeded"), occasion="m-2").asked == 2


# --- How rotations ended -----------------------------------------------------------------------------------------


def test_how_a_rotation_ended_is_remembered(stage: Stage) -> None:
    assert stage.ledger.rotation_end(GHCR.arn) is None
    resolver(stage).resolve(sample("rotation-started"), occasion="m-1")
    assert stage.ledger.rotation_end(GHCR.arn) is None
    resolver(stage).resolve(sample("rotation-failed"), occasion="m-2")
    end = stage.ledger.rotation_end(GHCR.arn)
    assert end is not None
    assert end.outcome == "failed"
    assert end.detail


def test_an_earlier_end_that_comes_later_changes_nothing(stage: Stage) -> None:
    failed = json.loads(sample("rotation-failed"))
    failed["time"] = "2026-11-23T00:00:10Z"
    resolver(stage).resolve(json.dumps(failed), occasion="m-1")
    resolver(stage).resolve(sample("rotation-succeeded"), occasion="m-2")
    end = stage.ledger.rotation_end(GHCR.arn)
    assert end is not None
    assert end.outcome == "failed"


def test_the_rotation_of_a_secret_that_nobody_uses_is_not_remembered(ledger: Ledger) -> None:
    resolver(Stage(ledger, World())).resolve(sample("rotation-failed"), occasion="m-1")
    assert ledger.rotation_end(GHCR.arn) is None


# --- A dropped answer --------------------------------------------------------------------------------------------

DROPPED = "register-task-definition-response-dropped"
BY_FAMILY = "update-service-by-family-response-dropped"


@pytest.mark.parametrize("name", [DROPPED, BY_FAMILY])
def test_where_the_answer_was_dropped_the_newest_of_the_family_is_asked_for(ledger: Ledger, name: str) -> None:
    revisions = tuple(task_definition(container(GHCR), revision=number) for number in (6, 9))
    here = Stage(ledger, World(revisions))
    resolver(here).resolve(sample(name), occasion="m-1")
    assert asked(here) == [str(revision_arn("web", 9))]


def test_a_family_that_is_gone_is_rejected(stage: Stage) -> None:
    stage.world = World()
    with pytest.raises(Rejected, match="no ACTIVE revision of the family web"):
        resolver(stage).resolve(sample(DROPPED), occasion="m-1")


def test_a_family_that_cannot_be_asked_for_now_is_asked_for_again(stage: Stage) -> None:
    stage.world = World(unreadable={"task-definition": denied("ecs:DescribeTaskDefinition", "web")})
    with pytest.raises(NotNow, match="ecs:DescribeTaskDefinition"):
        resolver(stage).resolve(sample(DROPPED), occasion="m-1")
    assert stage.sent.messages == []


# --- The other revisions of a family -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["register-task-definition", "update-service"])
def test_what_the_ledger_knows_of_the_family_is_looked_at_as_well(stage: Stage, name: str) -> None:
    """web:7 is the one that the event names."""
    sibling, namesake = revision_arn("web", 6), revision_arn("web-2", 6)
    for known in (sibling, namesake):
        stage.roster.remember(known)
    resolver(stage).resolve(sample(name), occasion="m-1")
    looks = [(each["task_definition"], each["cause"]["kind"]) for each in stage.sent.bodies("validations")]
    kind = json.loads(sample(name))["detail"]["eventName"]
    assert looks == [(str(WEB), kind), (str(sibling), "Change of the family")]


def test_a_good_new_revision_resolves_the_findings_of_the_one_before(ledger: Ledger) -> None:
    broken, good = task_definition(container("nothing-there"), revision=6), task_definition(container(GHCR))
    here = Stage(ledger, World((broken,), (role(reads=[GHCR]),), (GHCR,)))
    here.validate(look(broken.arn))
    assert len(here.sent.details("Finding Opened")) == 1
    here.world = replace(here.world, task_definitions=(broken, good), running=Usage(newest=False))
    resolver(here).resolve(sample("register-task-definition"), occasion="m-2")
    for body in here.sent.bodies("validations"):
        here.validate(Look.parse(json.dumps(body)))
    assert len(here.sent.details("Finding Resolved")) == 1
    assert here.roster.siblings(good.arn) == ()


def test_a_revision_that_was_fine_and_matters_no_more_is_known_no_more(ledger: Ledger) -> None:
    before = task_definition(container(GHCR), revision=6)
    here = Stage(ledger, World((before,), (role(reads=[GHCR]),), (GHCR,)))
    here.validate(look(before.arn))
    assert here.roster.siblings(WEB) == (before.arn,)
    here.world = replace(here.world, running=Usage(newest=False))
    here.validate(look(before.arn, kind=SIBLING))
    assert here.roster.siblings(WEB) == ()


# --- An empty ledger ---------------------------------------------------------------------------------------------


def test_an_empty_ledger_asks_for_a_first_sweep_and_only_one(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    results = [resolver(here).resolve(sample("put-secret-value"), occasion="m-1") for _ in range(3)]
    assert [each.cold for each in results] == [True, True, True]
    (sweep,) = here.sent.bodies("sweeps")
    assert sweep["token"] is None
    assert len(sweep["sweep"]) == 16


def test_a_first_sweep_that_came_to_nothing_is_asked_for_again(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    resolver(here).resolve(sample("put-secret-value"), occasion="m-1")
    here.later(minutes=15)
    resolver(here).resolve(sample("put-secret-value"), occasion="m-1")
    assert len(here.sent.bodies("sweeps")) == 2


def test_after_a_sweep_an_event_that_concerns_nobody_asks_for_none(ledger: Ledger) -> None:
    ledger.save_sweep_state({"sweep": "1"})
    here = Stage(ledger, World())
    assert not resolver(here).resolve(sample("put-secret-value"), occasion="m-1").cold
    assert here.sent.messages == []


# --- What is not ours --------------------------------------------------------------------------------------------


def test_another_accounts_event_that_somebody_forwards_is_rejected(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    with pytest.raises(Rejected, match="web:7 is not of this account and Region"):
        resolver(here).resolve(
            sample("register-task-definition").replace("111122223333", "444455556666"), occasion="m-1"
        )
    assert here.sent.messages == []


# --- What cannot be used -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((EVENTS / "malformed").glob("*.json")), ids=lambda path: path.stem)
def test_a_malformed_event_asks_for_nothing(ledger: Ledger, path: Path) -> None:
    here = Stage(ledger, World())
    with pytest.raises(Rejected):
        resolver(here).resolve(path.read_text(encoding="utf-8"), occasion="m-1")
    assert here.sent.messages == []


@pytest.mark.parametrize("path", sorted((EVENTS / "eventbridge").glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_can_be_resolved(ledger: Ledger, path: Path) -> None:
    here = Stage(ledger, World((task_definition(container(GHCR)),)))
    resolver(here).resolve(path.read_text(encoding="utf-8"), occasion="m-1")
    assert len(here.sent.messages) == 1  # the one that is named, or the first sweep
