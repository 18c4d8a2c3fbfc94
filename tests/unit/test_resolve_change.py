import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pullguard.errors import NotNow, Rejected
from pullguard.flows.resolve_change import ChangeResolver
from pullguard.ledger import Ledger
from tests.fakes import World, container, denied, key, revision_arn, role, secret, task_definition
from tests.flows import Stage, look

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
        ledger=here.ledger,
        queues=here.queues,
        validation_queue_url="validations",
        sweep_queue_url="sweeps",
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
    result = resolver(stage).resolve(sample(name))
    assert asked(stage) == [str(each) for each in expected]
    assert (result.affected, result.cold) == (len(expected), result.cold)


def test_a_key_concerns_the_secrets_under_it(stage: Stage) -> None:
    its = json.loads(sample("disable-key"))
    text = json.dumps(its)
    (arn,) = {part for part in text.replace('"', " ").split() if ":key/" in part}
    resolver(stage).resolve(text.replace(arn, str(key().arn)))
    assert asked(stage) == [str(API)]


def test_a_message_carries_the_cause(stage: Stage) -> None:
    resolver(stage).resolve(sample("put-secret-value"))
    causes = [each["cause"]["kind"] for each in stage.sent.bodies("validations")]
    assert causes == ["PutSecretValue"] * 2


def test_what_nobody_uses_concerns_nobody(stage: Stage) -> None:
    stage.ledger.save_sweep_state({"sweep": "1"})
    text = (
        sample("put-secret-value").replace("registry/ghcr-AbCdEf", "nobodys-Nobody").replace("registry/ghcr", "nobodys")
    )
    assert resolver(stage).resolve(text).affected == 0
    assert stage.sent.messages == []


# --- A dropped answer --------------------------------------------------------------------------------------------

DROPPED = "register-task-definition-response-dropped"


def test_where_the_answer_was_dropped_the_newest_of_the_family_is_asked_for(stage: Stage) -> None:
    stage.world = World((task_definition(container(GHCR), revision=6), task_definition(container(GHCR), revision=9)))
    resolver(stage).resolve(sample(DROPPED))
    assert asked(stage) == [str(revision_arn("web", 9))]


def test_a_family_that_is_gone_is_rejected(stage: Stage) -> None:
    stage.world = World()
    with pytest.raises(Rejected, match="no ACTIVE revision of the family web"):
        resolver(stage).resolve(sample(DROPPED))


def test_a_family_that_cannot_be_asked_for_now_is_asked_for_again(stage: Stage) -> None:
    stage.world = World(unreadable={"task-definition": denied("ecs:DescribeTaskDefinition", "web")})
    with pytest.raises(NotNow, match="ecs:DescribeTaskDefinition"):
        resolver(stage).resolve(sample(DROPPED))
    assert stage.sent.messages == []


# --- An empty ledger ---------------------------------------------------------------------------------------------


def test_an_empty_ledger_asks_for_a_first_sweep_and_only_one(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    results = [resolver(here).resolve(sample("put-secret-value")) for _ in range(3)]
    assert [each.cold for each in results] == [True, True, True]
    (sweep,) = here.sent.bodies("sweeps")
    assert sweep["token"] is None
    assert len(sweep["sweep"]) == 16


def test_a_first_sweep_that_came_to_nothing_is_asked_for_again(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    resolver(here).resolve(sample("put-secret-value"))
    here.later(minutes=15)
    resolver(here).resolve(sample("put-secret-value"))
    assert len(here.sent.bodies("sweeps")) == 2


def test_after_a_sweep_an_event_that_concerns_nobody_asks_for_none(ledger: Ledger) -> None:
    ledger.save_sweep_state({"sweep": "1"})
    here = Stage(ledger, World())
    assert not resolver(here).resolve(sample("put-secret-value")).cold
    assert here.sent.messages == []


# --- What cannot be used -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((EVENTS / "malformed").glob("*.json")), ids=lambda path: path.stem)
def test_a_malformed_event_asks_for_nothing(ledger: Ledger, path: Path) -> None:
    here = Stage(ledger, World())
    with pytest.raises(Rejected):
        resolver(here).resolve(path.read_text(encoding="utf-8"))
    assert here.sent.messages == []


@pytest.mark.parametrize("path", sorted((EVENTS / "eventbridge").glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_can_be_resolved(ledger: Ledger, path: Path) -> None:
    here = Stage(ledger, World((task_definition(container(GHCR)),)))
    resolver(here).resolve(path.read_text(encoding="utf-8"))
    assert len(here.sent.messages) == 1  # the one that is named, or the first sweep
